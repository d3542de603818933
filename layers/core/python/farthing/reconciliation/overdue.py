"""Lines of ours that no report has and that are awaited too long: each becomes a break, once.

They are found by the batches that wait for one, not by looking at every line there is. Where no
report came at all, no line is missed but the report, and that is the settlement's to tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from farthing.clock import to_text
from farthing.reconciliation.break_row import Break, Subject, break_id_of
from farthing.reconciliation.change import Change, together
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.mark import Mark, State, marked, marks_of
from farthing.reconciliation.match import Ours
from farthing.reconciliation.reading import TRIES_MAX, RacesLost
from farthing.reconciliation.seen import expected_of
from farthing.reconciliation.standing import Counts, Standing, awaiting_pk, opening
from farthing.reconciliation.take import Reconciler
from farthing.settlement.batch import TABLE
from farthing.store.errors import ConditionFailed
from farthing.store.item import Item

MISSING_LINE = "MISSING"


def due_batches(books: Reconciler, today: date) -> list[str]:
    """The merchant's batches whose awaited lines are due on the day `today`."""
    found: list[str] = []
    start: Item | None = None
    pk = awaiting_pk(books.tenant, books.acquirer)
    while True:
        page = books.store.query(TABLE, pk, start=start)
        for item in page.items:
            day = date.fromisoformat(item["business_day"])
            if books.terms.due(day) <= today:
                found.append(item["settlement_id"])
        start = page.next_start
        if start is None:
            return found


def miss(books: Reconciler, settlement_id: str) -> int:
    """Open a break for each line that the batch awaits. How many; raises RacesLost or StoreBusy."""
    opened = 0
    for _ in range(TRIES_MAX):
        try:
            for changes in together(_changes(books, books.reader.standing(settlement_id))):
                if not changes.size:
                    return opened
                standing = books.reader.standing(settlement_id)
                books.commit(standing, changes, books.clock.now())
                opened += len(changes.opened)
            return opened
        except ConditionFailed:
            continue
    raise RacesLost(settlement_id)


def _changes(books: Reconciler, standing: Standing) -> Iterator[Change]:
    movements = [(line.operation, line.reference) for line in books.reader.lines(standing)]
    marks = marks_of(books.store, books.tenant, books.acquirer, movements)
    now = books.clock.now()
    for movement in movements:
        mark = marks.get(movement)
        if mark is None or mark.state is not State.AWAITED or mark.break_id or mark.ours is None:
            continue
        new = _break(books, standing, mark.ours, now)
        after = Mark(mark.state, movement, mark.settlement_id, mark.ours, None, new.break_id)
        write = marked(books.tenant, books.acquirer, mark, after)
        yield Change((write,), new, counts=opening(new.kind) + Counts(awaited=-1))


def _break(books: Reconciler, standing: Standing, ours: Ours, now: datetime) -> Break:
    line = f"{MISSING_LINE}#{ours.operation.value}#{ours.reference}"
    kind = Kind.MISSING_IN_REPORT
    return Break(
        tenant=books.tenant,
        break_id=break_id_of(standing.settlement_id, kind, line, ""),
        settlement_id=standing.settlement_id,
        acquirer=books.acquirer,
        currency=ours.currency,
        kind=kind,
        subject=Subject(
            line=line,
            operation=ours.operation.value,
            reference=ours.reference,
            intent_id=ours.intent_id,
            operation_id=ours.operation_id,
        ),
        created_at=to_text(now),
        expected=expected_of(ours, books.terms),
        unpaid_cents=ours.gross_cents,
        held_cents=ours.share_cents,
    )
