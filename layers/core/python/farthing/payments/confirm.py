"""Confirming: score, then ask the acquirer for the money exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from farthing.acquiring.fit import require_amount, require_source
from farthing.errors import invalid, not_found
from farthing.fraud.action import Action
from farthing.fraud.counter_row import RACES_MAX
from farthing.http.idempotency_key import IdempotentRequest
from farthing.http.response import Response
from farthing.ids import instant_of
from farthing.payments import begin, idempotency, method_rules, states
from farthing.payments.held import block, hold
from farthing.payments.instruments import (
    METHOD_TRIES_MAX,
    MethodMoved,
    Paying,
    claim,
    read_instrument,
)
from farthing.payments.intent import Intent, key_of
from farthing.payments.payable import Payable, PaymentRequest
from farthing.payments.perform import perform
from farthing.payments.read import settle_open_operation
from farthing.payments.replay import replay
from farthing.payments.scoring import CounterMoved, Scoring, keys_in_force, scoring_of
from farthing.payments.services import Services
from farthing.store import Item, Key, StoreBusy


def confirm(
    intent_id: str,
    paying: Paying,
    request: IdempotentRequest,
    request_id: str,
    services: Services,
    *,
    success_status: int = 200,
) -> Response:
    """Charge or authorize an intent that was created earlier. Raises FarthingError.

    `paying` may name what pays now; otherwise what the intent was created with pays.
    """
    row = idempotency.row_key(services.tenant, request.row_id)
    key = key_of(services.tenant, intent_id)
    paying_key = paying.key(services.tenant)
    wanted = [wanted for wanted in (row, key, paying_key) if wanted is not None]
    found = services.store.batch_get([*wanted, *keys_in_force(services.tenant)])
    earlier = idempotency.examine(found.get(row), request, services.now())
    if not earlier.is_new:
        return replay(earlier, services)
    if key not in found:
        raise not_found("payment_intent", intent_id)
    before = settle_open_operation(Intent.from_item(found[key]), services)
    begin.require(before, states.NEW, "confirmed")
    if before.checkout is not None:
        raise begin.wrong_state(before, "confirmed but by its checkout session's payer")
    intent = before
    if paying_key is not None:
        instrument = read_instrument(paying, found.get(paying_key), before.customer_id)
        customer_id = before.customer_id or instrument.customer_id
        intent = replace(before, instrument=instrument, customer_id=customer_id)
    return authorize(
        Payable(intent, before),
        request,
        request_id,
        services,
        success_status=success_status,
        found=found,
    )


def authorize(
    payable: Payable,
    request: IdempotentRequest,
    request_id: str,
    services: Services,
    *,
    success_status: int,
    found: Mapping[Key, Item],
) -> Response:
    """Score the payment, then write and send its authorization, or write that it is blocked or
    held.

    Whoever loses a race for a counter is decided about anew: two at once cannot both be the last
    that is let in. Who has lost `RACES_MAX` goes on without being counted: see `fraud.counter_row`.
    `found` is what was read, the rows of `keys_in_force` among it.
    """
    intent, instrument = payable.intent, payable.instrument
    connector = services.connector(intent.currency)
    if connector is None:
        raise invalid("currency", f"no acquirer takes {intent.currency} for this merchant")
    field = "token" if instrument.method_id is None else "payment_method_id"
    require_source(connector, instrument.connector, intent.currency, field)
    require_amount(connector, intent.amount_cents, intent.currency)
    method_rules.require_payable(intent, instrument)
    method_rules.require_taken(instrument, intent.currency, services.capabilities(connector))
    scoring = scoring_of(intent, instrument, found, services)
    asked = PaymentRequest(request, request_id, success_status)
    lost_races = 0
    for _ in range(METHOD_TRIES_MAX + RACES_MAX):
        is_counted = lost_races < RACES_MAX
        try:
            return _send(payable, connector, scoring, asked, services, is_counted=is_counted)
        except MethodMoved as moved:
            payable = payable.paid_by(moved.instrument)
        except CounterMoved as moved:
            scoring, lost_races = scoring.with_row(moved), lost_races + 1
        except StoreBusy:
            if not is_counted:
                raise
            scoring, lost_races = scoring.read_anew(), RACES_MAX
    raise begin.in_progress()


def _send(
    payable: Payable,
    connector: str,
    scoring: Scoring,
    asked: PaymentRequest,
    services: Services,
    *,
    is_counted: bool,
) -> Response:
    """Decide, for the moment of the attempt's id, and do what was decided.

    Raises MethodMoved or CounterMoved if what it was decided on has changed: then nothing was
    written."""
    intent, instrument = payable.intent, payable.instrument
    operation_id = services.new_id("op")
    now = instant_of(operation_id)
    decision = scoring.decide(now)
    if decision.action is Action.BLOCK:
        return block(payable, operation_id, decision, asked, services)
    review = scoring.review_of(decision)
    if review is not None and scoring.is_held_unsent:
        return hold(payable, operation_id, review, decision, asked, services)
    counters = scoring.counters(decision)
    marks = scoring.marks(counters, operation_id) if is_counted else []
    begun = begin.authorize(
        intent,
        instrument,
        connector,
        decision.to_item(),
        asked.asking(operation_id, services, review),
        takes_tokens=instrument.method_id is not None and services.takes_tokens(connector),
        counted=tuple(key.pk for key in counters),
    )
    more = [claim(instrument, intent.intent_id, services), *payable.told_of(services), *marks]
    return perform(begun, payable.written_as(begun.intent), asked.request, services, more)
