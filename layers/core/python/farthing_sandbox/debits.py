"""Debits of bank accounts: accepted now, decided by the bank later, and perhaps taken back: pure.

    PENDING ──► APPROVED, with its CAPTURE ──► and a RETURN of all of it
       └──────► DECLINED

What a debit comes to, and when, is in its row from the beginning. Whoever looks at it after its
time finds it there, however far the clock was moved: see `maturity`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from farthing_sandbox import cards
from farthing_sandbox.asks import Operation
from farthing_sandbox.operations import (
    Charge,
    Entry,
    Status,
    answer,
    entry_name,
    rfc3339,
    row,
)
from farthing_sandbox.sources import BankAccount

if TYPE_CHECKING:
    from farthing_sandbox.asks import Authorize
    from farthing_sandbox.cards import Decline
    from farthing_sandbox.operations import Numbers

CURRENCIES: Final = {"SEPA": "EUR", "ACH": "USD"}


@dataclass(frozen=True)
class Debit:
    """What a debit will come to. `return_code` says why it is taken back, if it is.

    `told`: whether the bank's decision is told by itself.
    """

    decides_at: str
    decline_code: str | None
    returns_at: str | None
    return_code: str | None
    told: bool


def decide_debit(ask: Authorize, account: BankAccount, now: datetime, numbers: Numbers) -> Entry:
    """Accept a debit, or decline it at once."""
    decline = refuse_debit(ask, account)
    status = Status.DECLINED if decline else Status.PENDING
    charge = Charge(
        entry=entry_name(now, numbers),
        order_id=ask.order_id,
        currency=ask.currency,
        status=status,
        authorized_cents=ask.amount_cents,
        left_to_capture_cents=0,
        left_to_refund_cents=0,
        taken_at_once=True,
        last_four=account.last_four,
        behaviour=cards.APPROVED.tag,
        authorization_code=None if decline else numbers.authorization_code,
        network_reference=None,
        created_at=now,
        visible_at=None,
    )
    accepted = answer(ask, charge, status, decline, now)
    return Entry(
        charge.entry,
        ask,
        accepted | {"captured_cents": 0, "expires_at": None},
        (row(ask, Operation.AUTHORIZE, status, now),),
        opens=charge,
        fault=account.account.answer_fault,
        debit=None if decline else debit_of(account, now),
    )


def refuse_debit(ask: Authorize, account: BankAccount) -> Decline | None:
    """Why a debit is not even accepted; None if it is."""
    if not ask.capture or ask.currency.upper() != CURRENCIES[account.scheme]:
        return cards.INVALID_TRANSACTION
    reason = account.account.refused_at_once
    return reason.of(account.scheme) if reason else None


def debit_of(account: BankAccount, now: datetime) -> Debit:
    """What the bank will say, and when."""
    does, scheme = account.account, account.scheme
    decides_at = now + timedelta(seconds=does.decides_after_seconds)
    returns_at = decides_at + timedelta(seconds=does.returns_after_seconds)
    return Debit(
        decides_at=rfc3339(decides_at),
        decline_code=does.refused.of(scheme).code if does.refused else None,
        returns_at=rfc3339(returns_at) if does.returned else None,
        return_code=does.returned.of(scheme).code if does.returned else None,
        told=does.told_of_decision,
    )
