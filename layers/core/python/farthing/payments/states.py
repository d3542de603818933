"""The state machine of a PaymentIntent, as one table.

    CREATED ──confirm──► PROCESSING ──approved──► SUCCEEDED
       │                    │  ▲  └──declined───► FAILED
       └──cancel──► CANCELLED◄─┘ void      (REQUIRES_CAPTURE and OUTCOME_UNKNOWN are PROCESSING)

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
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    DECLINED = "DECLINED"
    BLOCKED_BY_FRAUD = "BLOCKED_BY_FRAUD"


State = tuple[Status, Detail | None]

NEW: State = (Status.CREATED, Detail.REQUIRES_CONFIRMATION)
IN_FLIGHT: State = (Status.PROCESSING, None)
UNRESOLVED: State = (Status.PROCESSING, Detail.OUTCOME_UNKNOWN)
AUTHORIZED: State = (Status.PROCESSING, Detail.REQUIRES_CAPTURE)
PAID: State = (Status.SUCCEEDED, None)
DECLINED: State = (Status.FAILED, Detail.DECLINED)
BLOCKED: State = (Status.FAILED, Detail.BLOCKED_BY_FRAUD)
CANCELLED: State = (Status.CANCELLED, None)

TRANSITIONS: dict[State, dict[State, str]] = {
    NEW: {
        IN_FLIGHT: "confirm: an authorization is written, then sent",
        BLOCKED: "confirm: the score says no; nothing is sent",
        CANCELLED: "cancel: nothing was ever sent",
    },
    IN_FLIGHT: {
        PAID: "the charge, or the capture, was approved",
        AUTHORIZED: "the authorization was approved; or a capture or void was declined or not sent",
        DECLINED: "the authorization was declined",
        NEW: "the authorization was not sent",
        CANCELLED: "the void was approved",
        UNRESOLVED: "no usable answer came",
    },
    UNRESOLVED: {
        PAID: "found at the acquirer: charged",
        AUTHORIZED: "found: authorized; or a capture or void found declined",
        DECLINED: "found: declined",
        CANCELLED: "found: voided",
    },
    AUTHORIZED: {IN_FLIGHT: "capture or cancel: the operation is written, then sent"},
    PAID: {},
    DECLINED: {},
    BLOCKED: {},
    CANCELLED: {},
}
"""From → to → why. What is not here does not happen."""

TERMINAL = frozenset(state for state, onward in TRANSITIONS.items() if not onward)


class IllegalTransition(Exception):
    """Code asked for a transition that the table does not have. A bug of ours."""


def check(before: State, after: State) -> None:
    """Raises IllegalTransition unless the table has it."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(f"{before} → {after}")
