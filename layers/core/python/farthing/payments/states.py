"""The state machine of a PaymentIntent, as one table.

    CREATED ──confirm──► PROCESSING ──approved──────────► SUCCEEDED
       │                    │  │ ▲ └──declined, undone──► FAILED
       └──cancel──► CANCELLED◄─┘ └ REQUIRES_CAPTURE, REQUIRES_REVIEW, OUTCOME_UNKNOWN,
                             void  REQUIRES_DECISION, AWAITING_BANK

The five statuses are public; `status_detail` says what they hide. A terminal status is never
left: what happens later to the money is a fact of its own.
"""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where a payment is."""

    CREATED = "CREATED"
    PROCESSING = "PROCESSING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Detail(StrEnum):
    """What the status hides."""

    REQUIRES_CONFIRMATION = "REQUIRES_CONFIRMATION"
    REQUIRES_CAPTURE = "REQUIRES_CAPTURE"
    REQUIRES_REVIEW = "REQUIRES_REVIEW"
    AWAITING_BANK = "AWAITING_BANK"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    DECLINED = "DECLINED"
    BLOCKED_BY_FRAUD = "BLOCKED_BY_FRAUD"
    REQUIRES_DECISION = "REQUIRES_DECISION"
    REVERSED = "REVERSED"
    EXPIRED = "EXPIRED"


State = tuple[Status, Detail | None]

NEW: State = (Status.CREATED, Detail.REQUIRES_CONFIRMATION)
IN_FLIGHT: State = (Status.PROCESSING, None)
UNRESOLVED: State = (Status.PROCESSING, Detail.OUTCOME_UNKNOWN)
AWAITING: State = (Status.PROCESSING, Detail.AWAITING_BANK)
AUTHORIZED: State = (Status.PROCESSING, Detail.REQUIRES_CAPTURE)
HELD: State = (Status.PROCESSING, Detail.REQUIRES_REVIEW)
PAID: State = (Status.SUCCEEDED, None)
DECLINED: State = (Status.FAILED, Detail.DECLINED)
BLOCKED: State = (Status.FAILED, Detail.BLOCKED_BY_FRAUD)
CANCELLED: State = (Status.CANCELLED, None)
UNDECIDED: State = (Status.PROCESSING, Detail.REQUIRES_DECISION)
REVERSED: State = (Status.FAILED, Detail.REVERSED)
EXPIRED: State = (Status.CANCELLED, Detail.EXPIRED)

TRANSITIONS: dict[State, dict[State, str]] = {
    NEW: {
        IN_FLIGHT: "confirm: an authorization is written, then sent",
        BLOCKED: "confirm: the score says no; nothing is sent",
        HELD: "confirm: a person is to look first; nothing is sent",
        CANCELLED: "cancel: nothing was ever sent",
    },
    IN_FLIGHT: {
        PAID: "the charge, or the capture, was approved",
        AUTHORIZED: "the authorization was approved; or a capture or void was declined or not sent",
        DECLINED: "the authorization was declined",
        HELD: "approved, and a person is to look; or what its review asked for was refused",
        NEW: "the authorization was not sent",
        IN_FLIGHT: "the network token was refused: the card's number is asked instead",
        CANCELLED: "the void was approved",
        EXPIRED: "the void was approved; the authorization had run out",
        UNRESOLVED: "no usable answer came",
        AWAITING: "the acquirer has the debit, and the bank has still to decide",
        REVERSED: "the authorization never arrived, or was undone",
        UNDECIDED: "the acquirer cannot tell",
    },
    UNRESOLVED: {
        PAID: "found at the acquirer: charged",
        AWAITING: "found: a debit of which the bank has still to decide",
        AUTHORIZED: "found: authorized; or a capture or void found declined",
        HELD: "found: authorized, and a person is to look; or still held for its review",
        DECLINED: "found: declined",
        CANCELLED: "found: voided",
        EXPIRED: "found: voided; the authorization had run out",
        REVERSED: "the authorization never arrived, or was undone",
        IN_FLIGHT: "found: the network token was refused; the card's number is asked instead",
        UNRESOLVED: "the same, too late to ask: the card's number may have been asked",
        UNDECIDED: "nobody but a person can tell",
    },
    UNDECIDED: {
        PAID: "a person's decision, or found after all: charged",
        AUTHORIZED: "the same: authorized, or still held",
        HELD: "the same: authorized, and to be looked at; or still held for its review",
        DECLINED: "found after all: declined",
        CANCELLED: "the same: voided",
        EXPIRED: "the same: voided; the authorization had run out",
        REVERSED: "the same: no money moved",
    },
    AWAITING: {
        PAID: "the bank has paid",
        DECLINED: "the bank has refused",
        REVERSED: "the acquirer took it back before the bank decided",
        UNDECIDED: "the bank does not decide, and weeks have passed",
    },
    AUTHORIZED: {IN_FLIGHT: "capture or cancel: the operation is written, then sent"},
    HELD: {
        IN_FLIGHT: "the review's answer: capture, void or authorization is written, then sent",
        AUTHORIZED: "approved: held until its merchant captures it",
        CANCELLED: "declined or cancelled: nothing was ever sent",
        EXPIRED: "nobody answered: nothing was ever sent",
    },
    PAID: {},
    DECLINED: {},
    BLOCKED: {},
    CANCELLED: {},
    REVERSED: {},
    EXPIRED: {},
}
"""From → to → why. What is not here does not happen."""

TERMINAL = frozenset(state for state, onward in TRANSITIONS.items() if not onward)


class IllegalTransition(Exception):
    """Code asked for a transition that the table does not have. A bug of ours."""


def check(before: State, after: State) -> None:
    """Raises IllegalTransition unless the table has it."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(f"{before} → {after}")
