"""A card number that cannot be shown by accident."""

from __future__ import annotations

from typing import NoReturn

MASKED = "[card number]"


class Pan:
    """A card number. `reveal()` is the only way to its digits.

    Its repr, str and format are masked. It cannot be pickled or copied, so it does not travel
    into a queue, a cache or `dataclasses.asdict`, and json does not know it.
    """

    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        self._digits = digits

    def reveal(self) -> str:
        """The digits. Whoever calls this is responsible for where they go."""
        return self._digits

    @property
    def last_four(self) -> str:
        """What may be shown to anybody."""
        return self._digits[-4:]

    def __repr__(self) -> str:
        return f"Pan({MASKED})"

    def __str__(self) -> str:
        return MASKED

    def __format__(self, spec: str) -> str:
        return format(MASKED, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pan) and self._digits == other._digits

    def __hash__(self) -> int:
        raise TypeError("a card number is not a key of anything")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a card number is neither pickled nor copied")


BIN_LENGTH = 6
HIDDEN_DIGITS_MIN = 5


def bin_of(number: str) -> str:
    """The issuer's prefix: six digits, fewer where these and the last four would show too much.

    PCI SSC FAQ 1091 allows six and four of fifteen digits or more. Shorter numbers keep as many
    digits hidden as those do.
    """
    return number[: min(BIN_LENGTH, len(number) - 4 - HIDDEN_DIGITS_MIN)]
