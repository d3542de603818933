"""Whose key a card is under: it is sealed under its merchant's, and opened under no stranger's."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from farthing import runtime
from farthing.clock import to_text
from farthing.store import EXISTS, NOT_CREATED, Key, Put, Update
from farthing.vault import kms
from farthing.vault.envelope import Purpose, seal
from farthing.vault.open import CardUnreadable
from farthing.vault.register import STACK, VaultKey, key_id_of, registered, trusted
from farthing.vault.rows import card_key, cvc_key
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT
from tests.support.vault import NUMBER, calls, key_of, merchant, new_key, new_token, opened

pytestmark = pytest.mark.usefixtures("vault")


def stack_key() -> str:
    return runtime.setting("VAULT_KEY_ID")


def register(arn: str, owner: str) -> None:
    key = VaultKey(arn, owner, to_text(runtime.clock().now()))
    runtime.system_store().write(Put(key.row, key.to_item(), NOT_CREATED))


def named_by_the_row(ref: Any, arn: str) -> None:
    """Somebody who can write the vault's table has a card under a key of theirs."""
    keys = kms.KmsDataKeys(boto3.client("kms"), arn)
    envelope = seal(NUMBER, Purpose.PAN, ref, keys, runtime.entropy).to_item()
    runtime.system_store().write(Update(card_key(ref), EXISTS, set={"envelope": envelope}))


def test_a_merchant_without_a_key_has_its_cards_under_the_stacks() -> None:
    ref = new_token(merchant(MERCHANT))
    assert key_id_of(key_of(ref)) == key_id_of(stack_key())
    assert opened(ref) == NUMBER


def test_a_merchant_with_a_key_has_number_and_cvc_under_it() -> None:
    own = new_key()
    ref = new_token(merchant(MERCHANT, key=own))
    cvc = runtime.system_store().get(cvc_key(ref))
    assert cvc is not None
    assert key_of(ref) == cvc["envelope"]["wrapped_by"] == own
    assert opened(ref) == NUMBER


def test_what_is_under_the_key_before_is_opened_as_well() -> None:
    # Given cards under the stack's key, under its first own one, and under the one it has now
    refs = [new_token(merchant(MERCHANT))]
    refs += [new_token(merchant(MERCHANT, key=new_key())) for _ in range(2)]
    # Then each is under another key, and all are opened
    assert len({key_of(ref) for ref in refs}) == 3
    assert [opened(ref) for ref in refs] == [NUMBER] * 3


def test_a_key_that_nobody_registered_opens_nothing_and_kms_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ref = new_token(merchant(MERCHANT))
    named_by_the_row(ref, new_key())
    asked = calls(monkeypatch)
    with pytest.raises(CardUnreadable):
        opened(ref)
    assert "Decrypt" not in asked


def test_a_key_of_another_merchant_opens_nothing() -> None:
    ref, theirs = new_token(merchant(MERCHANT)), new_key()
    merchant(OTHER_MERCHANT, key=theirs)
    named_by_the_row(ref, theirs)
    with pytest.raises(CardUnreadable):
        opened(ref)


def test_a_key_of_the_stack_before_this_one_opens_any_merchants_cards() -> None:
    ref, before = new_token(merchant(MERCHANT)), new_key()
    named_by_the_row(ref, before)
    with pytest.raises(CardUnreadable):
        opened(ref)
    register(before, STACK)
    assert opened(ref) == NUMBER


def test_kms_is_told_the_name_from_the_register_and_never_the_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given a row that names the right key's id in another account."""
    own = new_key()
    ref = new_token(merchant(MERCHANT, key=own))
    elsewhere = own.replace(":123456789012:", ":999999999999:")
    assert elsewhere != own
    item = runtime.system_store().get(card_key(ref))
    assert item is not None
    changed = item["envelope"] | {"wrapped_by": elsewhere}
    runtime.system_store().write(Update(card_key(ref), EXISTS, set={"envelope": changed}))
    asked = calls(monkeypatch, parameters=True)
    assert opened(ref) == NUMBER
    assert {one["KeyId"] for name, one in asked if name == "Decrypt"} == {own}


def test_the_key_that_the_merchants_row_names_counts_also_without_a_register() -> None:
    """Somebody set it by hand."""
    own = new_key()
    merchant(MERCHANT)
    row = Key("access", "MERCHANT", MERCHANT)
    runtime.system_store().write(Update(row, EXISTS, set={"vault_key_id": own}))
    store = runtime.system_store()
    assert trusted(store, own, MERCHANT, stack_key()) == own
    assert trusted(store, own, OTHER_MERCHANT, stack_key()) is None


def test_the_register_lists_all_keys() -> None:
    arns = [new_key() for _ in range(3)]
    for arn in arns:
        register(arn, STACK)
    assert sorted(key.arn for key in registered(runtime.system_store())) == sorted(arns)
