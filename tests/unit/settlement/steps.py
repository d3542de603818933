"""Where a run can die, and where two runs can take turns: before and after each outside call."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


class Crash(BaseException):
    """The process is gone. No `except Exception` holds it up."""


@dataclass
class Steps:
    """Called before and after each call to the outside; `on_step` may crash or wait there."""

    on_step: Callable[[], None] = lambda: None

    def around(self, call: Callable[[], Any]) -> Any:
        self.on_step()
        answer = call()
        self.on_step()
        return answer


def crash_at(number: int) -> Callable[[], None]:
    """Crashes at the step `number`, counted from 1; 0 never does."""
    steps = iter(range(1, 1_000_000))

    def step() -> None:
        if next(steps) == number:
            raise Crash

    return step


@dataclass
class TurnTaking:
    """Two runs take turns at their steps, in an order that the seed fixes."""

    seed: int
    waiting: set[str] = field(default_factory=set)
    alive: set[str] = field(default_factory=set)
    turn: str = ""
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def run(self, **runs: Callable[[Callable[[], None]], object]) -> list[BaseException]:
        """Run all of them; what they raised."""
        raised: list[BaseException] = []
        self.alive = set(runs)
        self.turn = self.random.choice(sorted(runs))

        def body(name: str) -> None:
            try:
                runs[name](lambda: self._step(name))
            except BaseException as error:  # noqa: BLE001 - the test looks at it
                raised.append(error)
            finally:
                with self.changed:
                    self.alive.discard(name)
                    self._next()

        threads = [threading.Thread(target=body, args=(name,)) for name in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert not any(thread.is_alive() for thread in threads)
        return raised

    def _step(self, name: str) -> None:
        with self.changed:
            self._next()
            assert self.changed.wait_for(lambda: self.turn == name, timeout=20)

    def _next(self) -> None:
        if self.alive:
            self.turn = self.random.choice(sorted(self.alive))
        self.changed.notify_all()
