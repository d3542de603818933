"""What an operator sets: checked, and written over nothing but what was read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boto3
import pytest

from farthing import runtime
from farthing.access.account import Account, CardEntry
from farthing.access.change import (
    ORIGINS_MAX,
    Change,
    changed,
    revoke_key,
    write_change,
)
from farthing.access.issue import issue_key, open_merchant
from farthing.access.keys import key_row, merchant_row, new_key
from farthing.access.principal import KeyKind, Mode
from farthing.clock import from_text
from farthing.store import EXISTS, ConditionFailed, Update
from farthing.store.item import Item

NOW = from_text("2026-11-22T09:00:00Z")
LATER = from_text("2026-11-23T09:00:00Z")
KNOWN = {"sandbox", "stripe"}
BEFORE = Account("A", "2026-11-22T09:00:00.000Z", ("https://a.example",), "#0a7d5c")


def test_what_is_not_said_stays() -> None:
    assert changed(BEFORE, Change(), KNOWN) == BEFORE


@pytest.mark.parametrize(
    ("change", "after"),
    [
        (Change(name="  B "), {"name": "B"}),
        (
            Change(origins=["https://B.example", "https://b.example:443"]),
            {"origins": ("https://b.example",)},
        ),
        (Change(origins=[]), {"origins": ()}),
        (Change(colour="#AABBCC"), {"colour": "#aabbcc"}),
        (Change(colour=""), {"colour": None}),
        (Change(card_entry=CardEntry.EXTERNAL), {"card_entry": CardEntry.EXTERNAL}),
        (
            Change(connectors={"EUR": "stripe"}),
            {"connectors": {"test": {"*": "sandbox", "eur": "stripe"}}},
        ),
        (
            Change(connectors={"*": ""}),
            {"connectors": {"test": {}}, "left": {"test": ["sandbox"]}},
        ),
        (
            Change(mode=Mode.LIVE, connectors={"eur": "stripe"}),
            {"connectors": {"live": {"eur": "stripe"}}},
        ),
    ],
)
def test_what_is_said_is_set_and_nothing_else(change: Change, after: dict[str, Any]) -> None:
    assert changed(BEFORE, change, KNOWN) == replace(BEFORE, **after)


def test_the_connectors_of_the_other_mode_stay() -> None:
    before = replace(BEFORE, connectors={"live": {"eur": "stripe"}, "test": {"usd": "sandbox"}})
    after = changed(before, Change(connectors={"usd": "", "gbp": "sandbox"}), KNOWN)
    assert after.connectors == {"live": {"eur": "stripe"}, "test": {"gbp": "sandbox"}}


def test_a_connector_that_is_named_no_more_is_remembered_until_it_is_again() -> None:
    """Its money is still to be settled."""
    both = changed(BEFORE, Change(connectors={"eur": "stripe"}), KNOWN)
    one = changed(both, Change(connectors={"*": ""}), KNOWN)
    none = changed(one, Change(connectors={"eur": ""}), KNOWN)
    again = changed(none, Change(connectors={"usd": "sandbox"}), KNOWN)

    assert [account.ever_named("test") for account in (BEFORE, both, one, none, again)] == [
        ["sandbox"],
        *[["sandbox", "stripe"]] * 4,
    ]
    assert again.left == {"test": ["stripe"]}
    assert Account.from_item(again.to_item()) == again


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (Change(name=""), "1 to 100"),
        (Change(name=" "), "1 to 100"),
        (Change(name="x" * 101), "1 to 100"),
        (Change(name="a\nb"), "can be shown"),
        (Change(name="4242 4242 4242 4242"), "card number"),
        (Change(origins=["https://a.example/"]), "without a path"),
        (Change(origins=[f"https://{n}.a.example" for n in range(ORIGINS_MAX + 1)]), "at most 20"),
        (Change(colour="red"), "no colour"),
        (Change(colour="#12345"), "no colour"),
        (Change(colour="#0a7d5c;x"), "no colour"),
        (Change(connectors={"eur": "paypal"}), "sandbox, stripe"),
        (Change(connectors={"xxx": "stripe"}), "ISO 4217"),
        (Change(connectors={"": "stripe"}), "ISO 4217"),
        (Change(mode=Mode.LIVE, connectors={"eur": "sandbox"}), "moves no money"),
    ],
)
def test_what_may_not_be_is_refused_with_a_reason(change: Change, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        changed(BEFORE, change, KNOWN)


def read() -> Item:
    item = runtime.system_store().get(merchant_row("mer_a"))
    assert item is not None
    return item


@pytest.fixture
def opened(aws: None) -> Item:
    open_merchant(runtime.system_store(), "mer_a", BEFORE, [], NOW)
    return read()


def test_a_change_writes_what_differs(opened: Item) -> None:
    store, after = runtime.system_store(), replace(BEFORE, name="B", colour=None)
    assert write_change(store, "mer_a", opened, after) == ["colour", "name"]
    assert Account.from_item(read()) == after
    assert write_change(store, "mer_a", read(), after) == []


@pytest.mark.parametrize(
    "meanwhile",
    [
        {"name": "C"},
        {"origins": ["https://a.example", "https://c.example"]},
        {"colour": None},
        {"connectors": {"test": {"eur": "sandbox"}}},
        {"vault_key_id": "key-1"},
        {"card_entry": "EXTERNAL"},
    ],
)
def test_what_somebody_else_set_meanwhile_is_not_undone(
    opened: Item, meanwhile: dict[str, Any]
) -> None:
    # Given
    store = runtime.system_store()
    store.write(Update(merchant_row("mer_a"), when=EXISTS, set=meanwhile))
    between = read()
    # When
    with pytest.raises(ConditionFailed, match="MERCHANT_AS_READ"):
        write_change(store, "mer_a", opened, replace(BEFORE, name="B"))
    # Then
    assert read() == between


def test_an_older_row_lacks_what_is_new_and_is_guarded_all_the_same(aws: None) -> None:
    # Given
    row = {"name": "A", "created_at": "2026-11-22", "entity": "merchant"}
    wire = {name: {"S": text} for name, text in (row | {"pk": "MERCHANT", "sk": "mer_a"}).items()}
    boto3.client("dynamodb").put_item(TableName="AccessTable", Item=wire)
    store, older = runtime.system_store(), read()
    after = replace(Account.from_item(older), origins=("https://b.example",))
    # When
    write_change(store, "mer_a", older, after)
    # Then
    assert Account.from_item(read()) == after
    with pytest.raises(ConditionFailed):
        write_change(store, "mer_a", older, replace(after, origins=()))


def test_a_merchant_that_is_gone_does_not_come_back(opened: Item) -> None:
    boto3.client("dynamodb").delete_item(
        TableName="AccessTable", Key={"pk": {"S": "MERCHANT"}, "sk": {"S": "mer_a"}}
    )
    with pytest.raises(ConditionFailed):
        write_change(runtime.system_store(), "mer_a", opened, replace(BEFORE, name="B"))
    assert runtime.system_store().get(merchant_row("mer_a")) is None


def test_a_key_is_ended_once(opened: Item) -> None:
    # Given
    store = runtime.system_store()
    key = new_key("key_1", "mer_a", Mode.TEST, KeyKind.PUBLISHABLE, bytes(32))
    row = key_row(key.text)
    with pytest.raises(ConditionFailed):
        revoke_key(store, row, NOW)
    assert store.get(row) is None
    issue_key(store, key, NOW)
    # When
    revoke_key(store, row, NOW)
    with pytest.raises(ConditionFailed, match="NOT_REVOKED"):
        revoke_key(store, row, LATER)
    # Then
    item = store.get(row)
    assert item is not None and item["revoked_at"] == "2026-11-22T09:00:00.000Z"
