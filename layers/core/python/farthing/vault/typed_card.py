"""A card as it is typed in, and what must be true of it before anything is done with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from farthing.cards import PAN_LENGTH_MAX, PAN_LENGTH_MIN, brand_of, passes_luhn
from farthing.errors import INVALID_REQUEST, FarthingError, FieldProblem
from farthing.vault.pan import Pan
from farthing.vault.sandbox_numbers import TEST_NUMBERS

EXPIRY_YEARS_MAX = 20
CVC_LENGTH = 3
CVC_LENGTH_AMEX = 4


@dataclass(frozen=True)
class TypedCard:
    """What the cardholder typed, not believed yet."""

    number: Pan
    exp_month: int
    exp_year: int
    cvc: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    billing_address: dict[str, str] | None = field(default=None, repr=False)


def check(card: TypedCard, now: datetime, *, livemode: bool) -> None:
    """Raises FarthingError that names each wrong field, and never repeats what was in it."""
    problems = [
        *_number_problems(card.number.reveal(), livemode=livemode),
        *_expiry_problems(card, now),
        *_cvc_problems(card),
    ]
    if problems:
        names = ", ".join(problem.field for problem in problems)
        raise FarthingError(INVALID_REQUEST, f"wrong: {names}", fields=problems)


def _number_problems(number: str, *, livemode: bool) -> Iterator[FieldProblem]:
    if not (number.isascii() and number.isdigit()):
        yield FieldProblem("number", "has digits and nothing else")
    elif not PAN_LENGTH_MIN <= len(number) <= PAN_LENGTH_MAX:
        yield FieldProblem("number", f"has {PAN_LENGTH_MIN} to {PAN_LENGTH_MAX} digits")
    elif not passes_luhn(number):
        yield FieldProblem("number", "is mistyped: its check digit is wrong")
    elif livemode and number in TEST_NUMBERS:
        yield FieldProblem("number", "is a test card, and this key moves real money")


def _expiry_problems(card: TypedCard, now: datetime) -> Iterator[FieldProblem]:
    """A card is good to the end of its month, in UTC."""
    if not 1 <= card.exp_month <= 12:
        yield FieldProblem("exp_month", "is a number from 1 to 12")
        return
    today = now.astimezone(UTC)
    months_left = (card.exp_year - today.year) * 12 + card.exp_month - today.month
    if months_left < 0:
        past = "exp_year" if card.exp_year < today.year else "exp_month"
        yield FieldProblem(past, "is in the past")
    elif months_left > EXPIRY_YEARS_MAX * 12:
        yield FieldProblem("exp_year", f"is more than {EXPIRY_YEARS_MAX} years ahead")


def _cvc_problems(card: TypedCard) -> Iterator[FieldProblem]:
    if card.cvc is None:
        return
    amex = brand_of(card.number.reveal()) == "amex"
    length = CVC_LENGTH_AMEX if amex else CVC_LENGTH
    if not (card.cvc.isascii() and card.cvc.isdigit() and len(card.cvc) == length):
        yield FieldProblem("cvc", f"has {length} digits")
