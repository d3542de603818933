"""One thread, many processes: who runs next, and what time it is.

    heap of (time, chance, …) ──► the hub takes the first, sets the clock to its time,
                                  and switches to that task until it sleeps, waits or ends

A task is a greenlet, so synchronous code stays as it is: whatever waits in it switches back to the
hub. Tasks belong to a process. A process that is killed does nothing any more: each of its tasks
gets `Crash` where it waits, and again at everything it tries afterwards, so the `finally` blocks of
the product run as Python runs them and change nothing in the world.

Two tasks of the same moment run in the order that the seed draws. The clock is in seconds, and
moves only here.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from typing import Any

from greenlet import getcurrent, greenlet

from tests.simulation.dice import Dice

START = 1_780_000_000.0
"""2026-05-28T20:26:40Z: an ordinary second, some hours before a day ends."""

STEPS_MAX = 200_000
"""More than any run should need. A run that needs more does not come to rest."""


class Crash(BaseException):
    """The process is gone. Not an Exception: no code of the product may survive it."""


class TimedOut(Crash):
    """The process was ended at its time limit."""


class TooManySteps(Exception):
    """The run does not come to rest."""


class Process:
    """What dies at once: the tasks of one invocation."""

    __slots__ = ("deadline", "name", "stopped_by", "tasks", "tenant")

    def __init__(self, name: str, deadline: float = inf) -> None:
        self.name = name
        self.tenant: str | None = None
        """For whom it works: the prefix of a merchant's partitions; None: for all of them."""
        self.deadline = deadline
        self.stopped_by: Crash | None = None
        self.tasks: list[Task] = []

    @property
    def dead(self) -> bool:
        return self.stopped_by is not None

    def again(self) -> Crash:
        """What whoever still runs in it gets: the same end, once more."""
        return type(self.stopped_by or Crash())(self.name)


class Task:
    """A greenlet and where it stands. `turn` tells its present wait from those that are over."""

    __slots__ = ("greenlet", "process", "turn")

    def __init__(self, process: Process) -> None:
        self.process = process
        self.turn = 0
        self.greenlet: greenlet | None = None

    @property
    def over(self) -> bool:
        return self.greenlet is None or self.greenlet.dead


class Promise:
    """A value that comes later."""

    __slots__ = ("_scheduler", "_then", "_waiting", "done", "value")

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._waiting: list[tuple[Task, int]] = []
        self._then: list[Callable[[Any], None]] = []
        self.done = False
        self.value: Any = None

    def set(self, value: Any) -> None:
        """Only the first value counts."""
        if self.done:
            return
        self.done, self.value = True, value
        for task, turn in self._waiting:
            self._scheduler.wake(task, turn)
        for then in self._then:
            then(value)

    def then(self, do: Callable[[Any], None]) -> None:
        """Call `do`, which must not wait, with the value as soon as there is one."""
        if self.done:
            do(self.value)
        else:
            self._then.append(do)

    def wait(self, seconds: float = inf) -> bool:
        """Whether the value came in time."""
        if not self.done:
            task = self._scheduler.current()
            self._waiting.append((task, task.turn + 1))
            self._scheduler.pause_until(self._scheduler.now + seconds)
        return self.done


class Scheduler:
    """The clock and the order of things. `fixed` leaves nothing of the order to chance."""

    def __init__(
        self,
        dice: Dice,
        *,
        start: float = START,
        steps_max: int = STEPS_MAX,
        fixed: bool = False,
    ) -> None:
        self.now = start
        self.steps = 0
        self._steps_max = steps_max
        self._draw: Callable[[], float] = (lambda: 0.0) if fixed else dice.random
        self._heap: list[tuple[float, float, int, Any, int]] = []
        self._pushed = 0
        self._hub = getcurrent()
        self._current: Task | None = None
        self._until = inf
        self._tasks: list[Task] = []
        self._failed: BaseException | None = None

    # --- the hub -----------------------------------------------------------------------------

    def run(self, until: float = inf) -> None:
        """Go on until `until`, or until nothing is left to happen before it.

        Raises what a task of no function raised, and TooManySteps.
        """
        heap, self._until = self._heap, until
        while heap and heap[0][0] <= until:
            when, _, _, target, turn = heappop(heap)
            if turn < 0:
                self.now = max(self.now, when)
                self._step()
                target()
            elif target.turn == turn:
                self.now = max(self.now, when)
                self._step()
                self._resume(target)
            if self._failed is not None:
                failed, self._failed = self._failed, None
                raise failed
        if until != inf:
            self.now = max(self.now, until)

    def next_at(self) -> float:
        """When the next thing happens; never, if all is at rest."""
        while self._heap and self._heap[0][4] >= 0 and self._heap[0][3].turn != self._heap[0][4]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else inf

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Call `action`, which must not wait, at that time."""
        self._push(max(when, self.now), action, -1)

    def spawn(self, process: Process, work: Callable[[], None], after: float = 0.0) -> Task:
        """A new task of the process."""
        task = Task(process)
        task.greenlet = greenlet(lambda: self._run(task, work), self._hub)
        process.tasks.append(task)
        self._tasks.append(task)
        self._push(self.now + after, task, task.turn)
        return task

    def kill(self, process: Process, cause: Crash | None = None) -> None:
        """End a process. Its tasks learn of it where they wait."""
        if process.dead:
            return
        process.stopped_by = cause or Crash(process.name)
        for task in process.tasks:
            if task is not self._current and not task.over:
                self.wake(task, task.turn)

    def close(self) -> None:
        """End everything: nothing of this run is left on any stack."""
        self._heap.clear()
        for task in self._tasks:
            if task.over or not task.greenlet:
                continue
            if task.process.stopped_by is None:
                task.process.stopped_by = Crash("the run is over")
            self._resume(task)
        self._tasks.clear()

    # --- inside a task -----------------------------------------------------------------------

    def current(self) -> Task:
        """The task that runs now."""
        if self._current is None:
            raise RuntimeError("nothing runs: only a task can wait")
        return self._current

    def tenant(self) -> str | None:
        """For whom the task works that runs now; None if for nobody, or for all."""
        return self._current.process.tenant if self._current is not None else None

    def process(self) -> str | None:
        """The name of the process that works now; None if nobody does, as when a call lands
        late."""
        return self._current.process.name if self._current is not None else None

    def sleep(self, seconds: float) -> None:
        """Let time pass for this task. Raises Crash if its process does not live to see it."""
        task = self._current
        if task is None:
            raise RuntimeError("nothing runs: only a task can wait")
        process = task.process
        if process.stopped_by is not None:
            raise process.again()
        wake, heap = self.now + seconds, self._heap
        while heap and heap[0][4] >= 0 and heap[0][3].turn != heap[0][4]:
            heappop(heap)  # a wait that is over
        if (
            (not heap or wake < heap[0][0])
            and wake < process.deadline
            and wake <= self._until
            and self.steps < self._steps_max
        ):
            self.now = wake  # nobody else's turn comes first: no need to switch
            self.steps += 1
        else:
            self.pause_until(wake)

    def pause_until(self, wake: float) -> None:
        """Sleep until then, or until somebody wakes this task."""
        task = self.current()
        process = task.process
        if process.stopped_by is not None:
            raise process.again()
        task.turn += 1
        self._push(min(wake, process.deadline), task, task.turn)
        self._hub.switch()
        if process.stopped_by is None and self.now >= process.deadline:
            self.kill(process, TimedOut(process.name))
        if process.stopped_by is not None:
            raise process.again()

    def wake(self, task: Task, turn: int) -> None:
        """End that wait of the task now. Nothing, if it is over already."""
        if task.turn == turn:
            task.turn += 1
            self._push(self.now, task, task.turn)

    # --- within ------------------------------------------------------------------------------

    def _push(self, when: float, target: Any, turn: int) -> None:
        if when == inf:
            return
        self._pushed += 1
        heappush(self._heap, (when, self._draw(), self._pushed, target, turn))

    def _step(self) -> None:
        self.steps += 1
        if self.steps > self._steps_max:
            raise TooManySteps(f"{self.steps} steps and no rest at {self.now}")

    def _resume(self, task: Task) -> None:
        self._current = task
        assert task.greenlet is not None
        task.greenlet.switch()
        self._current = None

    def _run(self, task: Task, work: Callable[[], None]) -> None:
        try:
            if not task.process.dead:
                work()
        except Crash:
            pass
        except BaseException as error:  # noqa: BLE001 - raised by `run`, in the hub
            self._failed = error
        finally:
            task.turn += 1
            task.process.tasks.remove(task)
