"""Tx-2, decided: what an operation's outcome means for its intent and for the books. Pure.

The same function serves the request that sent the operation and whoever finds its outcome later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from farthing.acquiring.answer import NO_END, Answer, Outcome, SeenCard
from farthing.acquiring.port import Kind
from farthing.payments import states
from farthing.payments.intent import Authorization, Instrument, Intent
from farthing.payments.operation import Operation
from farthing.payments.review import ReviewStatus


@dataclass(frozen=True)
class Concluded:
    """What becomes true. `event_type` is the fact to tell; `moved_cents` the money that moved."""

    before: Intent
    intent: Intent
    operation: Operation
    event_type: str | None = None
    moved_cents: int = 0

    @property
    def resolved(self) -> bool:
        """Whether the outcome is known, so that the key's life begins to run out."""
        answer = self.operation.answer
        return answer is not None and answer.outcome not in NO_END


def conclude(intent: Intent, operation: Operation, answer: Answer) -> Concluded:
    """What `answer` to `operation` makes of `intent`, which waits for it."""
    rule = _RULES[operation.kind, answer.outcome]
    return rule(intent, operation.concluded(answer), answer)


def _charged(intent: Intent, operation: Operation, answer: Answer) -> Concluded:
    authorization = Authorization(
        reference=operation.reference,
        code=answer.authorization_code,
        network_reference=answer.network_reference,
        expires_at=answer.expires_at,
        amount_cents=operation.amount_cents,
        acquirer_id=operation.acquirer_id,
    )
    seen = _seen(intent.instrument, answer.card)
    if not operation.capture:
        opens = operation.review is not None and operation.review.status is ReviewStatus.OPEN
        after = _closed(
            intent,
            states.HELD if opens else states.AUTHORIZED,
            answer,
            authorization=authorization,
            instrument=seen,
            amount_capturable=operation.amount_cents,
        )
        event_type = None if opens else "payment_intent.authorized"
        return Concluded(intent, after, operation, event_type)
    after = _closed(
        intent,
        states.PAID,
        answer,
        authorization=authorization,
        instrument=seen,
        amount_captured=operation.amount_cents,
        amount_refundable=operation.amount_cents,
    )
    return Concluded(intent, after, operation, "payment_intent.succeeded", operation.amount_cents)


def _captured(intent: Intent, operation: Operation, answer: Answer) -> Concluded:
    after = _closed(
        intent,
        states.PAID,
        answer,
        amount_capturable=0,
        amount_captured=operation.amount_cents,
        amount_refundable=operation.amount_cents,
    )
    return Concluded(intent, after, operation, "payment_intent.succeeded", operation.amount_cents)


def _voided(intent: Intent, operation: Operation, answer: Answer) -> Concluded:
    ended = states.EXPIRED if operation.expiry else states.CANCELLED
    after = _closed(intent, ended, answer, amount_capturable=0)
    return Concluded(intent, after, operation, "payment_intent.cancelled")


def _declined(intent: Intent, operation: Operation, answer: Answer) -> Concluded:
    after = _closed(intent, states.DECLINED, answer, decline=_decline(answer))
    return Concluded(intent, after, operation, "payment_intent.failed")


def _reversed(intent: Intent, operation: Operation, answer: Answer) -> Concluded:
    after = _closed(intent, states.REVERSED, answer)
    return Concluded(intent, after, operation, "payment_intent.failed")


def _still_held(intent: Intent, operation: Operation, answer: Answer) -> Concluded:
    """A declined capture or void, or one that never left: the money is held as before, and a review
    that it was to end is open as before."""
    state = states.HELD if intent.is_under_review else states.AUTHORIZED
    after = _closed(intent, state, answer, decline=_decline(answer))
    return Concluded(intent, after, operation)


def _not_sent(intent: Intent, operation: Operation, answer: Answer) -> Concluded:
    state = states.HELD if intent.is_under_review else states.NEW
    return Concluded(intent, _closed(intent, state, answer), operation)


def _unknown(intent: Intent, operation: Operation, answer: Answer) -> Concluded:
    """The intent goes on waiting for this operation; nothing is given up."""
    waiting = states.UNDECIDED if operation.requires_decision else states.UNRESOLVED
    if intent.state in {waiting, states.UNDECIDED}:
        return Concluded(intent, intent, operation)
    after = intent.moved(waiting, outcome=answer.outcome.value)
    return Concluded(intent, after, operation)


def _pending(intent: Intent, operation: Operation, answer: Answer) -> Concluded:
    """The acquirer has the debit: told once, and then there is nothing to do but to wait."""
    waiting = states.UNDECIDED if operation.requires_decision else states.AWAITING
    if intent.state in {waiting, states.UNDECIDED}:
        return Concluded(intent, intent, operation)
    after = intent.moved(waiting, outcome=answer.outcome.value)
    event_type = "payment_intent.processing" if waiting == states.AWAITING else None
    return Concluded(intent, after, operation, event_type)


def _closed(intent: Intent, state: states.State, answer: Answer, **changes: Any) -> Intent:
    return intent.moved(state, open_operation=None, outcome=answer.outcome.value, **changes)


def _seen(instrument: Instrument | None, card: SeenCard | None) -> Instrument | None:
    """What paid, with what the acquirer says of a card that we never saw."""
    if instrument is None or card is None:
        return instrument
    return replace(instrument, last_four=card.last_four, card_brand=card.card_brand)


def _decline(answer: Answer) -> Mapping[str, Any] | None:
    return answer.decline.to_item() if answer.decline else None


_RULES = {
    (Kind.AUTHORIZE, Outcome.APPROVED): _charged,
    (Kind.AUTHORIZE, Outcome.DECLINED): _declined,
    (Kind.AUTHORIZE, Outcome.PENDING): _pending,
    (Kind.AUTHORIZE, Outcome.NOT_SENT): _not_sent,
    (Kind.AUTHORIZE, Outcome.ABSENT): _reversed,
    (Kind.CAPTURE, Outcome.APPROVED): _captured,
    (Kind.CAPTURE, Outcome.DECLINED): _still_held,
    (Kind.CAPTURE, Outcome.NOT_SENT): _still_held,
    (Kind.CAPTURE, Outcome.ABSENT): _still_held,
    (Kind.VOID, Outcome.APPROVED): _voided,
    (Kind.VOID, Outcome.DECLINED): _still_held,
    (Kind.VOID, Outcome.NOT_SENT): _still_held,
    (Kind.VOID, Outcome.ABSENT): _still_held,
    **{(kind, Outcome.UNKNOWN): _unknown for kind in (Kind.AUTHORIZE, Kind.CAPTURE, Kind.VOID)},
}
"""Operation and outcome → what follows. Refunds have their own table beside the refund."""
