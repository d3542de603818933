"""What came to the bank beside what was reported: the breaks of it that open and end.

    all that is open, with what came, adds up   ──► all of it is made good
    money that never came, and now other money  ──► the one break ends, one of the rest opens
    otherwise                                   ──► one opens beside those that are open

So a batch has at most one open break of what never came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from farthing.clock import to_text
from farthing.reconciliation.break_row import Break, Ended, Figures, Subject, break_id_of
from farthing.reconciliation.change import Change
from farthing.reconciliation.deposit_row import DEPOSIT_LINE
from farthing.reconciliation.effect import NOTHING, Effect
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.standing import NO_COUNTS, Standing, closing, opening
from farthing.settlement.batch import Paid
from farthing.store.write import Write

NEVER_CAME = f"{DEPOSIT_LINE}#never came"


@dataclass(frozen=True)
class Came:
    """A transfer's name and amount, and the statement that has it. Nothing came, if it is of 0."""

    name: str
    amount: Figures
    file: str = ""


def nothing_came(standing: Standing) -> Came:
    """As if a transfer of 0 had come, after all that is in the batch's books."""
    name = f"{NEVER_CAME}#{standing.number('books_version')}"
    return Came(name, Figures(str(standing.item["currency"]), 0, None, 0))


def compared(
    standing: Standing, breaks: Mapping[str, Break], came: Came, expected: int, now: datetime
) -> Change:
    """What it changes that something else came than the `expected` minor units."""
    currency = came.amount.currency
    open_ones = _of_transfers(breaks.values(), currency)
    difference = came.amount.amount_cents - expected
    if open_ones and _in_suspense(open_ones, currency) + difference == 0:
        return _ended(open_ones, Ended.MATCHED_LATE, f"{came.name} makes it good", now)
    never_came = [one for one in open_ones if one.subject.line.startswith(NEVER_CAME)]
    expected -= _in_suspense(never_came, currency)
    if expected == came.amount.amount_cents:
        return _ended(never_came, Ended.MATCHED_LATE, f"{came.name} makes it good", now)
    before = _ended(never_came, Ended.SUPERSEDED, f"{came.name} says otherwise", now)
    new = mismatch(standing, came, expected, now)
    effect, counts = before.effect + new.effect, before.counts + opening(new.kind)
    return Change(before.writes, new, effect, counts=counts)


def after_report(standing: Standing, now: datetime, file: str, paid: Paid) -> Change:
    """What a first report changes of transfers that came before it. `paid` is what it adds now."""
    net = standing.number("net_cents") + paid.net_cents
    deposited = standing.number("deposited_cents")
    if not standing.number("deposit_count") or deposited == net:
        return Change()
    amount = Figures(str(standing.item["currency"]), deposited, None, deposited)
    new = mismatch(standing, Came(f"{DEPOSIT_LINE}#before the report", amount, file), net, now)
    return Change((), new, new.effect, counts=opening(new.kind))


def explained_by_report(
    breaks: Mapping[str, Break], currency: str, due: int, now: datetime
) -> Change | None:
    """The end of the open breaks, if a later report pays just what came: `due` is then what they
    are off by. None if it does not."""
    open_ones = _of_transfers(breaks.values(), currency)
    if not due or not open_ones or _in_suspense(open_ones, currency) != due:
        return None
    return _ended(open_ones, Ended.MATCHED_LATE, "a later report pays what came", now)


def mismatch(standing: Standing, came: Came, expected_cents: int, now: datetime) -> Break:
    """The break of a transfer that is not what was expected."""
    amount = came.amount
    difference = amount.amount_cents - expected_cents
    return Break(
        tenant=standing.tenant,
        break_id=break_id_of(standing.settlement_id, Kind.DEPOSIT_MISMATCH, came.name, came.file),
        settlement_id=standing.settlement_id,
        acquirer=str(standing.item["acquirer"]),
        currency=str(standing.item["currency"]),
        kind=Kind.DEPOSIT_MISMATCH,
        subject=Subject(line=came.name, reference=str(standing.item["reference"])),
        created_at=to_text(now),
        expected=Figures(amount.currency, expected_cents, None, expected_cents),
        reported=amount,
        effect=Effect(suspense={amount.currency: difference}),
        file=came.file,
    )


def difference_of(one: Break) -> int:
    """What a transfer is beyond what was expected, in minor units of its own currency."""
    return sum(one.effect.suspense.values())


def _of_transfers(breaks: Iterable[Break], currency: str) -> list[Break]:
    return [
        one
        for one in breaks
        if one.kind is Kind.DEPOSIT_MISMATCH and one.is_open and currency in one.effect.suspense
    ]


def _in_suspense(breaks: Iterable[Break], currency: str) -> int:
    return sum(one.effect.suspense[currency] for one in breaks)


def _ended(breaks: Iterable[Break], how: Ended, text: str, now: datetime) -> Change:
    effect, counts = NOTHING, NO_COUNTS
    writes: list[Write] = []
    for one in breaks:
        writes.append(one.ended(how, now, text).changed())
        effect = effect - one.effect
        counts += closing(one.kind)
    return Change(tuple(writes), effect=effect, counts=counts)
