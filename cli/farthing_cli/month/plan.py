"""What happens in the demo month: a plan that is the same for the same seed. Pure.

Most payments are ordinary. A few are of test cards after which somebody has to do something, or of
which the acquirer reports something wrong: that is what finance looks at on the other days.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

ORDINARY = ("4242424242424242", "5555555555554444", "378282246310005")
CURRENCIES = ("eur", "eur", "eur", "usd")
AMOUNT_CENTS = (490, 18_900)
CENTS_MAX = 89
"""Higher ones have a meaning at the sandbox: see docs/test-cards.md."""
REFUNDED_PERCENT = 12
REFUND_QUARTERS = (1, 2, 4)


class Tale(StrEnum):
    """What is special about a payment."""

    DECLINED = "declined"
    MISSING = "missing from the report"
    TWICE = "in the report twice"
    OTHER_AMOUNT = "settled with another amount"
    WON = "disputed, and won by evidence"
    LOST = "disputed, and lost in spite of evidence"
    ACCEPTED = "disputed, and accepted"
    SENT_BACK = "its refund is sent back by the payer's bank"


CARDS = {
    Tale.DECLINED: "4000000000000002",
    Tale.MISSING: "4000009900000095",
    Tale.TWICE: "4000009900000103",
    Tale.OTHER_AMOUNT: "4000009900000111",
    Tale.WON: "4000000000000259",
    Tale.LOST: "4000000000000259",
    Tale.ACCEPTED: "4000000000000259",
    Tale.SENT_BACK: "4000009900000186",
}

TALES = {
    2: Tale.WON,
    3: Tale.MISSING,
    5: Tale.LOST,
    7: Tale.TWICE,
    9: Tale.SENT_BACK,
    10: Tale.ACCEPTED,
    12: Tale.DECLINED,
    14: Tale.OTHER_AMOUNT,
    17: Tale.MISSING,
    19: Tale.WON,
    21: Tale.TWICE,
    22: Tale.OTHER_AMOUNT,
}
"""On which day which of them happens."""


@dataclass(frozen=True)
class Payment:
    """One payment, and how much of it is refunded on the next day."""

    card: str
    amount_cents: int
    currency: str
    tale: Tale | None = None
    refund_cents: int = 0


@dataclass(frozen=True)
class Day:
    """One business day, counted from 1."""

    number: int
    payments: tuple[Payment, ...]


def month(days: int, payments_a_day: int, seed: int) -> Sequence[Day]:
    """So many days of so many ordinary payments each, and what else happens."""
    dice = random.Random(seed)  # noqa: S311 - a demonstration, and the same each time
    return [Day(day, tuple(_payments(day, payments_a_day, dice))) for day in range(1, days + 1)]


def _payments(day: int, count: int, dice: random.Random) -> list[Payment]:
    found = [_ordinary(dice) for _ in range(count)]
    tale = TALES.get(day)
    if tale is not None:
        amount = _amount(dice)
        refund = amount if tale is Tale.SENT_BACK else 0
        found.append(Payment(CARDS[tale], amount, "eur", tale, refund))
    return found


def _ordinary(dice: random.Random) -> Payment:
    amount, refund = _amount(dice), 0
    if dice.randrange(100) < REFUNDED_PERCENT:
        refund = amount * dice.choice(REFUND_QUARTERS) // 4
    return Payment(dice.choice(ORDINARY), amount, dice.choice(CURRENCIES), None, refund)


def _amount(dice: random.Random) -> int:
    amount = dice.randint(*AMOUNT_CENTS)
    return amount - max(0, amount % 100 - CENTS_MAX)
