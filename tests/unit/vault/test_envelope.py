"""An envelope opens for what it was sealed for, and for nothing else."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.store.scope import TenantScope
from farthing.vault import kms
from farthing.vault.envelope import (
    PADDED_LENGTH,
    Envelope,
    EnvelopeRefused,
    Purpose,
    TokenRef,
    associated_data,
    context_of,
    seal,
    unseal,
)
from tests.support.vault import NUMBER, KeyRing

GCM_TAG_BYTES = 16
REF = TokenRef(TenantScope("mer_a", "test"), "tok_1")
OTHERS = [
    TokenRef(TenantScope("mer_b", "test"), "tok_1"),
    TokenRef(TenantScope("mer_a", "live"), "tok_1"),
    TokenRef(TenantScope("mer_a", "test"), "tok_2"),
]
NUMBERS = st.text("0123456789", min_size=12, max_size=19)


class OpenRing(KeyRing):
    """A KMS that does not look at the context: what is left is the cipher's associated data."""

    def unwrap(self, wrapped: bytes, context: object, wrapped_by: str) -> bytes:
        return self.made[wrapped][0]


@given(NUMBERS)
def test_what_is_sealed_comes_back(number: str) -> None:
    ring = KeyRing()
    envelope = seal(number, Purpose.PAN, REF, ring, os.urandom)
    assert unseal(envelope, Purpose.PAN, REF, ring) == number
    assert Envelope.from_item(envelope.to_item()) == envelope


@pytest.mark.parametrize("purpose", Purpose)
@given(st.data())
def test_the_length_of_the_ciphertext_says_nothing(purpose: Purpose, data: st.DataObject) -> None:
    longest = PADDED_LENGTH[purpose]
    secret = data.draw(st.text("0123456789", min_size=1, max_size=longest))
    envelope = seal(secret, purpose, REF, KeyRing(), os.urandom)
    assert len(envelope.ciphertext) == longest + GCM_TAG_BYTES


def test_no_two_envelopes_of_one_number_are_alike() -> None:
    ring = KeyRing()
    one, other = (seal(NUMBER, Purpose.PAN, REF, ring, os.urandom) for _ in range(2))
    assert one.ciphertext != other.ciphertext
    assert one.nonce != other.nonce
    assert one.wrapped_key != other.wrapped_key


@pytest.mark.parametrize("ring", [KeyRing(), OpenRing()], ids=["context", "associated data"])
@pytest.mark.parametrize("other", OTHERS)
def test_another_merchant_mode_or_token_is_refused(ring: KeyRing, other: TokenRef) -> None:
    envelope = seal(NUMBER, Purpose.PAN, REF, ring, os.urandom)
    with pytest.raises(EnvelopeRefused):
        unseal(envelope, Purpose.PAN, other, ring)


@pytest.mark.parametrize("ring", [KeyRing(), OpenRing()], ids=["context", "associated data"])
def test_another_purpose_is_refused(ring: KeyRing) -> None:
    envelope = seal("1234", Purpose.CVC, REF, ring, os.urandom)
    with pytest.raises(EnvelopeRefused):
        unseal(envelope, Purpose.PAN, REF, ring)


@given(st.sampled_from(["ciphertext", "nonce"]), st.integers(0, 10_000), st.integers(0, 7))
def test_one_changed_bit_is_refused(part: str, place: int, bit: int) -> None:
    ring = KeyRing()
    envelope = seal(NUMBER, Purpose.PAN, REF, ring, os.urandom)
    content = bytearray(getattr(envelope, part))
    content[place % len(content)] ^= 1 << bit
    changes = {part: bytes(content)}
    with pytest.raises(EnvelopeRefused):
        unseal(replace(envelope, **changes), Purpose.PAN, REF, ring)


@pytest.mark.parametrize("part", ["ciphertext", "nonce", "wrapped_key"])
def test_parts_of_another_envelope_are_refused(part: str) -> None:
    ring = KeyRing()
    mine = seal(NUMBER, Purpose.PAN, REF, ring, os.urandom)
    other = seal(NUMBER, Purpose.PAN, REF, ring, os.urandom)
    with pytest.raises(EnvelopeRefused):
        unseal(replace(mine, **{part: getattr(other, part)}), Purpose.PAN, REF, ring)


def test_another_version_is_refused() -> None:
    ring = KeyRing()
    envelope = seal(NUMBER, Purpose.PAN, REF, ring, os.urandom)
    with pytest.raises(EnvelopeRefused):
        unseal(replace(envelope, version=2), Purpose.PAN, REF, ring)


def test_kms_is_told_every_fact_and_nothing_of_the_card() -> None:
    assert context_of(Purpose.PAN, REF) == {
        "purpose": "pan",
        "merchant": "mer_a",
        "mode": "test",
        "token": "tok_1",
    }
    ring = KeyRing()
    seal(NUMBER, Purpose.PAN, REF, ring, os.urandom)
    assert [context for _, context in ring.made.values()] == [context_of(Purpose.PAN, REF)]


def test_no_two_sets_of_facts_share_their_associated_data() -> None:
    shifted = TokenRef(TenantScope('mer_a","test', "x"), "tok_1")
    everything = {associated_data(purpose, ref) for purpose in Purpose for ref in (REF, *OTHERS)}
    assert len(everything) == len(Purpose) * 4
    assert associated_data(Purpose.PAN, shifted) not in everything


@pytest.mark.parametrize("secret", ["", "1" * 20, "12a4", "１２３４"])
def test_only_digits_that_fit_are_sealed(secret: str) -> None:
    with pytest.raises(ValueError, match="digits"):
        seal(secret, Purpose.PAN, REF, KeyRing(), os.urandom)


def test_kms_refuses_another_context(vault: None) -> None:
    envelope = seal(NUMBER, Purpose.PAN, REF, kms.data_keys(), os.urandom)
    keys = kms.unwrapper(REF.tenant)
    assert unseal(envelope, Purpose.PAN, REF, keys) == NUMBER
    for other in OTHERS:
        with pytest.raises(EnvelopeRefused):
            unseal(envelope, Purpose.PAN, other, keys)
    with pytest.raises(EnvelopeRefused):
        unseal(envelope, Purpose.CVC, REF, keys)
