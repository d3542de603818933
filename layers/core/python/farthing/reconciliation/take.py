"""A batch's report is taken: its lines against ours, the breaks named, the ledger posted.

    read what is stored ──► plan ──► write, a transaction at a time ──► the file is read, once
            ▲                                    │
            └──── somebody else moved the books ─┘

Each transaction holds the breaks that it is about, what they and the matched lines do to the
ledger, and the batch's next `books_version`. A run that dies between two is done again from the
beginning: what is written says so itself. A file whose row is there changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from farthing.clock import Clock, to_text
from farthing.ledger.transaction import LedgerTransaction, booked_alone
from farthing.reconciliation.change import Change, Together, together
from farthing.reconciliation.deposit_row import after_report
from farthing.reconciliation.effect import Effect, posted
from farthing.reconciliation.mark import marks_of
from farthing.reconciliation.plan import Plan, Tally
from farthing.reconciliation.reading import (
    TRIES_MAX,
    BatchReader,
    RacesLost,
    Store,
    report_key,
)
from farthing.reconciliation.reported import Report
from farthing.reconciliation.seen import Seen
from farthing.reconciliation.standing import Standing
from farthing.reconciliation.strangers import Strangers
from farthing.reconciliation.terms import Terms
from farthing.settlement.batch import Status
from farthing.store.condition import NOT_CREATED
from farthing.store.errors import ConditionFailed
from farthing.store.item import Item
from farthing.store.scope import TenantScope
from farthing.store.write import Put, Write

ENTITY = "reconciliation_report"


@dataclass(frozen=True)
class Source:
    """Where a report came from: a name for people, and who brought it."""

    name: str
    by: str


@dataclass(frozen=True)
class Taken:
    """A report that was taken, now or before. `broken` counts its lines by their breaks' kinds."""

    status: Status
    matched: int
    broken: Mapping[str, int]
    is_new: bool


@dataclass(frozen=True)
class Reconciler:
    """One merchant's batches at one acquirer."""

    tenant: TenantScope
    acquirer: str
    terms: Terms
    store: Store
    clock: Clock

    @property
    def reader(self) -> BatchReader:
        """What is stored."""
        return BatchReader(self.tenant, self.store)

    def take_report(self, settlement_id: str, report: Report, source: Source) -> Taken:
        """Take one batch's report. Raises NoSuchBatch, RacesLost or StoreBusy."""
        for _ in range(TRIES_MAX):
            standing = self.reader.standing(settlement_id)
            row = self.reader.report(settlement_id, report.sha256)
            if row is not None:
                return Taken(standing.status, row["matched"], row["broken"], is_new=False)
            seen = self._seen(standing, report)
            plan = Plan(seen, report)
            changes, at_once = plan.changes()
            try:
                self._write(seen, changes, at_once, self._row(seen, report, plan.tally, source))
            except ConditionFailed:
                continue
            status = self.reader.standing(settlement_id).status
            return Taken(status, plan.tally.matched, counted(plan.tally), is_new=True)
        raise RacesLost(settlement_id)

    def _seen(self, standing: Standing, report: Report) -> Seen:
        lines = {(one.operation, one.reference): one for one in self.reader.lines(standing)}
        movements = [*lines, *(line.movement for line in report.lines)]
        strangers = Strangers(
            self.tenant, self.acquirer, standing.settlement_id, self.terms.calendar, self.store
        )
        return Seen(
            standing=standing,
            acquirer=self.acquirer,
            currency=report.currency,
            terms=self.terms,
            file=report.sha256,
            now=self.clock.now(),
            lines=lines,
            breaks=self.reader.breaks(standing),
            marks=marks_of(self.store, self.tenant, self.acquirer, movements),
            about=strangers.about,
            break_of=self.reader.break_of,
        )

    def _write(self, seen: Seen, changes: Sequence[Change], at_once: Change, row: Write) -> None:
        """All of it, the last transaction with the file's own row. Raises ConditionFailed if the
        books were moved meanwhile: what is written then stays true."""
        groups = list(together(changes))
        if groups[-1].elsewhere is not None:
            groups.append(Together())
        for group in groups[:-1]:
            self.commit(seen.standing, group, seen.now)
            seen = replace(seen, standing=self.reader.standing(seen.here))
        last, standing = groups[-1], seen.standing
        also: dict[str, Any] = {}
        last.take(at_once)
        if not standing.is_reported:
            also = {"reported_at": to_text(seen.now), "report_sha256": seen.file}
            if standing.number("deposit_count"):
                also["accounted_cents"] = standing.number("net_cents") + last.paid.net_cents
            last.take(after_report(standing, seen.now, seen.file, last.paid))
        self.commit(standing, last, seen.now, [row], also)

    def commit(
        self,
        standing: Standing,
        group: Together,
        now: datetime,
        rows: Sequence[Write] = (),
        also: Mapping[str, Any] | None = None,
        add: Mapping[str, int] | None = None,
    ) -> None:
        """One transaction: what is in `group`, other `rows`, the batch, and the ledger.

        `also` and `add` are what else changes in the batch's row. Raises ConditionFailed.
        """
        at = to_text(now)
        booked = self._booked(standing, group.effect, now)
        named = {one.postings[0].amount.currency: one.transaction_id for one in booked}
        writes = [*group.writes, *rows, *standing.writes(group.counts, at, group.paid, also, add)]
        for one in group.opened:
            by = next((named.get(currency) for currency in one.effect.suspense), None)
            writes.append(replace(one, posted_by=by).created())
        if group.elsewhere is not None:
            settlement_id, counts = group.elsewhere
            writes += self.reader.standing(settlement_id).writes(counts, at)
        for transaction in booked:
            writes += booked_alone(transaction, self.tenant)
        self.store.write(*writes)

    def _booked(self, standing: Standing, effect: Effect, now: datetime) -> list[LedgerTransaction]:
        step = f"books {standing.number('books_version')}"
        currency = str(standing.item["currency"])
        return posted(effect, standing.settlement_id, self.acquirer, currency, step, now)

    def _row(self, seen: Seen, report: Report, tally: Tally, source: Source) -> Write:
        item: Item = {
            "entity": ENTITY,
            "sha256": report.sha256,
            "name": source.name,
            "by": source.by,
            "read_at": to_text(seen.now),
            "line_count": len(report.lines),
            "matched": tally.matched,
            "broken": counted(tally),
            "matched_net_cents": tally.matched_net,
            "broken_net_cents": tally.broken_net,
            **vars(report.total),
        }
        return Put(report_key(self.tenant, seen.here, report.sha256), item, NOT_CREATED)


def counted(tally: Tally) -> dict[str, int]:
    """How many lines are in each kind of break."""
    return {kind.value: count for kind, count in sorted(tally.broken.items())}
