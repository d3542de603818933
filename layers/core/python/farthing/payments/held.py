"""What is not sent: blocked for good, or held until a person has looked.

There is no operation, so nothing can ever be sent of it by mistake; the decision has a row of its
own. Neither is in a counter: what we did not ask the issuer is no failure of the card's.
"""

from __future__ import annotations

from farthing.fraud.signals import Decision
from farthing.http.response import Response
from farthing.payments import begin, states
from farthing.payments.answers import answer_after_review, blocked
from farthing.payments.conclusion import tell
from farthing.payments.guarded import Guarded, commit
from farthing.payments.instruments import claim
from farthing.payments.intent import Intent
from farthing.payments.payable import Payable, PaymentRequest
from farthing.payments.perform import impossible, key_used, key_waits
from farthing.payments.review import ReviewStep
from farthing.payments.scoring import kept
from farthing.payments.services import Services


def block(
    payable: Payable,
    decision_id: str,
    decision: Decision,
    asked: PaymentRequest,
    services: Services,
) -> Response:
    """FAILED and its event at once."""
    after = payable.intent.moved(states.BLOCKED, fraud=begin.fraud_of(decision.to_item()))
    return _write(payable, after, "payment_intent.failed", decision_id, decision, asked, services)


def hold(
    payable: Payable,
    decision_id: str,
    opens: ReviewStep,
    decision: Decision,
    asked: PaymentRequest,
    services: Services,
) -> Response:
    """It waits for its review, and what pays it is claimed: nothing else is paid with that."""
    after = payable.intent.moved(
        states.HELD,
        fraud=begin.fraud_of(decision.to_item()),
        review=opens.opened(decision_id, asked.waiting, services.now()),
    )
    return _write(payable, after, None, decision_id, decision, asked, services)


def _write(
    payable: Payable,
    after: Intent,
    event_type: str | None,
    decision_id: str,
    decision: Decision,
    asked: PaymentRequest,
    services: Services,
) -> Response:
    now = services.now()
    after, told = tell(payable.intent, after, event_type, services.new_id, now)
    if after.is_under_review:
        answer = answer_after_review(after, asked.waiting)
        first = [
            key_waits(asked.request, after.intent_id, services),
            claim(payable.instrument, after.intent_id, services),
        ]
    else:
        answer = blocked(after, asked.request_id)
        first = [key_used(asked.request, answer, services)]
    guarded = [
        *first,
        payable.written_as(after),
        kept(after, decision_id, decision, now),
        *(Guarded(write, impossible) for write in told),
        *payable.told_of(services),
    ]
    return commit(services.store, guarded) or answer
