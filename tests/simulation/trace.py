"""What happened in one run, call by call: to be hashed, compared and read."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from tests.simulation.scheduler import START

OK = "ok"


class Step(NamedTuple):
    """One call, or one thing that the world did."""

    at: float
    process: str
    point: str
    fault: str
    result: str

    def line(self, start: float) -> str:
        """For people."""
        fault = f"  !! {self.fault}" if self.fault else ""
        result = "" if self.result == OK else f"  → {self.result}"
        return f"{_moment(self.at - start)}  {self.process:<22} {self.point}{fault}{result}"


class Trace:
    """The steps of a run, in order. `rows` are plain tuples in the order of `Step`'s fields."""

    __slots__ = ("rows", "start")

    def __init__(self, start: float = START) -> None:
        self.start = start
        self.rows: list[tuple[float, str, str, str, str]] = []

    def add(self, at: float, process: str, point: str, fault: str, result: str) -> None:
        """One more step."""
        self.rows.append((at, process, point, fault, result))

    @property
    def steps(self) -> list[Step]:
        """To look at."""
        return [Step(*row) for row in self.rows]

    def digest(self) -> str:
        """Two runs with the same digest did the same."""
        hashed = blake2b(digest_size=16)
        for at, process, point, fault, result in self.rows:
            line = f"{at:.6f}|{process}|{point}|{fault}|{result}\n"
            hashed.update(line.encode())
        return hashed.hexdigest()

    def render(self, only: Iterable[str] = ()) -> str:
        """The timeline. `only` keeps the steps whose process or point names one of the words."""
        words = list(only)
        kept = [
            step
            for step in self.steps
            if not words or any(word in step.process or word in step.point for word in words)
        ]
        return "\n".join(step.line(self.start) for step in kept)


def _moment(seconds: float) -> str:
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    return f"{int(days)}d {int(hours):02}:{int(minutes):02}:{rest:06.3f}"
