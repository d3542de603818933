"""Keys: their form, what is stored of them, and whom they stand for."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

import pytest

from farthing import runtime
from farthing.access.account import Account, CardEntry, Settings
from farthing.access.authorize import authorize, bearer_of
from farthing.access.issue import close_account, issue_key, open_account
from farthing.access.keys import (
    NewKey,
    has_key_form,
    is_valid,
    key_item,
    key_row,
    merchant_row,
    new_key,
    principal_of,
)
from farthing.access.principal import KeyKind, Mode
from farthing.clock import from_text
from farthing.store import EXISTS, ConditionFailed, Delete, Put, Update
from farthing.store.item import Item, Key

NOW = from_text("2026-11-22T09:00:00Z")


def made(kind: KeyKind = KeyKind.SECRET, mode: Mode = Mode.TEST) -> NewKey:
    return new_key("key_1", "mer_a", mode, kind, os.urandom(32))


class Nobody:
    """A table that must not be asked."""

    def get(self, key: Key) -> Item | None:
        raise AssertionError("asked the table")


@pytest.mark.parametrize(
    ("kind", "mode", "prefix"),
    [
        (KeyKind.SECRET, Mode.TEST, "sk_test_"),
        (KeyKind.SECRET, Mode.LIVE, "sk_live_"),
        (KeyKind.PUBLISHABLE, Mode.TEST, "pk_test_"),
        (KeyKind.PUBLISHABLE, Mode.LIVE, "pk_live_"),
    ],
)
def test_a_key_says_its_kind_and_mode(kind: KeyKind, mode: Mode, prefix: str) -> None:
    key = made(kind, mode)
    assert key.text.startswith(prefix)
    assert has_key_form(key.text)
    assert key.text not in repr(key)
    principal = principal_of(key_item(key, NOW), Account("A", "2026-11-22"))
    assert (principal.kind, principal.mode, principal.merchant_id) == (kind, mode, "mer_a")


def test_all_the_randomness_is_in_the_key() -> None:
    one, other = bytes(31) + b"\x00", bytes(31) + b"\x01"
    texts = {
        new_key("key_1", "mer_a", Mode.TEST, KeyKind.SECRET, bits).text for bits in (one, other)
    }
    assert len(texts) == 2
    with pytest.raises(ValueError, match="entropy"):
        new_key("key_1", "mer_a", Mode.TEST, KeyKind.SECRET, b"short")


def test_nothing_stored_leads_to_the_text() -> None:
    key = made()
    stored = json.dumps([key_item(key, NOW), key_row(key.text).attributes()])
    assert key.text not in stored
    assert key.text.split("_")[2] not in stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk_test_",
        "sk_test_short",
        "xx_test_" + "a" * 43,
        "sk_prod_" + "a" * 43,
        "sk_test_" + "a" * 65,
        "sk_test_" + "a" * 43 + "\n",
        "sk_test_" + "ä" * 43,
        "4242424242424242",
    ],
)
def test_what_is_no_key_is_refused_without_asking(text: str) -> None:
    assert authorize(Nobody(), text, NOW) is None


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({}, True),
        ({"expires_at": "2026-11-22T09:00:00.001Z"}, True),
        ({"expires_at": "2026-11-22T09:00:00.000Z"}, False),
        ({"revoked_at": "2027-01-01T00:00:00.000Z"}, False),
    ],
)
def test_revoked_and_expired_keys_stand_for_nobody(changes: dict[str, Any], good: bool) -> None:
    assert is_valid(key_item(made(), NOW) | changes, NOW) is good


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"Authorization": "Bearer sk_test_x"}, "sk_test_x"),
        ({"authorization": "bearer  sk_test_x "}, "sk_test_x"),
        ({"Authorization": "Basic c2tfdGVzdF94Og=="}, ""),
        ({"Authorization": "sk_test_x"}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_only_bearer_credentials_count(headers: dict[str, str] | None, text: str) -> None:
    assert bearer_of(headers) == text


def test_an_account_is_opened_once(aws: None) -> None:
    store, key = runtime.system_store(), made()
    open_account(store, "mer_a", "A", [key], NOW)
    assert authorize(store, key.text, NOW) is not None
    with pytest.raises(ConditionFailed):
        open_account(store, "mer_a", "A again", [made()], NOW)


def test_a_key_is_issued_to_a_merchant_that_exists(aws: None) -> None:
    store, key = runtime.system_store(), made(KeyKind.PUBLISHABLE)
    with pytest.raises(ConditionFailed):
        issue_key(store, key, NOW)
    open_account(store, "mer_a", "A", [], NOW)
    issue_key(store, key, NOW, expires_at=NOW + timedelta(days=1))
    assert authorize(store, key.text, NOW) is not None
    assert authorize(store, key.text, NOW + timedelta(days=1)) is None
    store.write(Update(key_row(key.text), when=EXISTS, set={"revoked_at": "2026-11-22"}))
    assert authorize(store, key.text, NOW) is None


def test_a_key_of_no_merchant_stands_for_nobody(aws: None) -> None:
    store, key = runtime.system_store(), made()
    open_account(store, "mer_a", "A", [key], NOW)
    store.write(Delete(merchant_row("mer_a"), EXISTS))
    assert authorize(store, key.text, NOW) is None


def test_what_an_operator_set_reaches_the_request(aws: None) -> None:
    """Given a merchant with a connector for euros alone, its own key and the acquirer's fields."""
    store, key = runtime.system_store(), made()
    open_account(store, "mer_a", "A", [key], NOW)
    account = Account(
        "A",
        "2026-11-22",
        card_entry=CardEntry.EXTERNAL,
        connectors={"test": {"eur": "stripe"}},
        vault_key_id="key-1",
    )
    store.write(Put(merchant_row("mer_a"), account.to_item(), EXISTS))

    principal = authorize(store, key.text, NOW)

    assert principal is not None
    settings = Settings.of_text(principal.settings.to_text())
    assert settings == Settings({"eur": "stripe"}, CardEntry.EXTERNAL, "key-1", "A")
    assert settings.connector("eur") == "stripe"
    assert settings.connector("usd") is None


def test_live_keys_reach_nobody_until_somebody_says_whom() -> None:
    account = Account("A", "2026-11-22")
    assert account.settings("test").connector("eur") == "sandbox"
    assert account.settings("live").connector("eur") is None


def test_a_closed_account_has_no_key_that_works_and_gets_none(aws: None) -> None:
    store, key = runtime.system_store(), made()
    open_account(store, "mer_a", "A", [key], NOW)
    close_account(store, "mer_a", NOW)
    assert authorize(store, key.text, NOW) is None
    with pytest.raises(ConditionFailed):
        issue_key(store, made(KeyKind.PUBLISHABLE), NOW)
    with pytest.raises(ConditionFailed):
        close_account(store, "mer_a", NOW)
    with pytest.raises(ConditionFailed):
        close_account(store, "mer_b", NOW)
