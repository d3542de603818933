"""A person's answer to a review, and what follows: money is taken or given back, or it is sent, or
never.

    held authorized     approve ─► CAPTURE, or held on for its merchant     decline ─► VOID
    held unsent         approve ─► AUTHORIZE                                decline ─► cancelled

What is sent is an operation as any other, and the review is closed by its outcome, in the same
transaction: while that is not known the review is open, and an answer that could not be carried out
may be given again.
"""

from __future__ import annotations

from dataclasses import dataclass

from farthing.acquiring.fit import require_amount, require_source
from farthing.clock import to_text
from farthing.errors import WRONG_STATE, FarthingError, not_found
from farthing.fraud.counter_row import counters_of
from farthing.http.response import Response, ok
from farthing.payments import begin, idempotency, states
from farthing.payments.begin import Begun
from farthing.payments.conclusion import intent_update, tell
from farthing.payments.conditions import enough_held_to_take, reviewable
from farthing.payments.guarded import Guarded, commit
from farthing.payments.instruments import METHOD_TRIES_MAX, MethodMoved, claim
from farthing.payments.intent import CaptureMethod, Instrument, Intent, intent_key
from farthing.payments.payable import PaymentRequest, refuse_state
from farthing.payments.perform import impossible, key_used, perform
from farthing.payments.read import settle_open_operation
from farthing.payments.remembered import remember_reviewed
from farthing.payments.replay import replay
from farthing.payments.review import ReviewStatus, ReviewStep, intent_id_of
from farthing.payments.scoring import kept_key
from farthing.payments.services import Services
from farthing.payments.views import show_intent
from farthing.store import Write

ANSWERED = "reviewed"


@dataclass(frozen=True)
class ReviewAnswer:
    """What somebody says to a review. `note` is free text for whoever looks at it later,
    `is_fraud` what models learn from."""

    review_id: str
    by: str
    note: str | None = None
    is_fraud: bool = False

    def step(self, status: ReviewStatus) -> ReviewStep:
        """What it does to the review."""
        return ReviewStep(status, by=self.by, note=self.note, is_fraud=self.is_fraud)


def approve(answer: ReviewAnswer, asked: PaymentRequest, services: Services) -> Response:
    """Take the money, or send the payment; the payment as it is then. Raises FarthingError."""
    step = answer.step(ReviewStatus.APPROVED)
    intent = _read(answer.review_id, asked, services)
    if isinstance(intent, Response):
        return intent
    if intent.authorization is None:
        return _send(intent, step, asked, services)
    if intent.capture_method is CaptureMethod.MANUAL:
        answered = _without_sending(
            intent, states.AUTHORIZED, "payment_intent.authorized", step, asked, services
        )
        remember_reviewed(intent, services)
        return answered
    begun = begin.capture(intent, None, _asking(step, asked, services))
    when = enough_held_to_take(begun.operation.amount_cents, intent.version)
    (write,) = intent_update(intent, begun.intent, when)
    return perform(begun, _guarded(write), asked.request, services)


def decline(answer: ReviewAnswer, asked: PaymentRequest, services: Services) -> Response:
    """Give the money back, or never send; the payment as it is then. Raises FarthingError."""
    intent = _read(answer.review_id, asked, services)
    if isinstance(intent, Response):
        return intent
    return refuse(intent, answer.step(ReviewStatus.DECLINED), asked, services)


def refuse(intent: Intent, step: ReviewStep, asked: PaymentRequest, services: Services) -> Response:
    """The end of a payment that is under review, without money."""
    if intent.authorization is None:
        return _without_sending(
            intent, states.CANCELLED, "payment_intent.cancelled", step, asked, services
        )
    begun = begin.void(intent, _asking(step, asked, services))
    (write,) = intent_update(intent, begun.intent, reviewable(intent.version))
    return perform(begun, _guarded(write), asked.request, services)


def closed(
    intent: Intent, state: states.State, event_type: str, step: ReviewStep, services: Services
) -> tuple[Intent, list[Guarded]]:
    """The intent with its review closed and nothing sent, and the writes that say so."""
    if intent.review is None:
        raise ValueError("a payment without a review")
    now = services.now()
    after = intent.moved(state, review=step.closed(intent.review, to_text(now)))
    after, told = tell(intent, after, event_type, services.new_id, now)
    (write,) = intent_update(intent, after, reviewable(intent.version))
    return after, [_guarded(write), *(Guarded(one, impossible) for one in told)]


def _without_sending(
    intent: Intent,
    state: states.State,
    event_type: str,
    step: ReviewStep,
    asked: PaymentRequest,
    services: Services,
) -> Response:
    begin.require(intent, states.HELD, ANSWERED)
    after, writes = closed(intent, state, event_type, step, services)
    answer = ok(show_intent(after))
    return commit(services.store, [key_used(asked.request, answer, services), *writes]) or answer


def _send(intent: Intent, step: ReviewStep, asked: PaymentRequest, services: Services) -> Response:
    """The authorization that was decided about and held: what was decided then goes with it.

    A person lets it in, so it is not counted while it is in flight; if it fails, it is then.
    """
    if intent.instrument is None or intent.review is None:
        raise ValueError("a held payment knows what pays it")
    item = services.store.get(kept_key(intent, intent.review.decision_id))
    if item is None:
        raise LookupError(intent.review.decision_id)
    instrument = intent.instrument
    for _ in range(METHOD_TRIES_MAX):
        begun = _authorization(intent, instrument, item["decision"], step, asked, services)
        (write,) = intent_update(intent, begun.intent, reviewable(intent.version))
        claimed = claim(instrument, intent.intent_id, services, is_kept=True)
        try:
            return perform(begun, _guarded(write), asked.request, services, [claimed])
        except MethodMoved as moved:
            instrument = moved.instrument
    raise begin.in_progress()


def _authorization(
    intent: Intent,
    instrument: Instrument,
    decision: dict[str, object],
    step: ReviewStep,
    asked: PaymentRequest,
    services: Services,
) -> Begun:
    """Asked of whoever takes the currency now."""
    connector = services.connector(intent.currency)
    if connector is None:
        raise FarthingError(WRONG_STATE, f"no acquirer takes {intent.currency} any more")
    require_source(connector, instrument.connector, intent.currency, "payment_method_id")
    require_amount(connector, intent.amount_cents, intent.currency)
    counters = counters_of(services.tenant, instrument.fingerprint, intent.ip_address)
    return begin.authorize(
        intent,
        instrument,
        connector,
        decision,
        _asking(step, asked, services),
        takes_tokens=instrument.method_id is not None and services.takes_tokens(connector),
        counted=tuple(key.pk for key in counters),
    )


def _read(review_id: str, asked: PaymentRequest, services: Services) -> Intent | Response:
    """The payment under review, after looking into what may be left open on it; or an earlier
    answer to this very request."""
    row = idempotency.row_key(services.tenant, asked.request.row_id)
    key = intent_key(services.tenant, intent_id_of(review_id))
    found = services.store.batch_get([row, key])
    earlier = idempotency.examine(found.get(row), asked.request, services.now())
    if not earlier.is_new:
        return replay(earlier, services)
    if key not in found:
        raise not_found("review", review_id)
    intent = settle_open_operation(Intent.from_item(found[key]), services)
    if intent.review is None:
        raise not_found("review", review_id)
    if not intent.is_under_review:
        raise FarthingError(
            WRONG_STATE,
            f"the review is {intent.review.status.value}",
            extensions={"review_status": intent.review.status.value},
        )
    return intent


def _asking(step: ReviewStep, asked: PaymentRequest, services: Services) -> begin.Asking:
    return asked.asking(services.new_id("op"), services, step)


def _guarded(write: Write) -> Guarded:
    return Guarded(write, refuse_state(ANSWERED, states.HELD))
