"""A line of the bank's statement: a transfer of the acquirer's, under the name of a batch.

    expected = what the reports pay  −  what earlier transfers explain
    difference = the transfer − expected

A transfer that differs is in a DEPOSIT_MISMATCH, whose difference is in suspense; what it should
have been counts as paid. A second one that makes good the first ends both. Before there is a report
nobody knows what to expect: the transfer is booked, and the report is compared with it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from farthing.clock import to_text
from farthing.reconciliation.break_row import Break, Figures, Subject, break_id_of
from farthing.reconciliation.change import Change
from farthing.reconciliation.effect import Effect
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.standing import Standing, opening
from farthing.settlement.batch import TABLE, Paid
from farthing.store.condition import NOT_CREATED
from farthing.store.item import Key
from farthing.store.write import Put, Write

ENTITY = "reconciliation_deposit"
DEPOSIT_LINE = "DEPOSIT"


@dataclass(frozen=True)
class Deposit:
    """One transfer; `amount_cents` is signed. `seq` tells equal ones of one statement apart, so a
    line that two statements have is one transfer."""

    reference: str
    booked_on: str
    currency: str
    amount_cents: int
    seq: int = 1

    @property
    def name(self) -> str:
        """`DEPOSIT#2026-11-24#eur#12345#1`."""
        parts = (DEPOSIT_LINE, self.booked_on, self.currency, str(self.amount_cents), str(self.seq))
        return "#".join(parts)

    @property
    def step(self) -> str:
        """What tells its ledger transaction apart from those of the batch's other transfers."""
        return f"deposit {hashlib.sha256(self.name.encode()).hexdigest()[:16]}"

    def row(self, standing: Standing, file: str, difference: int, now: datetime) -> Write:
        """The write that says that it was taken, once."""
        item = {
            "entity": ENTITY,
            "booked_on": self.booked_on,
            "currency": self.currency,
            "amount_cents": self.amount_cents,
            "difference_cents": difference,
            "file": file,
            "read_at": to_text(now),
        }
        return Put(Key(TABLE, standing.key.pk, self.name), item, NOT_CREATED)


def mismatch(
    standing: Standing,
    name: str,
    amount: Figures,
    expected_cents: int,
    file: str,
    now: datetime,
) -> Break:
    """The break of a transfer that is not what was expected."""
    currency = amount.currency
    difference = amount.amount_cents - expected_cents
    return Break(
        tenant=standing.tenant,
        break_id=break_id_of(standing.settlement_id, Kind.DEPOSIT_MISMATCH, name, file),
        settlement_id=standing.settlement_id,
        acquirer=str(standing.item["acquirer"]),
        currency=str(standing.item["currency"]),
        kind=Kind.DEPOSIT_MISMATCH,
        subject=Subject(line=name, reference=str(standing.item["reference"])),
        created_at=to_text(now),
        expected=Figures(currency, expected_cents, None, expected_cents),
        reported=amount,
        effect=Effect(suspense={currency: difference}),
        file=file,
    )


def after_report(standing: Standing, now: datetime, file: str, paid: Paid) -> Change:
    """What a first report changes of transfers that came before it. `paid` is what it adds now."""
    net = standing.number("net_cents") + paid.net_cents
    deposited = standing.number("deposited_cents")
    if not standing.number("deposit_count") or deposited == net:
        return Change()
    amount = Figures(str(standing.item["currency"]), deposited, None, deposited)
    new = mismatch(standing, f"{DEPOSIT_LINE}#before the report", amount, net, file, now)
    return Change((), new, new.effect, counts=opening(new.kind))
