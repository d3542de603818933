"""What nobody took in time: an authorization without a capture, or a review without an answer. It
is given back, or never sent, and the payment ends EXPIRED.

The same rule as for a cancel guards it (VOIDABLE, REVIEWABLE): what was begun in time wins.
"""

from __future__ import annotations

from contextlib import suppress

from farthing.acquiring.answer import UNKNOWN, Outcome
from farthing.clock import to_text
from farthing.payments import begin, resolve, states
from farthing.payments.begin import Asking
from farthing.payments.conclusion import FIRST_LOOK_SECONDS, intent_update
from farthing.payments.conditions import reviewable, voidable
from farthing.payments.intent import Intent, intent_key
from farthing.payments.perform import send
from farthing.payments.review import ReviewStatus, ReviewStep
from farthing.payments.reviews import closed
from farthing.payments.services import SEND_SECONDS, Services
from farthing.store import NOT_CREATED, ConditionFailed, Put, StoreBusy


def expire(intent_id: str, services: Services) -> None:
    """End a payment that waits for what has run out, if nobody is at it."""
    item = services.store.get(intent_key(services.tenant, intent_id))
    if item is None or services.seconds_left() < SEND_SECONDS:
        return
    intent = Intent.from_item(item)
    if not has_run_out(intent, to_text(services.now())):
        return
    step = ReviewStep(ReviewStatus.EXPIRED) if intent.is_under_review else None
    if step is not None and intent.authorization is None:
        _, ended = closed(intent, states.EXPIRED, "payment_intent.cancelled", step, services)
        with suppress(ConditionFailed, StoreBusy):
            services.store.write(*(one.write for one in ended))
        return
    asking = Asking("", 200, "expiry", services.new_id("op"), services.now(), step)
    begun = begin.void(intent, asking, expiry=True)
    operation = begun.operation
    when = voidable(intent.version) if step is None else reviewable(intent.version)
    try:
        services.store.write(
            *intent_update(intent, begun.intent, when),
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
    """Whether nobody is at it, and the time for which it waits is over."""
    if intent.open_operation is not None or intent.holds_until is None:
        return False
    return intent.holds_until <= now
