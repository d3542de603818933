"""When a failed delivery is tried again.

Ten attempts over 75 h 35 min, the schedule that the Standard Webhooks specification gives as its
example, each delay moved by up to a fifth either way so that failures do not come back in step.
"""

from __future__ import annotations

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

ATTEMPTS_MAX = len(DELAYS_SECONDS)
JITTER_PERMILLE = 200


def delay_seconds(attempts_made: int, chance: float) -> int | None:
    """How long to wait after so many attempts, or None if there is no other.

    `chance` is a random number from 0 to 1: 0 gives the shortest delay, 1 the longest.
    """
    if attempts_made >= ATTEMPTS_MAX:
        return None
    permille = 1000 - JITTER_PERMILLE + int(2 * JITTER_PERMILLE * chance)
    return DELAYS_SECONDS[attempts_made] * permille // 1000
