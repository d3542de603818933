"""The rules that guard money, as the database sees them. Each write names the one it depends on."""

from __future__ import annotations

from farthing.payments.operation import UNRESOLVED, OperationState
from farthing.payments.payment_method import GONE
from farthing.payments.states import Detail, Status
from farthing.store import Condition


def same_version(version: int) -> Condition:
    """SAME_VERSION: what was read is what is there, so a snapshot of it is true."""
    return Condition("SAME_VERSION", "#version = :version", {"version": version})


def confirmable(version: int) -> Condition:
    """CONFIRMABLE: nothing was ever sent for it, or what was tried never left; nobody is at it."""
    return Condition(
        "CONFIRMABLE",
        "#status = :created AND attribute_not_exists(#open_operation)",
        {"created": Status.CREATED.value},
    ) & same_version(version)


def voidable(version: int) -> Condition:
    """VOIDABLE: money is held and not taken, and nobody is at it."""
    return Condition(
        "VOIDABLE",
        "#status_detail = :requires_capture AND attribute_not_exists(#open_operation)",
        {"requires_capture": Detail.REQUIRES_CAPTURE.value},
    ) & same_version(version)


def reviewable(version: int) -> Condition:
    """REVIEWABLE: a person is to look at it, and nobody is at it."""
    return Condition(
        "REVIEWABLE",
        "#status_detail = :requires_review AND attribute_not_exists(#open_operation)",
        {"requires_review": Detail.REQUIRES_REVIEW.value},
    ) & same_version(version)


def enough_left_to_capture(amount_cents: int, version: int) -> Condition:
    """ENOUGH_LEFT_TO_CAPTURE: held, not taken, nobody at it, and no more than was held."""
    return voidable(version) & Condition(
        "ENOUGH_LEFT_TO_CAPTURE", "#amount_capturable >= :amount", {"amount": amount_cents}
    )


def enough_held_to_take(amount_cents: int, version: int) -> Condition:
    """ENOUGH_HELD_TO_TAKE: to be looked at, held, nobody at it, and no more than was held."""
    return reviewable(version) & Condition(
        "ENOUGH_HELD_TO_TAKE", "#amount_capturable >= :amount", {"amount": amount_cents}
    )


def enough_left_to_refund(amount_cents: int) -> Condition:
    """ENOUGH_LEFT_TO_REFUND: taken, and not more than is left of it."""
    return Condition(
        "ENOUGH_LEFT_TO_REFUND",
        "#status = :succeeded AND #amount_refundable >= :amount",
        {"succeeded": Status.SUCCEEDED.value, "amount": amount_cents},
    )


NOT_DISPUTED = Condition(
    "NOT_DISPUTED",
    "attribute_not_exists(#open_disputes) OR #open_disputes = :no_dispute",
    {"no_dispute": 0},
)
"""No acquirer has taken its money for a dispute that is not decided: the payer would have it twice.
A row of before there were disputes has none."""


def disputable(version: int) -> Condition:
    """DISPUTABLE: money was taken, and what is left of it is what was read."""
    return Condition(
        "DISPUTABLE", "#status = :succeeded", {"succeeded": Status.SUCCEEDED.value}
    ) & same_version(version)


def returnable(version: int) -> Condition:
    """RETURNABLE: money was taken, and what is left of it is what was read."""
    return Condition(
        "RETURNABLE", "#status = :succeeded", {"succeeded": Status.SUCCEEDED.value}
    ) & same_version(version)


def holds_operation(operation_id: str) -> Condition:
    """HOLDS_OPERATION: the intent is still waiting for this operation and no other."""
    return Condition("HOLDS_OPERATION", "#open_operation = :operation", {"operation": operation_id})


def held_under_fence(fence: int) -> Condition:
    """HELD_UNDER_FENCE: nobody took the operation over, and nobody concluded it."""
    return Condition(
        "HELD_UNDER_FENCE",
        "#fence = :fence AND #state IN (:open, :unknown, :pending)",
        {"fence": fence, **_unresolved()},
    )


def abandoned(fence: int, now: str) -> Condition:
    """ABANDONED: unresolved, its lease has run out, and nobody else took it over first."""
    return Condition(
        "ABANDONED",
        "#fence = :fence AND #lease_until <= :now AND #state IN (:open, :unknown, :pending)",
        {"fence": fence, "now": now, **_unresolved()},
    )


DEBITED = Condition("DEBITED", "#state = :approved", {"approved": OperationState.APPROVED.value})
"""The debit has succeeded: more may become known of it, and it stays what it is."""

STILL_WATCHED = DEBITED & Condition("STILL_WATCHED", "attribute_exists(#due_pk)")
"""Nobody has found meanwhile that it went back, or that it cannot any more."""


def token_pays(intent_id: str, now: str) -> Condition:
    """TOKEN_PAYS: a live single-use token that nobody used, or that this very intent claimed."""
    return Condition(
        "TOKEN_PAYS",
        "#expires_at > :now AND (attribute_not_exists(#claimed_by) OR #claimed_by = :intent)",
        {"now": now, "intent": intent_id},
    )


def kept_for(intent_id: str) -> Condition:
    """KEPT_FOR: the token waits for this payment, which claimed it while it was to be looked at.
    Its card is there as long as that payment may need it."""
    return Condition("KEPT_FOR", "#claimed_by = :intent", {"intent": intent_id})


def method_usable(network_reference: str | None, network_token: str | None) -> Condition:
    """METHOD_USABLE: the saved method is not deleted, its card is kept, it was used before as often
    as we think, and its network token is where we think."""
    thought = {"network_reference": network_reference, "network_token": network_token}
    known = [
        f"attribute_not_exists(#{name})" if value is None else f"#{name} = :{name}"
        for name, value in thought.items()
    ]
    there = ("attribute_exists(#pk)", *(f"attribute_not_exists(#{x})" for x in GONE))
    return Condition(
        "METHOD_USABLE",
        " AND ".join([*there, *known]),
        {name: value for name, value in thought.items() if value is not None},
    )


def key_free(now: str) -> Condition:
    """KEY_FREE: the idempotency key was never used, or has expired, or its try sent nothing.

    A row whose outcome is not known has no expiry, so it never counts as expired.
    """
    return Condition(
        "KEY_FREE",
        "attribute_not_exists(#pk) OR #expires_at < :now OR #state = :released",
        {"now": now, "released": "RELEASED"},
    )


def key_held_by(operation_id: str) -> Condition:
    """KEY_HELD_BY: the key still waits for this operation."""
    return Condition("KEY_HELD_BY", "#operation_id = :operation", {"operation": operation_id})


KEY_WAITS = Condition("KEY_WAITS", "#state = :held", {"held": "HELD"})
"""The key waits for a person, as its payment does."""


def _unresolved() -> dict[str, str]:
    return {state.name.lower(): state.value for state in UNRESOLVED}
