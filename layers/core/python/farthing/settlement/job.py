"""A message of the settlement queue: one merchant, or one lane of it at one acquirer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True)
class Lane:
    """One shard of every day of a merchant's entries in a mode at an acquirer."""

    mode: str
    acquirer: str
    number: int

    def __str__(self) -> str:
        return f"{self.mode}/{self.acquirer}/{self.number}"

    @classmethod
    def parse(cls, text: str) -> Lane:
        """Raises ValueError for anything else."""
        mode, acquirer, number = text.split("/")
        return cls(mode, acquirer, int(number))


@dataclass(frozen=True)
class Job:
    """Whom to settle, and until which business day at each acquirer.

    `acquirers` may have money of this merchant: `test/sandbox`. Before `first_day` it had none.
    `run` names who waits for the result, if anybody does. Whatever is sent twice finds nothing left
    to do.
    """

    merchant_id: str
    first_day: date
    until: Mapping[str, date]
    acquirers: tuple[str, ...]
    run: str | None = None
    lane: Lane | None = None
    turn: int = 1
    """How often this lane was set to work in this run, for it to be gone on with."""

    @property
    def name(self) -> str:
        """What tells it from the others of its run."""
        return self.merchant_id if self.lane is None else f"{self.merchant_id}/{self.lane}"

    def asks(self, mode: str, acquirer: str) -> bool:
        """Whether it is about an acquirer in a mode."""
        if self.lane is not None:
            return (self.lane.mode, self.lane.acquirer) == (mode, acquirer)
        return f"{mode}/{acquirer}" in self.acquirers and acquirer in self.until

    def to_text(self) -> str:
        """The message's body."""
        document: dict[str, Any] = {
            "merchant_id": self.merchant_id,
            "first_day": self.first_day.isoformat(),
            "until": {acquirer: day.isoformat() for acquirer, day in self.until.items()},
            "acquirers": self.acquirers,
        }
        if self.run is not None:
            document["run"] = self.run
        if self.lane is not None:
            document |= {"lane": str(self.lane), "turn": self.turn}
        return json.dumps(document)

    @classmethod
    def parse(cls, text: str) -> Job:
        """Raises KeyError, TypeError or ValueError for anything else."""
        document = json.loads(text)
        until = {name: date.fromisoformat(day) for name, day in document["until"].items()}
        lane = document.get("lane")
        return cls(
            merchant_id=document["merchant_id"],
            first_day=date.fromisoformat(document["first_day"]),
            until=until,
            acquirers=tuple(document["acquirers"]),
            run=document.get("run"),
            lane=None if lane is None else Lane.parse(lane),
            turn=int(document.get("turn", 1)),
        )


def is_lane(name: str) -> bool:
    """Whether a job's name is a lane's, and not a merchant's."""
    return "/" in name
