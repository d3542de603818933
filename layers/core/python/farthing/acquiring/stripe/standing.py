"""What a PaymentIntent or a refund says of the operation that asked for it. Pure.

Stripe's states are of payments, ours of operations: one PaymentIntent tells of an authorization, of
the capture or the void that followed it, and of its reversal. None: not decided yet. Raises
NoUsableAnswer where it contradicts what we asked for: then nobody may adopt it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from farthing.acquiring.answer import ABSENT, Answer, Outcome
from farthing.acquiring.exchange import NoUsableAnswer
from farthing.acquiring.port import Found, Instruction, Kind
from farthing.acquiring.stripe.declines import NOT_PERMITTED, decline_of
from farthing.acquiring.stripe.payment import (
    KIND,
    MARK_OF,
    REFERENCE,
    REVERSAL,
    Payment,
    Refunded,
    authorized,
    require_original,
    require_refund_asked,
    units,
)

IDLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
"""Nothing was charged, and nothing is under way. Cancelling it keeps it so."""
HELD, TAKEN, ENDED, AT_WORK = "requires_capture", "succeeded", "canceled", "processing"
GIVEN_BACK = frozenset({"succeeded", "pending"})

Standing = tuple[Found, Answer | None]

NOT_THERE: Standing = (Found.NOT_FOUND, None)
WAITING: Standing = (Found.PENDING, None)


def of_authorization(
    payment: Payment, asked: Instruction, reversals: Sequence[Refunded] = ()
) -> Standing:
    """What became of an AUTHORIZE. `reversals` are the refunds of ours that undo its charge."""
    if payment.status in IDLE:
        return _declined(payment) if payment.error is not None else NOT_THERE
    if payment.status == AT_WORK:
        return WAITING
    if payment.status == ENDED:
        return Found.FOUND, ABSENT
    if is_given_back(payment, reversals):
        certain = all(refund.status == "succeeded" for refund in reversals)
        return (Found.FOUND, ABSENT) if certain else WAITING
    taken_as_asked = payment.status == TAKEN and payment.amount_received == units(asked)
    held_as_asked = payment.status == HELD and not asked.capture
    if taken_as_asked or held_as_asked or (payment.status == TAKEN and not asked.capture):
        return Found.FOUND, authorized(payment)
    raise NoUsableAnswer(f"{payment.status} is not what was asked for")


def of_following(payment: Payment, asked: Instruction) -> Standing:
    """What became of a CAPTURE or a VOID."""
    require_original(payment, asked)
    if payment.status == HELD:
        return NOT_THERE
    if payment.status == AT_WORK:
        return WAITING
    done, other = (TAKEN, ENDED) if asked.kind is Kind.CAPTURE else (ENDED, TAKEN)
    if payment.status == other:
        return NOT_THERE
    if payment.status == done and _done_as_asked(payment, asked):
        return Found.FOUND, Answer(Outcome.APPROVED)
    raise NoUsableAnswer(f"{payment.status}, and not by {asked.reference}")


def of_refund(refund: Refunded, asked: Instruction, payment_id: str) -> Standing:
    """What became of a REFUND that is there."""
    require_refund_asked(refund, asked, payment_id)
    match refund.status:
        case "succeeded":
            return Found.FOUND, Answer(Outcome.APPROVED)
        case "failed" | "canceled":
            error = {"code": refund.error}
            return Found.FOUND, Answer(Outcome.DECLINED, decline=decline_of(error, "OTHER"))
        case "pending" | "requires_action":
            return WAITING
    raise NoUsableAnswer(f"a refund that is {refund.status}")


def reversals_among(refunds: Iterable[Refunded], reference: str) -> list[Refunded]:
    """Those refunds that undo the charge of a reference."""
    return [
        refund
        for refund in refunds
        if refund.metadata.get(KIND) == REVERSAL and refund.metadata.get(REFERENCE) == reference
    ]


def is_given_back(payment: Payment, reversals: Iterable[Refunded]) -> bool:
    """Whether refunds of ours gave the whole charge back, or are about to."""
    back = sum(refund.amount for refund in reversals if refund.status in GIVEN_BACK)
    return 0 < payment.amount_received <= back


def refused_by_state(payment: Payment, asked: Instruction) -> Answer:
    """What it means that the PaymentIntent's state does not allow a CAPTURE or a VOID.

    UNKNOWN if it was done by somebody else than we think: the look-up says so, too.
    """
    found, answer = of_following(payment, asked)
    if found is Found.FOUND and answer is not None:
        return answer
    if payment.status in {ENDED, TAKEN}:
        error = {"code": f"payment_intent_{payment.status}"}
        return Answer(Outcome.DECLINED, decline=decline_of(error, NOT_PERMITTED))
    return Answer(Outcome.UNKNOWN)


def _done_as_asked(payment: Payment, asked: Instruction) -> bool:
    """Whether it was this capture; or whether the whole was given back, by whomever."""
    if asked.kind is Kind.VOID:
        return payment.amount == units(asked)
    marked = payment.metadata.get(MARK_OF[Kind.CAPTURE]) == asked.reference
    return marked and payment.amount_received == units(asked)


def _declined(payment: Payment) -> Standing:
    reason = decline_of(payment.error or {}, "OTHER")
    return Found.FOUND, Answer(Outcome.DECLINED, decline=reason, acquirer_id=payment.acquirer_id)
