"""Test cards that are always blocked, or always sent to review: how else would anybody try it?

Of a card nobody here sees more than its BIN and its last four, so all test numbers that have these
do the same. In live mode there are no such cards.
"""

from __future__ import annotations

from farthing.fraud.action import Action
from farthing.fraud.lists import Hit, Kind

TEST_MODE = "test"
_CARDS = {
    ("410000", "0019"): Action.BLOCK,
    ("400000", "9235"): Action.REVIEW,
}


def hits_of(mode: str, bin_: str, last_four: str | None) -> tuple[Hit, ...]:
    """As if the card were on a list."""
    action = _CARDS.get((bin_, last_four or ""))
    if mode != TEST_MODE or action is None:
        return ()
    return (Hit("test_card", Kind.CARD, action, f"a test card that gets {action.value}"),)
