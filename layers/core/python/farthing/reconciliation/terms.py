"""What was agreed with an acquirer: what it charges, and how long it may take.

An acquirer whose price of a payment nobody can know before has no schedule: its fees are taken as
they are reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from farthing.business_calendar import ONE_DAY, UTC_DAYS, Calendar
from farthing.settlement.entry import Operation

DAYS_DEFAULT = 2


@dataclass(frozen=True)
class FeeSchedule:
    """`per_mille` thousandths of a capture, rounded half to even, and `fixed_cents`. Nothing else
    costs a fee."""

    per_mille: int
    fixed_cents: int

    def fee_cents(self, operation: Operation, amount_cents: int) -> int:
        """What the acquirer keeps of one movement, in minor units."""
        if operation is not Operation.CAPTURE:
            return 0
        return divide_half_even(amount_cents * self.per_mille, 1000) + self.fixed_cents


@dataclass(frozen=True)
class Terms:
    """One acquirer's. A line of ours is missed when `days` of its business days are over since its
    batch's day."""

    fees: FeeSchedule | None
    days: int = DAYS_DEFAULT
    calendar: Calendar = UTC_DAYS

    def expected_fee(self, operation: Operation, amount_cents: int) -> int | None:
        """What it should keep, in minor units. None if nobody knows."""
        return None if self.fees is None else self.fees.fee_cents(operation, amount_cents)

    def due(self, day: date) -> date:
        """The first day on which a line of the business day `day` is missed."""
        for _ in range(self.days + 1):
            day = self.calendar.next_open(day + ONE_DAY)
        return day


TERMS: Mapping[str, Terms] = {"sandbox": Terms(FeeSchedule(per_mille=14, fixed_cents=10))}
UNKNOWN_FEES = Terms(None)


def terms_of(acquirer: str) -> Terms:
    """What was agreed with an acquirer."""
    return TERMS.get(acquirer, UNKNOWN_FEES)


def divide_half_even(numerator: int, denominator: int) -> int:
    """`numerator / denominator`, a tie going to the even neighbour. Neither is negative."""
    quotient, remainder = divmod(numerator, denominator)
    if remainder * 2 == denominator:
        return quotient + quotient % 2
    return quotient + (remainder * 2 > denominator)
