"""What happens in the demo month: a plan that is the same for the same seed. Pure.

Most payments are ordinary. A few are of test cards after which somebody has to do something, or of
which the acquirer reports something wrong: that is what finance looks at on the other days.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

ORDINARY = ("4242424242424242", "5555555555554444", "378282246310005")
CURRENCIES = ("eur", "eur", "eur", "usd")
AMOUNT_CENTS = (490, 18_900)
CENTS_MAX = 89
"""Higher ones have a meaning at the sandbox: see docs/disputes.md."""
REFUNDED_PERCENT = 12
REFUND_QUARTERS = (1, 2, 4)


class Tale(StrEnum):
    """What is special about a payment."""

    SENT_BACK = "its refund is sent back by the payer's bank"
    WON = "disputed, and won by evidence"
    MISSING = "missing from the report"
    LOST = "disputed, and lost in spite of evidence"
    TWICE = "in the report twice"
    ACCEPTED = "disputed, and accepted"
    DECLINED = "declined"
    OTHER_AMOUNT = "settled with another amount"


CARDS: Mapping[Tale, str] = {
    Tale.SENT_BACK: "4000009900000186",
    Tale.WON: "4000000000000259",
    Tale.MISSING: "4000009900000095",
    Tale.LOST: "4000000000000259",
    Tale.TWICE: "4000009900000103",
    Tale.ACCEPTED: "4000000000000259",
    Tale.DECLINED: "4000000000000002",
    Tale.OTHER_AMOUNT: "4000009900000111",
}

DISPUTED = frozenset({Tale.WON, Tale.LOST, Tale.ACCEPTED})
INJECTED = frozenset({Tale.MISSING, Tale.TWICE, Tale.OTHER_AMOUNT})
"""Those after which our books and the acquirer's differ."""

TALES = (*Tale, Tale.MISSING, Tale.WON, Tale.TWICE, Tale.OTHER_AMOUNT)
"""What happens, in this order, spread evenly over the days."""


@dataclass(frozen=True)
class Payment:
    """One payment, and how much of it is refunded on the next day. Amounts in minor units."""

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
    dice = random.Random(seed)
    tales = _spread(days)
    return [
        Day(number, tuple(_payments(payments_a_day, tales[number], dice)))
        for number in range(1, days + 1)
    ]


def _spread(days: int) -> Mapping[int, Sequence[Tale]]:
    found: dict[int, list[Tale]] = defaultdict(list)
    for place, tale in enumerate(TALES):
        found[1 + place * days // len(TALES)].append(tale)
    return found


def _payments(count: int, tales: Sequence[Tale], dice: random.Random) -> list[Payment]:
    return [_ordinary(dice) for _ in range(count)] + [_special(tale, dice) for tale in tales]


def _ordinary(dice: random.Random) -> Payment:
    amount, refund = _amount(dice), 0
    if dice.randrange(100) < REFUNDED_PERCENT:
        refund = amount * dice.choice(REFUND_QUARTERS) // 4
    return Payment(dice.choice(ORDINARY), amount, dice.choice(CURRENCIES), None, refund)


def _special(tale: Tale, dice: random.Random) -> Payment:
    amount = _amount(dice)
    refund = amount if tale is Tale.SENT_BACK else 0
    return Payment(CARDS[tale], amount, "eur", tale, refund)


def _amount(dice: random.Random) -> int:
    amount = dice.randint(*AMOUNT_CENTS)
    return amount - max(0, amount % 100 - CENTS_MAX)
