"""What settlement needs of the outside: a store, and an acquirer that settles batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from farthing.settlement.batch import BatchName
from farthing.settlement.line import Line
from farthing.settlement.report import Report
from farthing.store.port import Gets, Queries, Writes


class Store(Gets, Queries, Writes, Protocol):
    """Consistent reads of base tables, and writes that are all or nothing."""


class OutcomeUnknown(Exception):
    """No answer that counts: nobody knows what the acquirer did. Look up later, by reference."""


class Refused(Exception):
    """A definite, authenticated refusal of a submission. `code` is the acquirer's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Submission:
    """A batch that the acquirer has. `report` is None until it is written."""

    report: Report | None


class SettlementAcquirer(Protocol):
    """Who settles. A reference with the same content is accepted once, however often it is sent."""

    def look_up(self, reference: str) -> Submission | None:
        """What the acquirer has under `reference`; None if it says that it has nothing.

        Raises OutcomeUnknown.
        """
        ...

    def submit(self, name: BatchName, lines: Sequence[Line]) -> None:
        """Ask for the settlement of `lines`. Raises Refused or OutcomeUnknown."""
        ...
