"""A bank account as it is typed in, and what must be true of it before anything is done with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from farthing import iban
from farthing.clock import from_text
from farthing.errors import INVALID_REQUEST, FarthingError, FieldProblem
from farthing.method_type import BankScheme
from farthing.vault.pan import Pan
from farthing.vault.sandbox_numbers import TEST_ACCOUNTS

ACCOUNT_LENGTH_MIN, ACCOUNT_LENGTH_MAX = 4, 17
ROUTING_LENGTH = 9
_ROUTING_WEIGHTS = (3, 7, 1) * 3
_ROUTING_PREFIXES = frozenset((*range(1, 13), *range(21, 33), *range(61, 73), 80))
"""The Federal Reserve's districts, thrifts, electronic transactions, traveller's cheques."""

MANDATE_DAYS_MAX = 36 * 31
"""A SEPA mandate that nobody used for 36 months is none any more."""
CLOCK_SKEW = timedelta(minutes=10)
"""By how much a payer's clock may be ahead of ours."""


@dataclass(frozen=True)
class TypedAccount:
    """What the payer typed, not believed yet: an IBAN, or number and routing number (ACH)."""

    number: Pan
    holder: str = field(repr=False)
    accepted_at: str
    ip_address: str | None = None
    routing_number: Pan | None = None
    account_type: str | None = None
    billing_address: dict[str, str] | None = field(default=None, repr=False)

    @property
    def scheme(self) -> BankScheme:
        """Which rules its debits follow."""
        return BankScheme.SEPA if self.routing_number is None else BankScheme.ACH

    @property
    def country(self) -> str:
        """Where the bank is (ISO 3166-1 alpha-2)."""
        return self.number.reveal()[:2] if self.scheme is BankScheme.SEPA else "US"

    def secret(self) -> str:
        """What is sealed: whatever a debit needs of the account. Nobody else may see it."""
        number = self.number.reveal()
        return number if self.routing_number is None else f"{self.routing_number.reveal()}/{number}"


def check(account: TypedAccount, now: datetime, *, livemode: bool) -> None:
    """Raises FarthingError that names each wrong field, and never repeats what was in it."""
    problems = [
        *_number_problems(account, livemode=livemode),
        *_mandate_problems(account.accepted_at, now),
    ]
    if problems:
        names = ", ".join(problem.field for problem in problems)
        raise FarthingError(INVALID_REQUEST, f"wrong: {names}", fields=problems)


def passes_aba(digits: str) -> bool:
    """Whether nine digits are a routing number: the last one checks the others."""
    total = sum(w * int(d) for w, d in zip(_ROUTING_WEIGHTS, digits, strict=True))
    return total % 10 == 0 and int(digits[:2]) in _ROUTING_PREFIXES


def _number_problems(account: TypedAccount, *, livemode: bool) -> Iterator[FieldProblem]:
    number, routing = account.number.reveal(), account.routing_number
    if routing is None:
        if why := iban.why_wrong(number):
            yield FieldProblem("iban", why)
            return
    else:
        yield from _ach_problems(number, routing.reveal())
    if livemode and account.secret() in TEST_ACCOUNTS:
        named = "iban" if routing is None else "account_number"
        yield FieldProblem(named, "is a test account, and this key moves real money")


def _ach_problems(number: str, routing: str) -> Iterator[FieldProblem]:
    if not _digits(number) or not ACCOUNT_LENGTH_MIN <= len(number) <= ACCOUNT_LENGTH_MAX:
        yield FieldProblem(
            "account_number", f"has {ACCOUNT_LENGTH_MIN} to {ACCOUNT_LENGTH_MAX} digits"
        )
    if not _digits(routing) or len(routing) != ROUTING_LENGTH:
        yield FieldProblem("routing_number", f"has {ROUTING_LENGTH} digits")
    elif not passes_aba(routing):
        yield FieldProblem("routing_number", "is mistyped: its check digit is wrong")


def _mandate_problems(accepted_at: str, now: datetime) -> Iterator[FieldProblem]:
    name = "mandate.accepted_at"
    try:
        at = from_text(accepted_at)
    except ValueError:
        yield FieldProblem(name, "is a time with its zone, such as 2026-11-22T09:00:00Z")
        return
    if at > now + CLOCK_SKEW:
        yield FieldProblem(name, "is in the future")
    elif now - at > timedelta(days=MANDATE_DAYS_MAX):
        yield FieldProblem(name, "is more than 36 months ago: ask for another mandate")


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
