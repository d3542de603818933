"""When a failed delivery is tried again.

Ten attempts over 75 h 35 min, the schedule that the Standard Webhooks specification gives as its
example, or the endpoint's own; each delay moved by up to a fifth either way so that failures do not
come back in step. A receiver that is overloaded, or says so, gets at least a minute, and what it
asks for within bounds.
"""

from __future__ import annotations

from collections.abc import Sequence

from farthing.webhooks.gate import Refusal
from farthing.webhooks.ports import Answer, SendError

DELAYS_SECONDS = (
    0,
    5,
    5 * 60,
    30 * 60,
    2 * 3600,
    5 * 3600,
    10 * 3600,
    14 * 3600,
    20 * 3600,
    24 * 3600,
)
"""The delay before each attempt."""

JITTER_PERMILLE = 200

THROTTLE_SECONDS = 60
"""At least so long, rather than five seconds, after an answer or a silence that means overload."""
THROTTLES = frozenset({429, 502, 504})

RETRY_AFTER_SECONDS_MIN = 3600
"""What a receiver may ask for however soon its next attempt would be; otherwise twice that wait."""

_HELD_BACK_SECONDS = {Refusal.FULL: (1, 60, 0.25), Refusal.OPEN: (15, 890, 0.75)}
"""The first wait, and the longest: the queue can hold a message for 900 seconds. And the part of it
that is waited at least: who finds all places taken comes back apart from the others, or most of a
burst would find them taken again, and then nobody would be there."""

SPAN_SECONDS_MIN = 3600
"""The least time in which a delivery may be held back before it ends, whatever its schedule."""


def delay_seconds(delays: Sequence[int], attempts_made: int, chance: float) -> int | None:
    """How long to wait after so many attempts, or None if there is no other.

    `chance` is a random number from 0 to 1: 0 gives the shortest delay, 1 the longest.
    """
    if attempts_made >= len(delays):
        return None
    permille = 1000 - JITTER_PERMILLE + int(2 * JITTER_PERMILLE * chance)
    return delays[attempts_made] * permille // 1000


def after_answer(delay: int, answer: Answer) -> int:
    """The scheduled delay in seconds, lengthened by what the answer asks for."""
    if answer.status_code in THROTTLES or answer.error is SendError.TIMED_OUT:
        delay = max(delay, THROTTLE_SECONDS)
    if answer.retry_after_seconds is None:
        return delay
    longest = max(2 * delay, RETRY_AFTER_SECONDS_MIN)
    return max(delay, min(answer.retry_after_seconds, longest))


def held_back_seconds(refusal: Refusal, times: int, seconds_closed: float, chance: float) -> int:
    """How long to wait for a gate that refused for the nth time, counted from 0; longer each time.

    So an endpoint's backlog does not come to a closed gate every minute, and comes a quarter of an
    hour after it has opened at the latest.
    """
    first, most, least_part = _HELD_BACK_SECONDS[refusal]
    waits = min(first * 2 ** min(times, 16), most) * (least_part + (1 - least_part) * chance)
    return int(max(seconds_closed, waits)) + 1


def span_seconds(delays: Sequence[int]) -> int:
    """The longest that a whole schedule takes; nothing is held back for longer."""
    return max(sum(delays) * (1000 + JITTER_PERMILLE) // 1000, SPAN_SECONDS_MIN)
