"""A transfer on the bank's statement is taken: booked, and compared with what was reported."""

from __future__ import annotations

from dataclasses import dataclass

from farthing.clock import to_text
from farthing.ledger import posting
from farthing.ledger.transaction import booked_alone
from farthing.money import Money
from farthing.reconciliation.break_row import Figures
from farthing.reconciliation.change import Change, Together
from farthing.reconciliation.deposit_break import Came, compared, difference_of
from farthing.reconciliation.deposit_row import Deposit
from farthing.reconciliation.reading import TRIES_MAX, RacesLost
from farthing.reconciliation.standing import Standing
from farthing.reconciliation.take import Reconciler
from farthing.store.errors import ConditionFailed
from farthing.store.item import Key
from farthing.store.write import Write


@dataclass(frozen=True)
class Banked:
    """A transfer that was taken, now or before: what its break is of, 0 if it has none."""

    difference_cents: int
    is_new: bool


def take_deposit(books: Reconciler, settlement_id: str, deposit: Deposit, file: str) -> Banked:
    """Take one transfer. `file` is the statement's SHA-256.

    Raises NoSuchBatch, RacesLost or StoreBusy.
    """
    for _ in range(TRIES_MAX):
        standing = books.reader.standing(settlement_id)
        row = books.store.get(Key(standing.key.table, standing.key.pk, deposit.name))
        if row is not None:
            return Banked(row["difference_cents"], is_new=False)
        try:
            return Banked(_take(books, standing, deposit, file), is_new=True)
        except ConditionFailed:
            continue
    raise RacesLost(settlement_id)


def _take(books: Reconciler, standing: Standing, deposit: Deposit, file: str) -> int:
    now = books.clock.now()
    is_own = deposit.currency == standing.item["currency"]
    expected = standing.due_after() if is_own and standing.is_reported else 0
    change = Change()
    if deposit.amount_cents != expected and (standing.is_reported or not is_own):
        amount = Figures(deposit.currency, deposit.amount_cents, None, deposit.amount_cents)
        breaks = books.reader.breaks(standing)
        change = compared(standing, breaks, Came(deposit.name, amount, file), expected, now)
    difference = 0 if change.opened is None else difference_of(change.opened)
    booked = posting.deposit(
        standing.settlement_id,
        Money(deposit.amount_cents, deposit.currency),
        books.acquirer,
        at=now,
        step=deposit.step,
    )
    rows: list[Write] = [
        deposit.row(standing, file, difference, now),
        *booked_alone(booked, books.tenant),
    ]
    add = {}
    if is_own:
        add = {"deposited_cents": deposit.amount_cents, "deposit_count": 1}
        add |= {"accounted_cents": expected}
    group = Together()
    group.take(change)
    books.commit(standing, group, now, rows, {"deposited_at": to_text(now)}, add)
    return difference
