"""A fingerprint says which key made it, and another key can take over without losing a card."""

from __future__ import annotations

import boto3
import pytest

from farthing import runtime
from farthing.vault.card_face import CardFace, card_face_key
from farthing.vault.envelope import TokenRef
from farthing.vault.fingerprint import VERSION
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT
from tests.support.vault import calls, merchant, new_token, row_of

pytestmark = pytest.mark.usefixtures("vault")


def face_of(ref: TokenRef) -> CardFace:
    item = runtime.system_store().get(card_face_key(ref.tenant, ref.token))
    assert item is not None
    return CardFace.from_item(item)


def another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a deployment with the four parameters does."""
    before = runtime.setting("FINGERPRINT_KEY_ID")
    made = boto3.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    monkeypatch.setenv("FINGERPRINT_KEY_ID", made["KeyMetadata"]["KeyId"])
    monkeypatch.setenv("FINGERPRINT_VERSION", "fp-v2")
    monkeypatch.setenv("FINGERPRINT_KEY_ID_BEFORE", before)
    monkeypatch.setenv("FINGERPRINT_VERSION_BEFORE", VERSION)


def test_row_and_face_say_which_key_made_it() -> None:
    ref = new_token(merchant(MERCHANT))
    assert row_of(ref)["fingerprint_version"] == face_of(ref).fingerprint_version == "fp-v1"
    assert face_of(ref).fingerprint_before is None


def test_under_another_key_a_card_is_known_by_both(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a card that was typed before, and another key since
    old = face_of(new_token(merchant(MERCHANT)))
    another_key(monkeypatch)
    # When it is typed again
    ref = new_token(merchant(MERCHANT))
    # Then it is found by what it was, and is kept under what it is
    new = face_of(ref)
    assert new.fingerprint != old.fingerprint
    assert new.fingerprint_before == old.fingerprint
    assert row_of(ref)["fingerprint_version"] == new.fingerprint_version == "fp-v2"


def test_another_card_and_another_merchant_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    old = face_of(new_token(merchant(MERCHANT))).fingerprint
    another_key(monkeypatch)
    other_card = face_of(new_token(merchant(MERCHANT), number="5555555555554444"))
    elsewhere = face_of(new_token(merchant(OTHER_MERCHANT)))
    assert old not in {other_card.fingerprint_before, elsewhere.fingerprint_before}


def test_when_nobody_knows_cards_by_the_old_one_kms_is_asked_once_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    another_key(monkeypatch)
    asked = calls(monkeypatch)
    new_token(merchant(MERCHANT))
    monkeypatch.delenv("FINGERPRINT_KEY_ID_BEFORE")
    new_token(merchant(MERCHANT))
    assert asked.count("GenerateMac") == 3


def test_a_face_of_before_is_of_the_first_version() -> None:
    ref = new_token(merchant(MERCHANT))
    item = runtime.system_store().get(card_face_key(ref.tenant, ref.token)) or {}
    old = {name: value for name, value in item.items() if not name.startswith("fingerprint_")}
    assert CardFace.from_item(old).fingerprint_version == VERSION
