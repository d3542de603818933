"""What settlement needs of the outside: a store, and an acquirer that settles batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Protocol

from farthing.settlement.batch import Batch, BatchName
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


class LinesAwaited(Exception):
    """A report was taken that lacks lines of ours: they come in a later one, or are missed."""


class SettlementAcquirer(Protocol):
    """Who settles. A reference with the same file is accepted once, however often it is sent."""

    @property
    def reports_within(self) -> timedelta:
        """After so long, a batch without a report is late."""
        ...

    def has(self, reference: str) -> bool:
        """Whether the acquirer has a batch under `reference`, or needs none. Raises
        OutcomeUnknown."""
        ...

    def submit(self, reference: str, file: bytes) -> None:
        """Ask for the settlement of a batch's file. Raises Refused or OutcomeUnknown."""
        ...

    def report(self, name: BatchName, lines: Iterable[Line]) -> bytes | None:
        """Its report of a batch, as a file; None as long as there is none.

        `lines` are read only if they are needed. Raises OutcomeUnknown.
        """
        ...


TakeReport = Callable[[Batch, Sequence[Line], Report], None]
"""Compares a report with our lines, and moves the batch on from SUBMITTED.

Raises LinesAwaited if it stays there until the report's missing lines come or are missed."""
