"""What is remembered of a payment that was let pay: what its payer pays, and that the card paid.

It is written after the outcome and beside it: a payment that is missing here is missing in a
median, and nothing else. What a person is to look at counts when they have said yes, so that nobody
who was held is known by that.
"""

from __future__ import annotations

from contextlib import suppress

from farthing.acquiring.answer import Outcome
from farthing.acquiring.port import Kind
from farthing.fraud.history import (
    Paid,
    card_seen_write,
    history_key,
    history_write,
    past_of,
)
from farthing.payments.intent import Intent
from farthing.payments.operation import Operation
from farthing.payments.review import ReviewStatus
from farthing.payments.services import Services
from farthing.store import ConditionFailed, Key, StoreBusy

TRIES_MAX = 3


def remember(intent: Intent, operation: Operation, services: Services) -> None:
    """Remember the payment, if the concluded `operation` of it says that it counts."""
    answer, step = operation.answer, operation.review
    if answer is None or answer.outcome is not Outcome.APPROVED:
        return
    if operation.kind is Kind.AUTHORIZE and (step is None or step.status is not ReviewStatus.OPEN):
        known = (operation.decision or {}).get("known", {})
        is_new = known.get("values", {}).get("card_is_new") is not False
        attempt = operation.fallback_of or operation.operation_id
        remember_paid(intent, attempt, services, card_may_be_new=is_new)
    if operation.kind is Kind.CAPTURE and step is not None:
        remember_reviewed(intent, services)


def remember_reviewed(intent: Intent, services: Services) -> None:
    """Remember a payment that a person has let pay."""
    if intent.review is not None:
        remember_paid(intent, intent.review.decision_id, services, card_may_be_new=True)


def remember_paid(
    intent: Intent, attempt: str, services: Services, *, card_may_be_new: bool
) -> None:
    """Remember the payment, at the time of the attempt's id."""
    instrument = intent.instrument
    if instrument is None:
        return
    paid = Paid.of(attempt, intent.amount_cents)
    with suppress(StoreBusy):
        if card_may_be_new and instrument.fingerprint:
            with suppress(ConditionFailed):
                services.store.write(card_seen_write(services.tenant, instrument.fingerprint, paid))
        if payer := intent.customer_id or instrument.fingerprint:
            key = history_key(services.tenant, payer, intent.currency)
            _add(key, paid, intent.ip_address, services)


def _add(key: Key, paid: Paid, ip_address: str | None, services: Services) -> None:
    for _ in range(TRIES_MAX):
        before = past_of(services.store.get(key))
        write = history_write(key, before, before.with_payment(paid, ip_address))
        if write is None:
            return
        with suppress(ConditionFailed):
            services.store.write(write)
            return
