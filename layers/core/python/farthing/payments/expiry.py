"""An authorization that ran out without a capture: given back, and the payment ends EXPIRED.

The same rule as for a cancel guards it (VOIDABLE): a capture that was begun in time wins.
"""

from __future__ import annotations

from farthing.acquiring.answer import UNKNOWN, Outcome
from farthing.clock import to_text
from farthing.payments import begin, resolve, states
from farthing.payments.begin import Asking
from farthing.payments.conclusion import FIRST_LOOK_SECONDS, intent_update
from farthing.payments.conditions import voidable
from farthing.payments.intent import Intent, intent_key
from farthing.payments.perform import send
from farthing.payments.services import SEND_SECONDS, Services
from farthing.store import NOT_CREATED, ConditionFailed, Put, StoreBusy


def expire(intent_id: str, services: Services) -> None:
    """Void the authorization of a payment, if it has run out and nobody is at it."""
    item = services.store.get(intent_key(services.tenant, intent_id))
    if item is None or services.seconds_left() < SEND_SECONDS:
        return
    intent = Intent.from_item(item)
    if not has_run_out(intent, to_text(services.now())):
        return
    asking = Asking("", 200, "expiry", services.new_id("op"), services.now())
    begun = begin.void(intent, asking, expiry=True)
    operation = begun.operation
    try:
        services.store.write(
            *intent_update(intent, begun.intent, voidable(intent.version)),
            Put(operation.address.key, operation.to_item(), NOT_CREATED),
        )
    except (ConditionFailed, StoreBusy):
        return
    answer = send(operation, services)
    if answer.outcome is Outcome.DECLINED:
        answer = UNKNOWN  # not given back, and yet run out: it will be a person's to decide
    resolve.adopt(operation, answer, services)
    if answer.outcome is Outcome.UNKNOWN:
        services.later.look(operation.address, FIRST_LOOK_SECONDS)


def has_run_out(intent: Intent, now: str) -> bool:
    """Whether money is held, nobody is at it, and the time for taking it is over."""
    authorization = intent.authorization
    if intent.state != states.AUTHORIZED or intent.open_operation is not None:
        return False
    if authorization is None or authorization.expires_at is None:
        return False
    return authorization.expires_at <= now
