"""One decision about a payment: what it was made on and what became of it, as a line of JSON.

    payment, operation     pi_… and op_…; a decision that sent nothing has an op_… too
    merchant, mode, paid_at, amount_cents, currency
    customer               the customer, else the card, with the currency: a history has one
    card, ip, card_country, ip_country
                           that of a card is that of its billing address, as for the model
    outcome                the operation's state; VOIDED: granted and given up; HELD: nothing was
                           sent; BLOCKED
    failed                 the issuer declined the card
    blocked, reviewed      what was decided
    decision               farthing.fraud.signals.Decision
    fraud, labelled_at     whether and since when it is known to be fraud
    label_source           DISPUTE, REFUND or REVIEW

No number of a card, no name and no e-mail is in it, nor what people wrote beside the entry of a
list, which may hold one. Addresses and customers' ids are.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from farthing.fraud.action import Action
from farthing.fraud.signals import SignalType
from farthing.payments.operation import OperationState
from farthing.payments.states import Status
from farthing_cli.fraud.dataset import VOIDED

HELD, BLOCKED = "HELD", "BLOCKED"
LEFT_OUT = "(left out)"


class Source(StrEnum):
    """Who said that it was fraud."""

    DISPUTE = "DISPUTE"
    REFUND = "REFUND"
    REVIEW = "REVIEW"


class Label(NamedTuple):
    """A payment is fraud, and known to be since `at` (RFC 3339)."""

    at: str
    source: Source


def line(
    operation: Mapping[str, Any], intent: Mapping[str, Any], label: Label | None
) -> dict[str, Any]:
    """The line of an operation's row, or of a decision's without one, whose `state` is HELD."""
    decision = operation["decision"]
    blocked = operation["state"] == HELD and decision["action"] == Action.BLOCK
    outcome = BLOCKED if blocked else _outcome(operation, intent)
    known = label if label and label.source in _MAY_SAY.get(outcome, ()) else None
    card = _card_of(operation, intent)
    values = decision["known"]["values"]
    currency = operation["currency"] or intent["currency"]
    who = intent["customer_id"] or card or operation["intent_id"]
    return {
        "payment": operation["intent_id"],
        "operation": operation["operation_id"],
        "merchant": operation["merchant_id"],
        "mode": operation["mode"],
        "paid_at": operation["created_at"],
        "amount_cents": operation["amount_cents"] or intent["amount_cents"],
        "currency": currency,
        "customer": f"{who}:{currency}",
        "card": card,
        "ip": intent["ip_address"],
        "card_country": values.get("billing_country"),
        "ip_country": values.get("ip_country"),
        "failed": operation["failed"],
        "outcome": outcome,
        "blocked": blocked,
        "reviewed": decision["action"] == Action.REVIEW,
        "decision": _without_writing(decision),
        "fraud": known is not None,
        "labelled_at": known.at if known else None,
        "label_source": known.source.value if known else None,
    }


_MAY_SAY = {
    OperationState.APPROVED.value: frozenset(Source),
    VOIDED: {Source.REVIEW},
    HELD: {Source.REVIEW},
}
"""A label is of the try that went through, or of one that a person held and declined."""


def _outcome(operation: Mapping[str, Any], intent: Mapping[str, Any]) -> str:
    state = str(operation["state"])
    given_up = state == OperationState.APPROVED and intent["status"] == Status.CANCELLED
    return VOIDED if given_up else state


def _card_of(operation: Mapping[str, Any], intent: Mapping[str, Any]) -> str | None:
    """The card's fingerprint, if the payment was not tried with another one since."""
    instrument = intent["instrument"] or {}
    token = operation["token"]
    if token is not None and instrument.get("token") != token:
        return None
    return instrument.get("fingerprint") or None


def _without_writing(decision: Mapping[str, Any]) -> dict[str, Any]:
    """The decision without what people wrote beside the entries of lists."""
    known = decision["known"]
    return {
        **decision,
        "signals": [
            {**one, "reason": LEFT_OUT} if one["signal_type"] == SignalType.LIST else one
            for one in decision["signals"]
        ],
        "known": {**known, "hits": [{**one, "reason": LEFT_OUT} for one in known["hits"]]},
    }
