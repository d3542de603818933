"""One call of a process to the outside: its way there, its effect, its answer, and what goes wrong.

    ── on its way ──► effect ──► answer
    crash, refused,     crash, lost,
    slow, late          too slow

Every call passes here. This is where other tasks get their turn, and where faults strike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tests.simulation.faults import LATE_SECONDS_MAX, Fault, Point
from tests.simulation.scheduler import Crash, TimedOut
from tests.simulation.trace import OK

if TYPE_CHECKING:
    from tests.simulation.functions import Environment
    from tests.simulation.world import World

SLOW_SECONDS = (0.05, 300.0)
STALL_SECONDS = (1.0, 120.0)
THROTTLING = "ThrottlingException"

Effect = Callable[[], Any]


class Unanswered(Exception):
    """What a call comes to whose answer was lost. `waited`: only after the whole timeout."""

    def __init__(self, fault: Fault, *, waited: bool, sent: bool = True) -> None:
        super().__init__()
        self.fault, self.waited, self.sent = fault, waited, sent


class Busy(ClientError):
    """An error that a fault made."""

    def __init__(self, fault: Fault, response: Any, operation: str) -> None:
        super().__init__(response, operation)
        self.fault = fault


class Caller:
    """Calls of one environment's processes."""

    __slots__ = ("env", "world")

    def __init__(self, env: Environment, world: World) -> None:
        self.env, self.world = env, world

    def once(self, point: Point, effect: Effect, timeout: float, again: Fault | None = None) -> Any:
        """One try. Raises what `effect` raises, Unanswered, Busy or Crash.

        `again` is the fault of the try before, if it still lasts.
        """
        world, process = self.world, self.env.process
        scheduler = world.scheduler
        fault = again or world.faults.at(point)
        world.calls.append(point.name)
        if fault is not None:
            return self.faulty(point, fault, effect, timeout)
        try:
            scheduler.sleep(world.faults.latency())
        except TimedOut:
            self._perhaps(effect)
            raise
        try:
            answer = effect()
        except Exception as error:
            world.trace.add(scheduler.now, process.name, point.name, "", result_of(error))
            raise
        world.trace.rows.append((scheduler.now, process.name, point.name, "", OK))
        return answer

    def _done(self, point: Point, fault: str, effect: Effect) -> Any:
        world, name = self.world, self.env.process.name
        try:
            answer = effect()
        except Exception as error:
            world.trace.add(world.scheduler.now, name, point.name, fault, result_of(error))
            raise
        world.trace.add(world.scheduler.now, name, point.name, fault, OK)
        return answer

    def _travel(self, seconds: float, effect: Effect) -> None:
        """The way there. Who is ended meanwhile cannot call back what it sent."""
        try:
            self.world.scheduler.sleep(seconds)
        except TimedOut:
            self._perhaps(effect)
            raise

    def _perhaps(self, effect: Effect) -> None:
        if self.world.faults.dice.chance(0.5):
            _quietly(effect)

    def faulty(self, point: Point, fault: Fault, effect: Effect, timeout: float) -> Any:
        """One try that meets a fault."""
        world, dice = self.world, self.world.faults.dice
        scheduler = world.scheduler
        world.struck_at(point, fault)
        latency = world.faults.latency()
        if fault in (Fault.SLOW, Fault.STALL, Fault.FREEZE):
            return self._waiting(point, fault, effect, timeout)
        self._travel(latency, effect)
        if fault is Fault.CRASH_BEFORE:
            self.note(point, fault, "gone")
            raise self.crash()
        if fault is Fault.CRASH_AFTER:
            self.note(point, fault, _quietly(effect))
            raise self.crash()
        if fault in (Fault.THROTTLED, Fault.CONFLICT):
            self.note(point, fault, "error")
            raise _busy(fault, point)
        if fault is Fault.REFUSED:
            self.note(point, fault, "no byte sent")
            raise Unanswered(fault, waited=False, sent=False)
        if fault is Fault.LATE:
            late = dice.spread(0.1, LATE_SECONDS_MAX)
            self._later(late, point, effect)
            self.note(point, fault, f"in {late:.1f} s")
        else:
            self.note(point, fault, _quietly(effect))
            if dice.chance(0.5):
                raise Unanswered(fault, waited=False)
        scheduler.sleep(max(0.0, timeout - latency))
        raise Unanswered(fault, waited=True)

    def outside(self, point: Point, exchange: Effect) -> Any:
        """A call whose network is somebody else's to play: `exchange` takes its own time."""
        world, process = self.world, self.env.process
        fault = world.faults.at(point)
        world.calls.append(point.name)
        if fault is not None:
            world.struck_at(point, fault)
        if fault in (Fault.STALL, Fault.FREEZE):
            return self._waiting(point, fault, exchange, 0.0)
        if fault is Fault.CRASH_BEFORE:
            self.note(point, fault, "gone")
            raise self.crash()
        if fault is Fault.CRASH_DURING:
            self.note(point, fault, "sent")
            scheduler = world.scheduler
            scheduler.at(scheduler.now + world.faults.during(), lambda: scheduler.kill(process))
        if fault is Fault.CRASH_AFTER:
            self.note(point, fault, _quietly(exchange))
            raise self.crash()
        return self._done(point, "", exchange)

    def _waiting(self, point: Point, fault: Fault, effect: Effect, timeout: float) -> Any:
        """Time passes: on the way, on the way back, or because nothing runs here."""
        world, dice = self.world, self.world.faults.dice
        scheduler, process = world.scheduler, self.env.process
        before = dice.chance(0.5)
        if fault is Fault.FREEZE:
            seconds = self.env.freeze(process)
        elif fault is Fault.STALL:
            seconds = dice.spread(*STALL_SECONDS)
        else:
            seconds = dice.spread(*SLOW_SECONDS)
        if fault is Fault.SLOW and seconds >= timeout:
            if before:
                self._later(seconds, point, effect)
                self.note(point, fault, f"in {seconds:.1f} s")
            else:
                self.note(point, fault, _quietly(effect))
            scheduler.sleep(timeout)
            raise Unanswered(fault, waited=True)
        if before:
            self.note(point, fault, f"waits {seconds:.1f} s")
            self._travel(seconds, effect)
            return self._done(point, "", effect)
        try:
            return self._done(point, fault.value, effect)
        finally:
            scheduler.sleep(seconds)

    def _later(self, seconds: float, point: Point, effect: Effect) -> None:
        """What was called works on it after its caller has given up."""
        trace, scheduler, name = self.world.trace, self.world.scheduler, self.env.process.name

        def arrive() -> None:
            trace.add(scheduler.now, name, point.name, "arrives late", _quietly(effect))

        scheduler.at(scheduler.now + seconds, arrive)

    def crash(self) -> Crash:
        """End the process that calls; to be raised."""
        crash = Crash(self.env.process.name)
        self.world.scheduler.kill(self.env.process, crash)
        return crash

    def note(self, point: Point, fault: Fault, result: str) -> None:
        world = self.world
        now, name = world.scheduler.now, self.env.process.name
        world.trace.add(now, name, point.name, fault.value, result)


def _quietly(effect: Effect) -> str:
    """Do it, though nobody is told how it ended."""
    try:
        effect()
    except Exception as error:  # noqa: BLE001 - nobody is told
        return result_of(error)
    return OK


def result_of(error: BaseException) -> str:
    """A failed call in a word."""
    if isinstance(error, ClientError):
        reasons = error.response.get("CancellationReasons")
        code = str(error.response["Error"]["Code"])
        if reasons:
            return f"{code}[{', '.join(str(reason.get('Code')) for reason in reasons)}]"
        return code
    return type(error).__name__


def _busy(fault: Fault, point: Point) -> Busy:
    message = {"Message": "by the simulator"}
    operation = point.name.split(" ")[1].split(".")[1].split("(")[0]
    if operation == "transact_write_items":
        code = "TransactionConflict" if fault is Fault.CONFLICT else "ThrottlingError"
        response: Any = {
            "Error": {"Code": "TransactionCanceledException", **message},
            "CancellationReasons": [{"Code": code}],
        }
    elif operation == "invoke":
        response = {"Error": {"Code": "TooManyRequestsException", **message}}
    else:
        code = "TransactionConflictException" if fault is Fault.CONFLICT else THROTTLING
        response = {"Error": {"Code": code, **message}}
    return Busy(fault, response, operation)
