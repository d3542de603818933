"""Fingerprint, BIN and last four of a card do not lead to its number. Those of a plain hash would.

Six digits of sixteen are hidden: 10^6 numbers, a tenth of which pass the checksum. Whoever has the
payments table has the rest. Each search here goes over all of them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Iterator

import pytest

from farthing import runtime
from farthing.cards import passes_luhn
from farthing.vault.card_face import CardFace, card_face_key
from farthing.vault.fingerprint import VERSION, fingerprint, public_fingerprint
from farthing.vault.pan import bin_of
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT
from tests.support.vault import merchant, new_token

NUMBER = "4539578763621486"
HIDDEN_DIGITS = 6


class Key:
    """A fingerprint key in this process: what KMS has, and does not give away."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret

    def mac(self, message: bytes) -> bytes:
        return hmac.digest(self.secret, message, "sha256")


def candidates(face: CardFace) -> Iterator[str]:
    """Every number that has this BIN, these last four digits, and sixteen in all."""
    for hidden in range(10**HIDDEN_DIGITS):
        yield f"{face.bin}{hidden:0{HIDDEN_DIGITS}}{face.last_four}"


def searched(face: CardFace, hashed: Callable[[str], str], *wanted: str) -> dict[str, str]:
    """Every hash that is wanted and found, with the number behind it, after all tries."""
    looked_for, found, tries = frozenset(wanted), dict[str, str](), 0
    for number in candidates(face):
        tries += 1
        made = hashed(number)
        if made in looked_for:
            found[made] = number
    assert tries == 10**HIDDEN_DIGITS
    return found


def plain(number: str) -> str:
    """What somebody might have used instead: the same message, hashed without a key."""
    return shown(hashlib.sha256(f"{VERSION}|{MERCHANT}|{number}".encode()).digest())


def shown(mac: bytes) -> str:
    """As `public_fingerprint` shows it, said once more."""
    return base64.b32encode(hashlib.sha256(mac).digest()[:16]).decode().rstrip("=").lower()


@pytest.fixture
def face(vault: None) -> CardFace:
    """What the payments table has of a card."""
    ref = new_token(merchant(MERCHANT), number=NUMBER)
    item = runtime.system_store().get(card_face_key(ref.tenant, ref.token))
    assert item is not None
    found = CardFace.from_item(item)
    assert (found.bin, found.last_four) == (NUMBER[:6], NUMBER[-4:])
    return found


def test_a_plain_hash_gives_the_number_in_a_million_tries_and_the_fingerprint_does_not(
    face: CardFace,
) -> None:
    """Given all that the table has, and the way fingerprints are made, but not the key."""
    found = searched(face, plain, plain(NUMBER), face.fingerprint)
    assert found == {plain(NUMBER): NUMBER}


def test_with_the_key_it_would_so_the_key_stays_in_kms() -> None:
    key = Key(os.urandom(32))
    wanted = public_fingerprint(fingerprint(MERCHANT, NUMBER, key))
    ends = NUMBER[:6], NUMBER[-4:]
    hidden = (f"{ends[0]}{number:06}{ends[1]}" for number in range(10**HIDDEN_DIGITS))
    found = [
        number
        for number in hidden
        if passes_luhn(number)
        and shown(key.mac(f"{VERSION}|{MERCHANT}|{number}".encode())) == wanted
    ]
    assert found == [NUMBER]


def test_two_stacks_and_two_merchants_have_nothing_in_common() -> None:
    keys = [Key(os.urandom(32)) for _ in range(2)]
    made = {
        public_fingerprint(fingerprint(who, NUMBER, key))
        for key in keys
        for who in (MERCHANT, OTHER_MERCHANT)
    }
    assert len(made) == 4


@pytest.mark.parametrize("length", range(12, 20))
def test_at_least_as_many_digits_are_hidden_of_shorter_numbers(length: int) -> None:
    number = "4" * length
    assert length - len(bin_of(number)) - 4 >= min(HIDDEN_DIGITS, 5)
