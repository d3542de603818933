"""Confirming: score, then ask the acquirer for the money exactly once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from farthing.errors import invalid, not_found
from farthing.fraud.score import Action, Decision, Facts
from farthing.http.idempotency_key import IdempotentRequest
from farthing.http.response import Response
from farthing.payments import begin, idempotency, states
from farthing.payments.answers import blocked
from farthing.payments.begin import Asking
from farthing.payments.conclusion import intent_update
from farthing.payments.conditions import CONFIRMABLE
from farthing.payments.event import event_put
from farthing.payments.guarded import Guarded, commit
from farthing.payments.instruments import (
    MethodMoved,
    Paying,
    claim,
    read_instrument,
)
from farthing.payments.intent import Instrument, Intent, intent_key
from farthing.payments.perform import impossible, perform
from farthing.payments.replay import replay
from farthing.payments.services import Services
from farthing.payments.views import show_intent
from farthing.store import NOT_CREATED, Item, Put

METHOD_TRIES_MAX = 3


def confirm(
    intent_id: str,
    paying: Paying,
    request: IdempotentRequest,
    request_id: str,
    services: Services,
    *,
    status: int = 200,
) -> Response:
    """Charge or authorize an intent that was created earlier. Raises FarthingError.

    `paying` may name what pays now; otherwise what the intent was created with pays.
    """
    row = idempotency.row_key(services.tenant, request.row_id)
    key = intent_key(services.tenant, intent_id)
    paying_key = paying.key(services.tenant)
    wanted = [wanted for wanted in (row, key, paying_key) if wanted is not None]
    found = services.store.batch_get(wanted)
    earlier = idempotency.examine(found.get(row), request, services.now())
    if not earlier.is_new:
        return replay(earlier, services)
    if key not in found:
        raise not_found("payment_intent", intent_id)
    intent = Intent.from_item(found[key])
    begin.require(intent, states.NEW, "confirmed")
    if paying_key is not None:
        intent = _paid_with(
            intent, read_instrument(paying, found.get(paying_key), intent.customer_id)
        )
    return authorize(intent, request, request_id, services, success_status=status, is_new=False)


def authorize(
    intent: Intent,
    request: IdempotentRequest,
    request_id: str,
    services: Services,
    *,
    success_status: int,
    is_new: bool,
) -> Response:
    """Score the payment, then write and send its authorization, or write that it is blocked.

    `is_new` says that the intent itself is still to be written, in the same transaction.
    """
    if intent.instrument is None:
        raise invalid("token", "or payment_method_id is needed to confirm")
    decision = services.score(_facts(intent, intent.instrument))
    if decision.action is Action.BLOCK:
        return _block(intent, decision, request, request_id, services, is_new=is_new)
    instrument = intent.instrument
    for _ in range(METHOD_TRIES_MAX):
        asking = Asking(
            request.row_id, success_status, request_id, services.new_id("op"), services.now()
        )
        begun = begin.authorize(intent, instrument, decision.to_item(), asking)
        more = [claim(instrument, intent.intent_id, services)]
        if is_new:
            more.append(_creation(intent, services))
        try:
            write = _intent_write(intent, begun.intent, is_new=is_new)
            return perform(begun, write, request, services, more)
        except MethodMoved as moved:
            instrument = moved.instrument
    raise begin.in_progress()


def _block(
    intent: Intent,
    decision: Decision,
    request: IdempotentRequest,
    request_id: str,
    services: Services,
    *,
    is_new: bool,
) -> Response:
    """FAILED and its event at once: there is no operation, so nothing can ever be sent."""
    after = intent.moved(states.BLOCKED, fraud=begin.fraud_of(decision.to_item()))
    after = replace(after, event_sequence=intent.event_sequence + 1)
    answer, now = blocked(after, request_id), services.now()

    def refuse(item: Item | None) -> Response:
        return replay(idempotency.examine(item, request, now), services)

    told = event_put(
        after, services.new_id("evt"), "payment_intent.failed", show_intent(after), now
    )
    guarded = [
        Guarded(idempotency.used(services.tenant, request, now, answer), refuse),
        _intent_write(intent, after, is_new=is_new),
        Guarded(told, impossible),
    ]
    if is_new:
        guarded.append(_creation(intent, services))
    return commit(services.store, guarded) or answer


def _intent_write(before: Intent, after: Intent, *, is_new: bool) -> Guarded:
    if is_new:
        return Guarded(Put(after.key, after.to_item(), NOT_CREATED), impossible)
    (write,) = intent_update(before, after, CONFIRMABLE)
    return Guarded(write, refuse_state("confirmed", states.NEW))


def refuse_state(done: str, wanted: states.State) -> Any:
    """The refusal of a write to an intent that moved on since it was read."""

    def refuse(item: Item | None) -> Response:
        if item is None:
            raise LookupError("an intent vanished")
        begin.require(Intent.from_item(item), wanted, done)
        raise begin.in_progress()

    return refuse


def _creation(intent: Intent, services: Services) -> Guarded:
    told = event_put(
        intent,
        services.new_id("evt"),
        "payment_intent.created",
        show_intent(intent),
        services.now(),
    )
    return Guarded(told, impossible)


def _paid_with(intent: Intent, instrument: Instrument) -> Intent:
    customer_id = intent.customer_id or instrument.customer_id
    return replace(intent, instrument=instrument, customer_id=customer_id)


def _facts(intent: Intent, instrument: Instrument) -> Facts:
    return Facts(
        amount_cents=intent.amount_cents,
        currency=intent.currency,
        fingerprint=instrument.fingerprint,
        bin=instrument.bin,
        customer_id=intent.customer_id,
        ip_address=intent.ip_address,
    )
