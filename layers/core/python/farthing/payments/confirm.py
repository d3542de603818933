"""Confirming: score, then ask the acquirer for the money exactly once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from farthing.acquiring.fit import require_amount, require_source
from farthing.errors import invalid, not_found
from farthing.fraud.score import Action, Decision, Facts
from farthing.http.idempotency_key import IdempotentRequest
from farthing.http.response import Response
from farthing.payments import begin, idempotency, method_rules, states
from farthing.payments.answers import blocked
from farthing.payments.begin import Asking
from farthing.payments.conclusion import intent_update
from farthing.payments.conditions import confirmable
from farthing.payments.event import event_put
from farthing.payments.guarded import Guarded, commit
from farthing.payments.instruments import (
    MethodMoved,
    Paying,
    claim,
    read_instrument,
)
from farthing.payments.intent import Instrument, Intent, key_of
from farthing.payments.perform import impossible, key_used, perform
from farthing.payments.read import settle_open_operation
from farthing.payments.replay import replay
from farthing.payments.services import Services
from farthing.payments.views import show_intent
from farthing.store import NOT_CREATED, Item, Put

METHOD_TRIES_MAX = 3


@dataclass(frozen=True)
class Payable:
    """An intent that is to be paid. `before` is its row as it was read, None if it has none yet.

    `also` goes with it, whatever becomes of the payment: its checkout session's write.
    """

    intent: Intent
    before: Intent | None = None
    also: tuple[Guarded, ...] = ()

    def written_as(self, after: Intent) -> Guarded:
        """The intent's write of a transaction: created, or moved on from what was read."""
        if self.before is None:
            return Guarded(Put(after.key, after.to_item(), NOT_CREATED), impossible)
        (write,) = intent_update(self.before, after, confirmable(self.before.version))
        return Guarded(write, refuse_state("confirmed", states.NEW))

    def told_of(self, services: Services) -> list[Guarded]:
        """What else is written: its session, and the event of its creation if it is created now."""
        created = [] if self.before is not None else [creation_event(self.intent, services)]
        return [*self.also, *created]


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
    found = services.store.batch_get(wanted)
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
    payable = Payable(intent, before)
    return authorize(payable, request, request_id, services, success_status=success_status)


def authorize(
    payable: Payable,
    request: IdempotentRequest,
    request_id: str,
    services: Services,
    *,
    success_status: int,
) -> Response:
    """Score the payment, then write and send its authorization, or write that it is blocked."""
    intent, instrument = payable.intent, payable.intent.instrument
    if instrument is None:
        raise invalid("token", "or payment_method_id is needed to confirm")
    connector = services.connector(intent.currency)
    if connector is None:
        raise invalid("currency", f"no acquirer takes {intent.currency} for this merchant")
    field = "token" if instrument.method_id is None else "payment_method_id"
    require_source(connector, instrument.connector, intent.currency, field)
    require_amount(connector, intent.amount_cents, intent.currency)
    method_rules.require_payable(intent, instrument)
    method_rules.require_taken(instrument, intent.currency, services.capabilities(connector))
    decision = services.score(_facts(intent, instrument))
    if decision.action is Action.BLOCK:
        return _block(payable, decision, request, request_id, services)
    takes_tokens = instrument.method_id is not None and services.takes_tokens(connector)
    for _ in range(METHOD_TRIES_MAX):
        asking = Asking(
            request.row_id, success_status, request_id, services.new_id("op"), services.now()
        )
        begun = begin.authorize(
            intent, instrument, connector, decision.to_item(), asking, takes_tokens=takes_tokens
        )
        more = [claim(instrument, intent.intent_id, services), *payable.told_of(services)]
        try:
            return perform(begun, payable.written_as(begun.intent), request, services, more)
        except MethodMoved as moved:
            instrument = moved.instrument
    raise begin.in_progress()


def _block(
    payable: Payable,
    decision: Decision,
    request: IdempotentRequest,
    request_id: str,
    services: Services,
) -> Response:
    """FAILED and its event at once: there is no operation, so nothing can ever be sent."""
    intent = payable.intent
    after = intent.moved(
        states.BLOCKED,
        fraud=begin.fraud_of(decision.to_item()),
        event_sequence=intent.event_sequence + 1,
    )
    answer = blocked(after, request_id)
    guarded = [
        key_used(request, answer, services),
        payable.written_as(after),
        state_event(after, "payment_intent.failed", services),
        *payable.told_of(services),
    ]
    return commit(services.store, guarded) or answer


def creation_event(intent: Intent, services: Services) -> Guarded:
    """`payment_intent.created`, the first event of every payment."""
    return state_event(intent, "payment_intent.created", services)


def state_event(intent: Intent, type_: str, services: Services) -> Guarded:
    """The event that `intent.event_sequence` numbers, showing the intent as it is then."""
    event_id, shown = services.new_id("evt"), show_intent(intent)
    return Guarded(event_put(intent, event_id, type_, shown, services.now()), impossible)


def refuse_state(done: str, wanted: states.State) -> Any:
    """The refusal of a write to an intent that moved on since it was read."""

    def refuse(item: Item | None) -> Response:
        if item is None:
            raise LookupError("an intent vanished")
        begin.require(Intent.from_item(item), wanted, done)
        raise begin.in_progress()

    return refuse


def _facts(intent: Intent, instrument: Instrument) -> Facts:
    return Facts(
        amount_cents=intent.amount_cents,
        currency=intent.currency,
        fingerprint=instrument.fingerprint,
        bin=instrument.bin,
        customer_id=intent.customer_id,
        ip_address=intent.ip_address,
    )
