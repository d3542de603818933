"""Finishing: an unfinished batch goes as far as it can, one conditional step after another.

Every step reads what is stored, does one thing, and writes the next state on the condition that
the state is still the one that it read. Whoever loses a race reads again and goes on from there.

A batch is looked up at the acquirer before it is submitted, by its reference: a run that died
after the submission, or never heard the answer, finds it there and does not send it again. What
its report means is decided by whoever takes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from farthing.clock import Clock, from_text, to_text
from farthing.files import Files
from farthing.settlement.batch import (
    NEXT,
    STILL_CLOSING,
    STILL_SUBMITTED,
    TABLE,
    Batch,
    Reason,
    Status,
    Trouble,
    batch_key,
    unfinished_pk,
)
from farthing.settlement.batch_file import CONTENT_TYPE, batch_file
from farthing.settlement.files import batch_file_key, report_file_key, sha256_of
from farthing.settlement.line import SK_PREFIX, Line
from farthing.settlement.ports import (
    LinesAwaited,
    OutcomeUnknown,
    Refused,
    SettlementAcquirer,
    Store,
    TakeReport,
)
from farthing.settlement.report_file import ReportUnreadable, read_report
from farthing.settlement.totals import Totals, totals_of
from farthing.settlement.transition import excepted, moved
from farthing.store.errors import ConditionFailed
from farthing.store.item import Item
from farthing.store.scope import TenantScope
from farthing.store.write import Update

STEPS_MAX = 10
"""Three steps lead to the end; the others are races lost."""


class NotReportedYet(Exception):
    """The acquirer has the batch and no report of it: a later run reads it."""


class Wait(StrEnum):
    """Why a batch did not come to its end."""

    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    NOT_REPORTED = "NOT_REPORTED"
    REPORT_UNREADABLE = "REPORT_UNREADABLE"
    LINES_AWAITED = "LINES_AWAITED"
    RACES_LOST = "RACES_LOST"


@dataclass(frozen=True)
class Progress:
    """How far a batch came, what it waits for if that is not its end, and how long it may."""

    batch: Batch
    wait: Wait | None = None
    reports_within: timedelta = timedelta()

    def must_be_told(self, now: datetime) -> bool:
        """Whether somebody has to hear that it waits. An acquirer takes hours for a report, and a
        line that it lacks is reconciliation's to miss."""
        if self.wait is Wait.NOT_REPORTED and self.batch.submitted_at is not None:
            return now - from_text(self.batch.submitted_at) >= self.reports_within
        return self.wait not in {None, Wait.LINES_AWAITED}


@dataclass(frozen=True)
class Unfinished:
    """A batch that is listed as unfinished."""

    settlement_id: str
    business_day: date
    number: int


@dataclass(frozen=True)
class Finisher:
    """Takes one merchant's batches at one acquirer to their end."""

    tenant: TenantScope
    acquirer_name: str
    acquirer: SettlementAcquirer
    store: Store
    files: Files
    clock: Clock
    take: TakeReport

    def finish(self, settlement_id: str) -> Progress:
        """One batch, as far as it comes now: SETTLED, EXCEPTION, or waiting for the acquirer."""
        within = self.acquirer.reports_within
        for _ in range(STEPS_MAX):
            batch = self._read(settlement_id)
            if not NEXT[batch.status]:
                return Progress(batch)
            try:
                self._step(batch)
            except ConditionFailed:
                pass  # another run took this step
            except OutcomeUnknown:
                return Progress(batch, Wait.OUTCOME_UNKNOWN)
            except NotReportedYet:
                return Progress(batch, Wait.NOT_REPORTED, within)
            except ReportUnreadable:
                return Progress(batch, Wait.REPORT_UNREADABLE)
            except LinesAwaited:
                return Progress(batch, Wait.LINES_AWAITED)
        return Progress(batch, Wait.RACES_LOST)

    def _step(self, batch: Batch) -> None:
        if batch.status is Status.OPEN:
            self.store.write(*moved(batch, Status.CLOSING))
        elif batch.status is Status.CLOSING:
            self._submit(batch)
        else:
            self._read_back(batch)

    def _submit(self, batch: Batch) -> None:
        lines, reference = list(self._lines(batch)), batch.name.reference
        file = batch_file(reference, lines)
        sha256 = sha256_of(file)
        self._write_totals(batch, totals_of(lines), sha256)
        if not self.acquirer.has(reference):
            self.files.put(batch_file_key(batch.name, sha256), file, CONTENT_TYPE)
            try:
                self.acquirer.submit(reference, file)
            except Refused as refused:
                trouble = Trouble(Reason.REFUSED_BY_ACQUIRER, f"it answered {refused.code}")
                self.store.write(*moved(batch, Status.EXCEPTION, **excepted(trouble)))
                return
        submitted_at = to_text(self.clock.now())
        self.store.write(*moved(batch, Status.SUBMITTED, submitted_at=submitted_at))

    def _read_back(self, batch: Batch) -> None:
        """Fetch the report, keep it as it is, and have it taken."""
        file = self.acquirer.report(batch.name, self._lines(batch))
        if file is None:
            raise NotReportedYet
        sha256 = sha256_of(file)
        if batch.report_sha256 != sha256:
            self.files.put(report_file_key(batch.name, sha256), file, CONTENT_TYPE)
            kept = Update(batch.name.key, STILL_SUBMITTED, set={"report_sha256": sha256})
            self.store.write(kept)
        report = read_report(file, batch.name.reference)
        if report.currency != batch.name.currency:
            raise ReportUnreadable("its sums are in another currency than the batch")
        self.take(batch, list(self._lines(batch)), report)

    def _write_totals(self, batch: Batch, totals: Totals, sha256: str) -> None:
        figures = {**totals.to_item(), "content_sha256": sha256}
        self.store.write(Update(batch.name.key, when=STILL_CLOSING, set=figures))

    def _read(self, settlement_id: str) -> Batch:
        item = self.store.get(batch_key(self.tenant, settlement_id))
        if item is None:
            raise LookupError(f"{settlement_id} is listed as unfinished and is not there")
        return Batch.of(self.tenant, item)

    def _lines(self, batch: Batch) -> Iterator[Line]:
        """The stored lines in the order of their keys: the same for every reader."""
        start: Item | None = None
        while True:
            page = self.store.query(
                batch.name.key.table, batch.name.key.pk, sk_prefix=SK_PREFIX, start=start
            )
            yield from map(Line.of, page.items)
            start = page.next_start
            if start is None:
                return

    def unfinished(self, until: date) -> list[Unfinished]:
        """The unfinished batches of the days up to `until`, oldest first."""
        pk = unfinished_pk(self.tenant, self.acquirer_name)
        found: list[Unfinished] = []
        start: Item | None = None
        while True:
            page = self.store.query(TABLE, pk, start=start)
            found += map(_unfinished, page.items)
            start = page.next_start
            if start is None:
                return [one for one in found if one.business_day <= until]


def _unfinished(item: Item) -> Unfinished:
    """A listed batch. One that was listed before lanes were is of the only one."""
    day = date.fromisoformat(item["business_day"])
    return Unfinished(item["settlement_id"], day, item.get("number", 1))
