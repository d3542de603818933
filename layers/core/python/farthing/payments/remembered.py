"""What is remembered of a payment that was approved: what its payer pays, and that the card paid.

It is written after the outcome and beside it: a payment that is missing here is missing in a
median, and nothing else.
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
from farthing.payments.services import Services
from farthing.store import ConditionFailed, Key, StoreBusy

TRIES_MAX = 3


def remember(intent: Intent, operation: Operation, services: Services) -> None:
    """Remember the concluded `operation` of `intent`, if it is an approval."""
    answer, instrument = operation.answer, intent.instrument
    if operation.kind is not Kind.AUTHORIZE or answer is None or instrument is None:
        return
    if answer.outcome is not Outcome.APPROVED or operation.decision is None:
        return
    paid = Paid.of(operation.fallback_of or operation.operation_id, operation.amount_cents)
    with suppress(StoreBusy):
        if operation.decision["known"]["values"].get("card_is_new"):
            with suppress(ConditionFailed):
                services.store.write(card_seen_write(services.tenant, instrument.fingerprint, paid))
        if payer := intent.customer_id or instrument.fingerprint:
            key = history_key(services.tenant, payer, operation.currency)
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
