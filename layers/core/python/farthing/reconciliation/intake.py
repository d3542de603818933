"""A file is taken, batch by batch or transfer by transfer, and may be left anywhere.

Each part is whole in itself and says itself that it was taken. The file's row counts them, so a run
that ends early is gone on with, and one that does a part twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Protocol

from farthing.clock import Clock, to_text
from farthing.reconciliation.bank import take_deposit
from farthing.reconciliation.bank_file import deposits_of
from farthing.reconciliation.deposit_row import Deposit
from farthing.reconciliation.file_row import FileKind, FileRow, FileState, file_key, unplaced_row
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.names import batch_of
from farthing.reconciliation.reading import NoSuchBatch
from farthing.reconciliation.report_file import reports_of
from farthing.reconciliation.reported import Report
from farthing.reconciliation.take import Reconciler, Source
from farthing.reconciliation.undeposited import bank_read_of
from farthing.settlement.batch import BatchName
from farthing.settlement.csv_rows import FileRefused
from farthing.settlement.files import sha256_of
from farthing.store.errors import ConditionFailed
from farthing.store.port import Gets, Writes
from farthing.store.write import Write

SECONDS_FOR_A_PART = 30
"""With less time left no other part is begun."""


class FileStore(Gets, Writes, Protocol):
    """The rows of files."""


@dataclass(frozen=True)
class Services:
    """`books` are one merchant's at one acquirer, by the name of a batch."""

    store: FileStore
    books: Callable[[BatchName], Reconciler]
    clock: Clock
    seconds_left: Callable[[], float]


@dataclass(frozen=True)
class Part:
    """What a file says of one batch."""

    reference: str
    lines: int
    net_cents: int
    take: Callable[[BatchName], tuple[int, dict[str, int]]]
    """Takes it into a batch's books: how many lines matched, and how many are in which break."""
    unplaced: Kind


class Progress(StrEnum):
    """How a run ended: the file is dealt with, or another run has to go on."""

    DONE = "DONE"
    GO_ON = "GO_ON"


def take_file(kind: FileKind, content: bytes, source: Source, services: Services) -> Progress:
    """Take a file, or what is left of it. Raises RacesLost or StoreBusy; another run goes on."""
    sha256 = sha256_of(content)
    row = _row(sha256, kind, source, services)
    if row.state is not FileState.READING:
        return Progress.DONE
    try:
        parts = list(_parts(kind, content, source, services))
    except FileRefused as refused:
        _refuse(row, str(refused), services)
        return Progress.DONE
    counted = replace(row, parts=len(parts), lines=sum(part.lines for part in parts))
    for part in parts[row.done :]:
        if services.seconds_left() < SECONDS_FOR_A_PART:
            return Progress.GO_ON
        after = _take(counted, part, services)
        if after is None:
            return Progress.GO_ON
        counted = after
    return Progress.DONE


def _row(sha256: str, kind: FileKind, source: Source, services: Services) -> FileRow:
    item = services.store.get(file_key(sha256))
    if item is not None:
        return FileRow.of(item)
    row = FileRow(sha256, kind, source.name, source.by, to_text(services.clock.now()))
    try:
        services.store.write(row.created())
    except ConditionFailed as failed:
        if failed.item is None:
            raise
        return FileRow.of(failed.item)
    return row


def _refuse(row: FileRow, problem: str, services: Services) -> None:
    refused = replace(row, state=FileState.REFUSED, problem=problem)
    services.store.write(refused.changed(row))


def _take(row: FileRow, part: Part, services: Services) -> FileRow | None:
    """The file after one part; None if another run went on with it meanwhile."""
    name = batch_of(part.reference)
    also: list[Write] = []
    try:
        if name is None:
            raise NoSuchBatch(part.reference)
        matched, broken = part.take(name)
        after = row.went_on(part.lines, matched, broken)
    except NoSuchBatch:
        unplaced = part.unplaced.value
        after = row.went_on(part.lines, 0, {unplaced: part.lines}, part.lines)
        also = [
            unplaced_row(row.sha256, row.done, unplaced, part.reference, part.net_cents, part.lines)
        ]
    try:
        services.store.write(after.changed(row), *also)
    except ConditionFailed:
        return None
    return after


def _parts(kind: FileKind, content: bytes, source: Source, services: Services) -> Iterator[Part]:
    """The parts in the order of the file. Raises FileRefused before the first one."""
    if kind is FileKind.REPORT:
        for reference, report in reports_of(content).items():
            take = partial(_take_report, report=report, source=source, services=services)
            net = report.total.net_cents
            yield Part(reference, len(report.lines), net, take, Kind.MISSING_IN_LEDGER)
        return
    sha256 = sha256_of(content)
    for deposit in deposits_of(content):
        bank = partial(_take_deposit, deposit=deposit, sha256=sha256, services=services)
        yield Part(deposit.reference, 1, deposit.amount_cents, bank, Kind.DEPOSIT_MISMATCH)


def _take_report(
    name: BatchName, report: Report, source: Source, services: Services
) -> tuple[int, dict[str, int]]:
    if report.currency != name.currency:
        raise NoSuchBatch(name.reference)
    taken = services.books(name).take_report(name.settlement_id, report, source)
    return taken.matched, dict(taken.broken)


def _take_deposit(
    name: BatchName, deposit: Deposit, sha256: str, services: Services
) -> tuple[int, dict[str, int]]:
    taken = take_deposit(services.books(name), name.settlement_id, deposit, sha256)
    bank_read_of(services.store, name)
    if taken.difference_cents:
        return 0, {Kind.DEPOSIT_MISMATCH.value: 1}
    return 1, {}
