"""The answer to a request that asked for an operation, from where its payment stands now.

One function for the first answer, for a replay after the outcome became known, and for whoever
finds the outcome: they must not differ. The payer of a checkout session asked by its page, and is
shown the session; everybody else asked with the merchant's key, and is shown the payment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from farthing.acquiring.answer import Outcome
from farthing.acquiring.port import Kind
from farthing.errors import (
    BLOCKED_BY_FRAUD,
    CARD_DECLINED,
    NOT_CARRIED_OUT,
    NOT_SENT,
    FarthingError,
)
from farthing.http.problem import problem
from farthing.http.response import Response, accepted, dump
from farthing.payments import states
from farthing.payments.checkout import show_attempt
from farthing.payments.intent import Intent
from farthing.payments.operation import Operation
from farthing.payments.review import ReviewStatus, Waiting
from farthing.payments.states import Status
from farthing.payments.views import show_intent

RETRY_AFTER_SECONDS = 2


def answer_about(operation: Operation, intent: Intent) -> Response:
    """What the request behind an operation on a payment is told: where a person is to look at it,
    that it is not known yet what becomes of it."""
    opens = operation.review is not None and operation.review.status is ReviewStatus.OPEN
    if opens and intent.review is not None:
        return answer_after_review(intent, intent.review.waiting)
    return answer_of(operation, *_shown_to_asker(operation, intent))


def answer_after_review(intent: Intent, waiting: Waiting) -> Response:
    """What the request for a payment under review is told, before it was looked at and after."""
    shown, name = _shown(Kind.AUTHORIZE, intent)
    if intent.status is Status.PROCESSING and intent.state != states.AUTHORIZED:
        return accepted(shown)
    if intent.status in {Status.PROCESSING, Status.SUCCEEDED}:
        return Response(waiting.success_status, dump(shown))
    if intent.state == states.DECLINED and intent.decline is not None:
        refused = FarthingError(
            CARD_DECLINED, str(intent.decline["message"]), extensions={name: shown}
        )
        return problem(refused, waiting.request_id)
    return problem(not_carried_out({name: shown}), waiting.request_id)


def not_known_yet(operation: Operation, intent: Intent) -> Response:
    """202, with the payment as it would be if nothing more were ever heard."""
    shown, _ = _shown_to_asker(operation, intent)
    return accepted(shown)


def _shown_to_asker(operation: Operation, intent: Intent) -> tuple[dict[str, Any], str]:
    """Who answers a review is the merchant, also where the payment is a session's."""
    answers = operation.review is not None and operation.review.status is not ReviewStatus.OPEN
    return (show_intent(intent), "payment_intent") if answers else _shown(operation.kind, intent)


def _shown(kind: Kind, intent: Intent) -> tuple[dict[str, Any], str]:
    """What the asker is shown, and its name in a problem document."""
    if kind is Kind.AUTHORIZE and intent.checkout is not None:
        return show_attempt(intent, intent.checkout), "checkout_session"
    return show_intent(intent), "payment_intent"


def answer_of(operation: Operation, shown: Mapping[str, Any], name: str) -> Response:
    """What the request behind `operation` is told.

    `shown` is the object that it is about, `name` the object's name in a problem document.
    """
    outcome = operation.answer.outcome if operation.answer else Outcome.UNKNOWN
    match outcome:
        case Outcome.APPROVED:
            return Response(operation.success_status, dump(shown))
        case Outcome.DECLINED:
            return declined(operation, shown, name)
        case Outcome.ABSENT:
            return problem(not_carried_out({name: dict(shown)}), operation.request_id)
        case Outcome.NOT_SENT:
            return problem(not_sent({name: dict(shown)}), operation.request_id)
        case Outcome.UNKNOWN | Outcome.PENDING:
            return accepted(shown)


def declined(operation: Operation, shown: Mapping[str, Any], name: str) -> Response:
    """402: a definite no, with the object as it is now."""
    decline = operation.answer.decline if operation.answer else None
    error = FarthingError(
        CARD_DECLINED,
        decline.message if decline else CARD_DECLINED.title,
        extensions={name: dict(shown)},
    )
    return problem(error, operation.request_id)


def blocked(intent: Intent, request_id: str) -> Response:
    """402: we said no ourselves. Which rule did is not for the payer."""
    shown, name = _shown(Kind.AUTHORIZE, intent)
    error = FarthingError(BLOCKED_BY_FRAUD, "the payment was blocked", extensions={name: shown})
    return problem(error, request_id)


def not_carried_out(extensions: Mapping[str, Any]) -> FarthingError:
    """402: it is proved that no money moved, and none of it can move any more."""
    detail = "no money moved, or it was given back; try again with a new key and a new token"
    return FarthingError(NOT_CARRIED_OUT, detail, extensions=extensions)


def not_sent(extensions: Mapping[str, Any] | None = None) -> FarthingError:
    """503: nothing left this side, and the same key may try again."""
    return FarthingError(
        NOT_SENT,
        "nothing was sent to the acquirer; try again with the same key",
        extensions=extensions,
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )
