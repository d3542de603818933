"""Finding what Stripe has of an operation: its PaymentIntent, and that one's refunds.

By Stripe's own id where we have it. An AUTHORIZE without one is asked for by opening its
PaymentIntent again under the same key: that gives the one that it has, or an idle one, and moves
nothing. When the key may be forgotten, by search, and what search cannot know yet is not guessed.
"""

from __future__ import annotations

from datetime import datetime

from farthing.acquiring.exchange import NoUsableAnswer
from farthing.acquiring.port import Instruction, Kind
from farthing.acquiring.stripe.api import Api, Deadline, Reply
from farthing.acquiring.stripe.form import Fields
from farthing.acquiring.stripe.guarantees import OPEN_AGAIN_SECONDS, SEARCH_TELLS_SECONDS
from farthing.acquiring.stripe.payment import (
    AUTOMATIC,
    MANUAL,
    REFERENCE,
    Payment,
    Refunded,
    marks_of,
    read_payment,
    read_refund,
    units,
)
from farthing.clock import from_text

PAYMENTS, REFUNDS = "/v1/payment_intents", "/v1/refunds"
EXPANDED = {"expand": ["latest_charge"]}
PAGE_SIZE = 100
REFUND_PAGES_MAX = 10
"""A payment with more refunds than that is not ours."""


class NothingThere(Exception):
    """It was searched for, and search would know. `as_of` is Stripe's clock."""

    def __init__(self, as_of: str | None) -> None:
        super().__init__("no PaymentIntent has this reference")
        self.as_of = as_of


def opening(instruction: Instruction) -> Fields:
    """What opens the PaymentIntent of an AUTHORIZE: the same for each asking, whatever pays."""
    return {
        "amount": units(instruction),
        "currency": instruction.currency,
        "capture_method": AUTOMATIC if instruction.capture else MANUAL,
        "payment_method_types": ["card"],
        "description": instruction.order_id,
        "metadata": marks_of(instruction),
    }


def opening_key(instruction: Instruction) -> str:
    """The idempotency key of opening. The confirmation's is the reference itself."""
    return f"{instruction.reference}-open"


def may_open(instruction: Instruction, now: datetime) -> bool:
    """Whether Stripe certainly knows the key of the opening, should it have been used."""
    return _age_seconds(instruction, now) < OPEN_AGAIN_SECONDS


def open_payment(deadline: Deadline, instruction: Instruction) -> str:
    """Stripe's id of the PaymentIntent of an AUTHORIZE, made now if there was none."""
    opened = deadline.prepare(PAYMENTS, opening(instruction), opening_key(instruction))
    return read_payment(opened.document).acquirer_id


def payment_id(api: Api, instruction: Instruction, now: datetime) -> str:
    """Stripe's id of an operation's PaymentIntent. Raises NothingThere or NoUsableAnswer."""
    if instruction.acquirer_id is not None:
        return instruction.acquirer_id
    if instruction.kind is not Kind.AUTHORIZE:
        if instruction.original_reference is None:
            raise NoUsableAnswer("it belongs to no authorization")
        return _searched(api, instruction.original_reference, certain=False)
    if may_open(instruction, now):
        opened = api.post(PAYMENTS, opening(instruction), opening_key(instruction))
        return read_payment(opened.document).acquirer_id
    certain = _age_seconds(instruction, now) >= SEARCH_TELLS_SECONDS
    return _searched(api, instruction.reference, certain=certain)


def payment_of(api: Api, id_: str) -> tuple[Payment, Reply]:
    """A PaymentIntent as it is now, with its latest charge."""
    reply = api.get(f"{PAYMENTS}/{id_}", EXPANDED)
    payment = read_payment(reply.document)
    if payment.acquirer_id != id_:
        raise NoUsableAnswer("another PaymentIntent")
    return payment, reply


def refunds_of(api: Api, id_: str) -> tuple[list[Refunded], Reply]:
    """All refunds of a PaymentIntent, newest first."""
    found: list[Refunded] = []
    query = {"payment_intent": id_, "limit": PAGE_SIZE}
    for _ in range(REFUND_PAGES_MAX):
        after = {"starting_after": found[-1].acquirer_id} if found else {}
        reply = api.get(REFUNDS, {**query, **after})
        rows, more = page(reply)
        found += [read_refund(row) for row in rows]
        if not more:
            return found, reply
    raise NoUsableAnswer("its refunds never end")


def page(reply: Reply) -> tuple[list[object], bool]:
    """The rows of a list, and whether there are more."""
    rows, more = reply.document.get("data"), reply.document.get("has_more")
    if not isinstance(rows, list) or not isinstance(more, bool) or (more and not rows):
        raise NoUsableAnswer("no list")
    return rows, more


def _searched(api: Api, reference: str, *, certain: bool) -> str:
    """The one PaymentIntent that search finds. `certain`: that it finds none is believed."""
    query = f"metadata['{REFERENCE}']:'{reference}'"
    reply = api.get(f"{PAYMENTS}/search", {"query": query, "limit": 2})
    rows, _ = page(reply)
    if not rows and certain:
        raise NothingThere(reply.as_of)
    if len(rows) != 1:
        raise NoUsableAnswer("search does not tell")
    return read_payment(rows[0]).acquirer_id


def _age_seconds(instruction: Instruction, now: datetime) -> float:
    """How old the operation is, by our clock; nothing says so of one that was just made."""
    if instruction.created_at is None:
        return 0.0
    return (now - from_text(instruction.created_at)).total_seconds()
