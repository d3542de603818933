"""Finishing: an unfinished batch goes as far as it can, one conditional step after another.

Every step reads what is stored, does one thing, and writes the next state on the condition that
the state is still the one that it read. Whoever loses a race reads again and goes on from there.

A batch is looked up at the acquirer before it is submitted, by its reference: a run that died
after the submission, or never heard the answer, finds it there and does not send it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from farthing.clock import Clock, from_text, to_text
from farthing.settlement.batch import (
    NEXT,
    STILL,
    STILL_CLOSING,
    TABLE,
    Batch,
    Reason,
    Status,
    Totals,
    Trouble,
    batch_key,
    totals_of,
    unfinished_pk,
)
from farthing.settlement.line import SK_PREFIX, Line
from farthing.settlement.ports import OutcomeUnknown, Refused, SettlementAcquirer, Store
from farthing.settlement.report import trouble_with
from farthing.store.condition import EXISTS
from farthing.store.errors import ConditionFailed
from farthing.store.item import Item, Value
from farthing.store.scope import TenantScope
from farthing.store.write import Delete, Update, Write

STEPS_MAX = 10
"""Three steps lead to the end; the others are races lost."""
REPORT_LATE_AFTER = timedelta(hours=20)
"""Less than a day, so that the next day's run finds the report late."""


class NotReportedYet(Exception):
    """The acquirer has the batch and no report of it: a later run reads it."""


class Wait(StrEnum):
    """Why a batch did not come to its end."""

    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    NOT_REPORTED = "NOT_REPORTED"
    RACES_LOST = "RACES_LOST"


@dataclass(frozen=True)
class Progress:
    """How far a batch came, and what it waits for if that is not its end."""

    batch: Batch
    wait: Wait | None = None

    def must_be_told(self, now: datetime) -> bool:
        """Whether somebody has to hear that it waits. An acquirer takes hours for a report."""
        if self.wait is Wait.NOT_REPORTED and self.batch.submitted_at is not None:
            return now - from_text(self.batch.submitted_at) >= REPORT_LATE_AFTER
        return self.wait is not None


@dataclass(frozen=True)
class Finisher:
    """Takes one merchant's batches at one acquirer to their end."""

    tenant: TenantScope
    acquirer_name: str
    acquirer: SettlementAcquirer
    store: Store
    clock: Clock

    def finish(self, settlement_id: str) -> Progress:
        """One batch, as far as it comes now: SETTLED, EXCEPTION, or waiting for the acquirer."""
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
                return Progress(batch, Wait.NOT_REPORTED)
        return Progress(batch, Wait.RACES_LOST)

    def _step(self, batch: Batch) -> None:
        if batch.status is Status.OPEN:
            self._move(batch, Status.CLOSING)
        elif batch.status is Status.CLOSING:
            self._submit(batch)
        else:
            self._read_back(batch)

    def _submit(self, batch: Batch) -> None:
        lines = list(self._lines(batch))
        if batch.totals is None:
            self._write_totals(batch, totals_of(lines))
        if self.acquirer.look_up(batch.name.reference) is None:
            try:
                self.acquirer.submit(batch.name, lines)
            except Refused as refused:
                trouble = Trouble(Reason.REFUSED_BY_ACQUIRER, f"it answered {refused.code}")
                self._move(batch, Status.EXCEPTION, **excepted(trouble))
                return
        self._move(batch, Status.SUBMITTED, submitted_at=to_text(self.clock.now()))

    def _read_back(self, batch: Batch) -> None:
        found = self.acquirer.look_up(batch.name.reference)
        if found is None or found.report is None:
            raise NotReportedYet
        lines = list(self._lines(batch))
        paid = found.report.paid
        figures = {
            "gross_cents": paid.gross_cents,
            "fee_cents": paid.fee_cents,
            "net_cents": paid.net_cents,
        }
        trouble = trouble_with(found.report, lines, totals_of(lines))
        if trouble is None:
            settled_at = to_text(self.clock.now())
            self._move(batch, Status.SETTLED, settled_at=settled_at, **figures)
        else:
            self._move(batch, Status.EXCEPTION, **excepted(trouble), **figures)

    def _move(self, batch: Batch, status: Status, **changes: Value) -> None:
        """One transition; with the last one the batch leaves the list of unfinished ones."""
        if status not in NEXT[batch.status]:
            raise ValueError(f"{batch.status} does not lead to {status}")
        writes: list[Write] = [
            Update(
                batch.name.key,
                when=STILL[batch.status],
                set={"status": status.value, **changes},
            )
        ]
        if not NEXT[status]:
            writes.append(Delete(batch.name.marker_key, when=EXISTS))
        self.store.write(*writes)

    def _write_totals(self, batch: Batch, totals: Totals) -> None:
        self.store.write(Update(batch.name.key, when=STILL_CLOSING, set=totals.to_item()))

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

    def unfinished(self, before: date) -> list[str]:
        """The ids of the unfinished batches of the days before `before`."""
        pk = unfinished_pk(self.tenant, self.acquirer_name)
        found: list[str] = []
        start: Item | None = None
        while True:
            page = self.store.query(TABLE, pk, start=start)
            found += [
                item["settlement_id"]
                for item in page.items
                if item["business_day"] < before.isoformat()
            ]
            start = page.next_start
            if start is None:
                return found


def excepted(trouble: Trouble) -> dict[str, Value]:
    """The attributes of a batch that somebody has to look at."""
    return {"exception_reason": trouble.reason.value, "exception_detail": trouble.detail}
