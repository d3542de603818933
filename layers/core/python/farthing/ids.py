"""Identifiers: a prefix that says what it names, and 26 characters that sort by time.

The random part is 48 bits of milliseconds and 80 random bits in Crockford's base 32, in lower
case: objects of one merchant list newest first by comparing their ids alone. The alphabet has no
`i`, `l`, `o`, `u`; digits alone cannot fill it, so an id never looks like a card number.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ENTROPY_BYTES = 10
RANDOM_PART_LENGTH = 26

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID = re.compile(rf"([a-z]{{2,4}})_([{ALPHABET}]{{{RANDOM_PART_LENGTH}}})")

IdSource = Callable[[str], str]
"""Gives a new id for a prefix: `new_id("pi")` → `pi_…`."""


def make_id(prefix: str, at: datetime, entropy: bytes) -> str:
    """The id of `prefix` for the instant `at` with ten bytes of `entropy`."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"an id takes {ENTROPY_BYTES} bytes of entropy, not {len(entropy)}")
    number = (_milliseconds(at) << (8 * ENTROPY_BYTES)) | int.from_bytes(entropy, "big")
    return f"{prefix}_{_base32(number, RANDOM_PART_LENGTH)}"


def lowest_id(prefix: str, at: datetime) -> str:
    """The smallest id of `prefix` that could be made at the instant `at`: a bound for lists.

    Before 1970 there are none, so the bound is the smallest of all.
    """
    return make_id(prefix, max(at, _EPOCH), bytes(ENTROPY_BYTES))


def is_id(prefix: str, text: str) -> bool:
    """Whether `text` has the form of an id of `prefix`."""
    match = _ID.fullmatch(text)
    return match is not None and match[1] == prefix


def is_of_an_id(text: str) -> bool:
    """Whether `text` is an id, or the characters behind its prefix, in whatever case.

    Chance now and then puts thirteen digits into one that pass for a card number.
    """
    return is_id("op", f"op_{text.rpartition('_')[2].lower()}")


def instant_of(id_: str) -> datetime:
    """The instant of an id, to the millisecond. Raises ValueError for what is no id."""
    match = _ID.fullmatch(id_)
    if match is None:
        raise ValueError(f"not an id: {id_!r}")
    number = 0
    for digit in match[2]:
        number = number * 32 + ALPHABET.index(digit)
    milliseconds = number >> (8 * ENTROPY_BYTES)
    return _EPOCH + timedelta(milliseconds=milliseconds)


def shard_of(text: str, shards: int) -> int:
    """A stable shard number for `text`, equal in every process and Python version."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % shards


def _milliseconds(at: datetime) -> int:
    since_epoch = at.astimezone(UTC) - _EPOCH
    return (since_epoch.days * 86_400 + since_epoch.seconds) * 1000 + (
        since_epoch.microseconds // 1000
    )


def _base32(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 32)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
