"""Who gets money and who does not: pure decisions over facts from the books.

    authorize ──► left_to_capture ──capture──► left_to_refund ──refund──► 0
                        └──────────── void ───────────┘ (only if taken at once)

A charge carries two counters that say what is left. The rules here give the
client a reason; the same rules guard the write (`Change`), and that guard is
what holds when two requests race.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from farthing_sandbox import cards
from farthing_sandbox.asks import Ask, Authorize, FollowUp, Operation

if TYPE_CHECKING:
    from farthing_sandbox.cards import Decline

AUTHORIZATION_LIFETIME: Final = timedelta(days=7)
REVERSAL_WINDOW: Final = timedelta(days=1)
"""A charge taken at once can be undone until the money is on its way."""


class Status(StrEnum):
    """What became of a row in the books."""

    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    REVERSED = "REVERSED"


@dataclass(frozen=True)
class Numbers:
    """Random values for one request, made at the edge."""

    entry_id: str
    authorization_code: str
    network_reference: str


@dataclass(frozen=True)
class Row:
    """One line of the public books."""

    reference: str
    order_id: str
    operation: Operation
    amount_cents: int
    currency: str
    status: Status
    created_at: str


@dataclass(frozen=True)
class Booked:
    """A row where the books keep it, and the settlement that paid it."""

    row: Row
    key: dict[str, Any]
    settled_by: str | None


@dataclass(frozen=True)
class Charge:
    """An authorization and what is left of it. `entry` is where the books keep it."""

    entry: str
    order_id: str
    currency: str
    status: Status
    authorized_cents: int
    left_to_capture_cents: int
    left_to_refund_cents: int
    taken_at_once: bool
    last_four: str
    behaviour: str
    authorization_code: str | None
    network_reference: str | None
    created_at: datetime


@dataclass(frozen=True)
class Change:
    """What an approved follow-up does to its charge; the books refuse it if the charge moved on."""

    operation: Operation
    charge: Charge
    amount_cents: int


@dataclass(frozen=True)
class Entry:
    """A decision: everything that goes into the books at once, or not at all."""

    entry: str
    ask: Ask
    answer: dict[str, Any]
    rows: tuple[Row, ...]
    opens: Charge | None = None
    change: Change | None = None


def decide_authorize(
    ask: Authorize, known_last_four: str | None, now: datetime, numbers: Numbers
) -> Entry:
    """Approve or decline a card.

    `known_last_four` is the card to which the network reference that the client
    names was issued, None if it was never issued.
    """
    decline = refuse_card(ask, known_last_four)
    entry = entry_name(now, numbers)
    taken = ask.amount_cents if ask.capture and decline is None else 0
    charge = Charge(
        entry=entry,
        order_id=ask.order_id,
        currency=ask.currency,
        status=Status.DECLINED if decline else Status.APPROVED,
        authorized_cents=ask.amount_cents,
        left_to_capture_cents=0 if decline or ask.capture else ask.amount_cents,
        left_to_refund_cents=taken,
        taken_at_once=taken > 0,
        last_four=ask.card.last_four,
        behaviour=ask.card.behaviour.tag,
        authorization_code=None if decline else numbers.authorization_code,
        network_reference=None if decline else numbers.network_reference,
        created_at=now,
    )
    rows = [row(ask, Operation.AUTHORIZE, charge.status, now)]
    if taken:
        rows.append(row(ask, Operation.CAPTURE, Status.APPROVED, now))
    return Entry(entry, ask, answer(ask, charge, decline, now), tuple(rows), opens=charge)


def refuse_card(ask: Authorize, known_last_four: str | None) -> Decline | None:
    """The issuer's reason to refuse, None if there is none."""
    stored = ask.stored_credential
    if not cards.passes_luhn(ask.card.number):
        return cards.INVALID_CARD_NUMBER
    if stored and stored.use == "SUBSEQUENT" and known_last_four != ask.card.last_four:
        return cards.SECURITY_VIOLATION
    if stored is None and ask.card.cvc is None:
        return cards.INCORRECT_CVC
    return ask.card.behaviour.decline


def decide_follow_up(
    ask: FollowUp, charge: Charge | None, now: datetime, numbers: Numbers
) -> Entry:
    """Approve or decline a capture, void or refund of `charge` (None if there is no such one)."""
    decline = refuse_follow_up(ask, charge, now)
    status = Status.DECLINED if decline else Status.APPROVED
    change = None if decline or charge is None else Change(ask.operation, charge, ask.amount_cents)
    return Entry(
        entry_name(now, numbers),
        ask,
        answer(ask, charge, decline, now),
        (row(ask, ask.operation, status, now),),
        change=change,
    )


def refuse_follow_up(ask: FollowUp, charge: Charge | None, now: datetime) -> Decline | None:
    """The reason to refuse, None if there is none."""
    if charge is None or charge.order_id != ask.order_id:
        return cards.NOT_LOCATED
    if charge.currency.upper() != ask.currency.upper():
        return cards.INVALID_TRANSACTION
    return REFUSALS[ask.operation](ask, charge, now)


def refuse_capture(ask: FollowUp, charge: Charge, now: datetime) -> Decline | None:
    """One capture, up to what was authorized, while the authorization lives."""
    if charge.left_to_capture_cents == 0 or now >= expiry(charge.created_at):
        return cards.INVALID_TRANSACTION
    return cards.INVALID_AMOUNT if ask.amount_cents > charge.left_to_capture_cents else None


def refuse_void(ask: FollowUp, charge: Charge, now: datetime) -> Decline | None:
    """All of it or nothing: what was never captured, or was taken at once and lately."""
    if charge.taken_at_once:
        recent = now < charge.created_at + REVERSAL_WINDOW
        whole = recent and charge.left_to_refund_cents == charge.authorized_cents
    else:
        whole = charge.left_to_capture_cents > 0
    if not whole:
        return cards.INVALID_TRANSACTION
    return cards.INVALID_AMOUNT if ask.amount_cents != charge.authorized_cents else None


def refuse_refund(ask: FollowUp, charge: Charge, now: datetime) -> Decline | None:
    """Up to what was captured and not yet refunded, however late."""
    if charge.left_to_refund_cents == 0:
        return cards.INVALID_TRANSACTION
    return cards.INVALID_AMOUNT if ask.amount_cents > charge.left_to_refund_cents else None


REFUSALS: Final = {
    Operation.CAPTURE: refuse_capture,
    Operation.VOID: refuse_void,
    Operation.REFUND: refuse_refund,
}


def answer(
    ask: Ask, charge: Charge | None, decline: Decline | None, now: datetime
) -> dict[str, Any]:
    """The body of the answer. A declined one carries no code and no network reference."""
    approved = charge if decline is None else None
    holds = approved is not None and ask.operation is Operation.AUTHORIZE
    taken = holds and isinstance(ask, Authorize) and ask.capture
    return {
        "reference": ask.reference,
        "order_id": ask.order_id,
        "operation": ask.operation.value,
        "status": (Status.DECLINED if decline else Status.APPROVED).value,
        "amount_cents": ask.amount_cents,
        "captured_cents": ask.amount_cents if taken else 0,
        "currency": ask.currency,
        "authorization_code": approved.authorization_code if approved else None,
        "network_reference": approved.network_reference if approved else None,
        "expires_at": rfc3339(expiry(now)) if holds else None,
        "decline_code": decline.code if decline else None,
        "decline_message": decline.message if decline else None,
        "created_at": rfc3339(now),
    }


def row(ask: Ask, operation: Operation, status: Status, now: datetime) -> Row:
    """The line of the public books for `operation`."""
    return Row(
        ask.reference,
        ask.order_id,
        operation,
        ask.amount_cents,
        ask.currency,
        status,
        rfc3339(now),
    )


def entry_name(now: datetime, numbers: Numbers) -> str:
    """Sorts by time within an order."""
    return f"{rfc3339(now)}#{numbers.entry_id}"


def expiry(created_at: datetime) -> datetime:
    """When the held money goes back by itself."""
    return created_at + AUTHORIZATION_LIFETIME


def rfc3339(at: datetime) -> str:
    """UTC to the millisecond."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
