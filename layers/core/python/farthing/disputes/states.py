"""The state machine of a dispute, as one table, with what each step does to the money.

                 ┌─► UNDER_REVIEW ─┐
    INQUIRY ─────┴─────────────────┴─► CLOSED                       nothing moves
       └──► CHARGEBACK ─► UNDER_REVIEW ─► LOST                      taken; lost
                 └──────────────┴───────► WON                       given back
                                           └─► PRE_ARBITRATION …    taken once more, and so on

A stage begins as NEEDS_RESPONSE. No step leads back, and an end is never left. That a chargeback
was WON is no end: a pre-arbitration may follow. The acquirer may have gone several steps before we
look: then we go them one by one, so that the money moves as in its books.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from farthing.acquiring.dispute import Stage, Standing, State


class Money(StrEnum):
    """What a step does to the disputed amount."""

    STAYS = "STAYS"
    TAKEN = "TAKEN"
    GIVEN_BACK = "GIVEN_BACK"
    LOST = "LOST"


@dataclass(frozen=True)
class Step:
    """One row: why it happens, and what happens to the money."""

    why: str
    money: Money = Money.STAYS


INQUIRED: State = (Stage.INQUIRY, Standing.NEEDS_RESPONSE)
INFORMED: State = (Stage.INQUIRY, Standing.UNDER_REVIEW)
CLOSED: State = (Stage.INQUIRY, Standing.CLOSED)
CHARGED_BACK: State = (Stage.CHARGEBACK, Standing.NEEDS_RESPONSE)
REPRESENTED: State = (Stage.CHARGEBACK, Standing.UNDER_REVIEW)
WON: State = (Stage.CHARGEBACK, Standing.WON)
LOST: State = (Stage.CHARGEBACK, Standing.LOST)
ARBITRATED: State = (Stage.PRE_ARBITRATION, Standing.NEEDS_RESPONSE)
ARGUED: State = (Stage.PRE_ARBITRATION, Standing.UNDER_REVIEW)
WON_AT_LAST: State = (Stage.PRE_ARBITRATION, Standing.WON)
LOST_AT_LAST: State = (Stage.PRE_ARBITRATION, Standing.LOST)

TRANSITIONS: Mapping[State | None, Mapping[State, Step]] = {
    None: {
        INQUIRED: Step("the issuer asks; no money moves"),
        CHARGED_BACK: Step("the issuer took the money back", Money.TAKEN),
    },
    INQUIRED: {
        INFORMED: Step("it was answered"),
        CLOSED: Step("the issuer asks no more"),
        CHARGED_BACK: Step("the answer did not do, or none came", Money.TAKEN),
    },
    INFORMED: {
        CLOSED: Step("the answer did"),
        CHARGED_BACK: Step("the answer did not do", Money.TAKEN),
    },
    CHARGED_BACK: {
        REPRESENTED: Step("evidence was sent"),
        WON: Step("the payer or the issuer took it back", Money.GIVEN_BACK),
        LOST: Step("it was accepted, or the deadline passed", Money.LOST),
    },
    REPRESENTED: {
        WON: Step("the evidence convinced", Money.GIVEN_BACK),
        LOST: Step("the evidence did not convince", Money.LOST),
    },
    WON: {ARBITRATED: Step("the issuer does not give in", Money.TAKEN)},
    ARBITRATED: {
        ARGUED: Step("evidence was sent"),
        WON_AT_LAST: Step("the issuer took it back", Money.GIVEN_BACK),
        LOST_AT_LAST: Step("it was accepted, or the deadline passed", Money.LOST),
    },
    ARGUED: {
        WON_AT_LAST: Step("the evidence convinced", Money.GIVEN_BACK),
        LOST_AT_LAST: Step("the evidence did not convince", Money.LOST),
    },
    CLOSED: {},
    LOST: {},
    WON_AT_LAST: {},
    LOST_AT_LAST: {},
}
"""From → to → the step. What is not here does not happen."""

TERMINAL = frozenset(state for state, onward in TRANSITIONS.items() if not onward)
HOLDS_MONEY = frozenset({CHARGED_BACK, REPRESENTED, ARBITRATED, ARGUED})
"""The acquirer has the money, and nobody has decided."""


def way(before: State | None, after: State) -> tuple[State, ...] | None:
    """The shortest way from one state to another, without the first; None if there is none."""
    came_from: dict[State | None, State | None] = {before: None}
    waiting: deque[State | None] = deque([before])
    while waiting:
        here = waiting.popleft()
        if here == after and here is not None:
            return _walked(came_from, here, before)
        for onward in TRANSITIONS[here]:
            if onward not in came_from:
                came_from[onward] = here
                waiting.append(onward)
    return None


def money_of(before: State | None, after: State) -> Money:
    """What one step does to the money. Raises KeyError for a step that the table does not have."""
    return TRANSITIONS[before][after].money


def moves(path: tuple[State | None, ...]) -> tuple[Money, ...]:
    """What the money does on a way, first state included."""
    found = (money_of(one, other) for one, other in pairwise(path) if other is not None)
    return tuple(money for money in found if money is not Money.STAYS)


def _walked(
    came_from: Mapping[State | None, State | None], end: State, start: State | None
) -> tuple[State, ...]:
    steps: list[State] = []
    here: State | None = end
    while here != start and here is not None:
        steps.append(here)
        here = came_from[here]
    return tuple(reversed(steps))
