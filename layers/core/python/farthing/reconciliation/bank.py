"""A transfer on the bank's statement is taken: booked, and compared with what was reported."""

from __future__ import annotations

from dataclasses import dataclass

from farthing.clock import to_text
from farthing.ledger import posting
from farthing.ledger.transaction import booked_alone
from farthing.money import Money
from farthing.reconciliation.break_row import Break, Ended, Figures
from farthing.reconciliation.change import Change, Together
from farthing.reconciliation.deposit_row import Deposit, mismatch
from farthing.reconciliation.effect import NOTHING
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.reading import TRIES_MAX, RacesLost
from farthing.reconciliation.standing import NO_COUNTS, Standing, closing, opening
from farthing.reconciliation.take import Reconciler
from farthing.store.errors import ConditionFailed
from farthing.store.item import Key
from farthing.store.write import Write


@dataclass(frozen=True)
class Banked:
    """A transfer that was taken, now or before: what it is beyond what was expected."""

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
    reported = standing.is_reported
    remaining = standing.number("net_cents") - standing.number("accounted_cents")
    expected = remaining if is_own and reported else 0
    compared = reported or not is_own
    difference = deposit.amount_cents - expected if compared else 0
    group = Together()
    if difference:
        group.take(_differing(books, standing, deposit, expected, file))
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
        add |= {"accounted_cents": expected} if reported else {}
    books.commit(standing, group, now, rows, {"deposited_at": to_text(now)}, add)
    return difference


def _differing(
    books: Reconciler, standing: Standing, deposit: Deposit, expected: int, file: str
) -> Change:
    """A new break, or the end of those that the transfer makes good."""
    now = books.clock.now()
    difference = deposit.amount_cents - expected
    open_ones = [
        one
        for one in books.reader.breaks(standing).values()
        if one.kind is Kind.DEPOSIT_MISMATCH and one.is_open and one.effect.suspense
    ]
    in_suspense = sum(one.effect.suspense.get(deposit.currency, 0) for one in open_ones)
    if open_ones and in_suspense + difference == 0:
        return _made_good(open_ones, deposit, books)
    amount = Figures(deposit.currency, deposit.amount_cents, None, deposit.amount_cents)
    new = mismatch(standing, deposit.name, amount, expected, file, now)
    return Change((), new, new.effect, counts=opening(new.kind))


def _made_good(open_ones: list[Break], deposit: Deposit, books: Reconciler) -> Change:
    effect, counts = NOTHING, NO_COUNTS
    writes: list[Write] = []
    for one in open_ones:
        ended = one.ended(Ended.MATCHED_LATE, books.clock.now(), f"{deposit.name} makes it good")
        writes.append(ended.changed())
        effect = effect - one.effect
        counts += closing(one.kind)
    return Change(tuple(writes), effect=effect, counts=counts)
