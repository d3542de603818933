"""A line of the bank's statement: a transfer of the acquirer's, under the name of a batch.

    expected = what the reports pay  −  what earlier transfers explain
    difference = the transfer − expected

A transfer that differs is in a DEPOSIT_MISMATCH, whose difference is in suspense; what it should
have been counts as paid. A second one that makes good the first ends both. Before there is a report
nobody knows what to expect: the transfer is booked, and the report is compared with it. One that
never comes is compared as if nothing had come (`undeposited.py`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from farthing.clock import to_text
from farthing.reconciliation.standing import Standing
from farthing.settlement.batch import TABLE
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
