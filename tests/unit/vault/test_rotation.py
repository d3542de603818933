"""Keys come and go in an order that loses no card."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from farthing import runtime
from farthing.clock import from_text, later, to_text
from farthing.store import EXISTS, Key, Update
from farthing.store.table import DynamoStore
from farthing.vault import offboard, register, rotation
from farthing.vault.register import STACK, VaultKey
from farthing.vault.rotation import Holding, RotationRefused
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT
from tests.support.vault import merchant

NOW = from_text("2026-11-22T09:00:00Z")
ARN = "arn:aws:kms:eu-west-1:123456789012:key/"
FIRST, SECOND, THIRD, OF_STACK = (ARN + name for name in ("first", "second", "third", "stack"))
LONG_AFTER = NOW + timedelta(seconds=rotation.SWITCH_SECONDS)


@pytest.fixture
def store(aws: None) -> DynamoStore:
    """The access table with two merchants."""
    merchant(MERCHANT)
    merchant(OTHER_MERCHANT)
    return runtime.system_store()


def give(arn: str, at: datetime = NOW, merchant_id: str = MERCHANT) -> None:
    rotation.give_to_merchant(runtime.system_store(), merchant_id, arn, at)


def key(arn: str) -> VaultKey:
    item = runtime.system_store().get(register.key_row(arn))
    assert item is not None
    return VaultKey.from_item(item)


def held(arn: str, rows: int, merchant_id: str = MERCHANT, kind: str = "card") -> Holding:
    return Holding(merchant_id, "test", register.key_id_of(arn), kind, rows, "2026-11-22T08:00:00Z")


def refused(do: Callable[[], object]) -> str:
    with pytest.raises(RotationRefused) as why:
        do()
    return str(why.value)


# --- another key ---------------------------------------------------------------------------------


def test_a_merchants_key_is_registered_and_used_from_now_on(store: DynamoStore) -> None:
    give(FIRST)
    account = rotation.account_of(store, MERCHANT)
    assert (account.vault_key_id, account.vault_key_since) == (FIRST, to_text(NOW))
    assert key(FIRST) == VaultKey(FIRST, MERCHANT, to_text(NOW))
    assert rotation.account_of(store, OTHER_MERCHANT).vault_key_id is None


def test_the_key_before_is_noted_as_replaced(store: DynamoStore) -> None:
    give(FIRST)
    give(SECOND, LONG_AFTER)
    assert key(FIRST).replaced_at == to_text(LONG_AFTER)
    assert key(SECOND).replaced_at is None


@pytest.mark.parametrize("again_to", [MERCHANT, OTHER_MERCHANT])
def test_a_key_that_was_given_is_given_to_nobody_again(store: DynamoStore, again_to: str) -> None:
    give(FIRST)
    give(SECOND)
    assert "registered already" in refused(lambda: give(FIRST, merchant_id=again_to))
    assert rotation.account_of(store, MERCHANT).vault_key_id == SECOND
    assert rotation.account_of(store, OTHER_MERCHANT).vault_key_id is None


def test_of_two_who_give_a_key_at_once_one_does(
    store: DynamoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given somebody who reads which key there is, and another who is faster
    give(FIRST)
    real = rotation.account_of

    def account_of(store: Any, merchant_id: str) -> Any:
        account = real(store, merchant_id)
        monkeypatch.setattr(rotation, "account_of", real)
        give(SECOND)
        return account

    monkeypatch.setattr(rotation, "account_of", account_of)
    # When the first one writes, Then the other's stands
    assert "look again" in refused(lambda: give(THIRD))
    assert rotation.account_of(store, MERCHANT).vault_key_id == SECOND
    assert store.get(register.key_row(THIRD)) is None


def test_a_merchant_that_is_not_there_or_closed_gets_none(store: DynamoStore) -> None:
    assert "no merchant" in refused(lambda: give(FIRST, merchant_id="mer_nobody"))
    offboard.close(store, MERCHANT, NOW)
    refused(lambda: give(FIRST))
    assert store.get(register.key_row(FIRST)) is None


def test_a_key_for_the_stack_is_registered_beside_the_one_that_it_replaces(
    store: DynamoStore,
) -> None:
    rotation.give_to_stack(store, SECOND, OF_STACK, NOW)
    assert (key(SECOND).owner, key(OF_STACK).owner) == (STACK, STACK)
    refused(lambda: rotation.give_to_stack(store, SECOND, OF_STACK, NOW))
    rotation.give_to_stack(store, THIRD, SECOND, NOW)
    assert key(SECOND).made_at == to_text(NOW)


# --- the end of one ------------------------------------------------------------------------------


def out_of_use(name: str, at: datetime, stack_key: str = OF_STACK) -> VaultKey:
    return rotation.out_of_use(runtime.system_store(), name, stack_key, at)


def test_a_key_in_use_is_not_retired(store: DynamoStore) -> None:
    give(FIRST)
    assert MERCHANT in refused(lambda: out_of_use(FIRST, LONG_AFTER))
    rotation.give_to_stack(store, SECOND, OF_STACK, NOW)
    assert "the stack uses" in refused(lambda: out_of_use(OF_STACK, LONG_AFTER))
    assert "the stack uses" in refused(lambda: out_of_use("stack", LONG_AFTER))
    assert "not in the register" in refused(lambda: out_of_use(THIRD, LONG_AFTER))


def test_one_that_was_in_use_just_now_is_not_either(store: DynamoStore) -> None:
    give(FIRST)
    give(SECOND, NOW)
    just_before = LONG_AFTER - timedelta(milliseconds=1)
    assert to_text(LONG_AFTER) in refused(lambda: out_of_use(FIRST, just_before))
    assert out_of_use(FIRST, LONG_AFTER).arn == FIRST


def test_the_wait_for_a_stacks_key_begins_when_it_is_seen_out_of_use(store: DynamoStore) -> None:
    rotation.give_to_stack(store, SECOND, OF_STACK, NOW - timedelta(days=9))
    # Given a stack that was deployed with the second one at last, nobody knows when
    assert "Try again" in refused(lambda: out_of_use(OF_STACK, NOW, stack_key=SECOND))
    refused(lambda: out_of_use(OF_STACK, LONG_AFTER - timedelta(seconds=1), stack_key=SECOND))
    assert out_of_use(OF_STACK, LONG_AFTER, stack_key=SECOND).replaced_at == to_text(NOW)


def test_the_wait_is_longer_than_anybody_works_with_the_old_key() -> None:
    gateway_keeps, gateway_waits, clocks_differ = 60, 29, 2 * 300
    assert gateway_keeps + gateway_waits + clocks_differ < rotation.SWITCH_SECONDS


def test_a_key_that_holds_anything_is_not_retired(store: DynamoStore) -> None:
    give(FIRST)
    give(SECOND)
    first = out_of_use(FIRST, LONG_AFTER)
    rotation.require_empty(first, [held(SECOND, 9)])
    for kind in ("card", "cvc", "unheard of"):
        counted = [held(SECOND, 9), held(FIRST, 1, OTHER_MERCHANT, kind)]
        assert kind in refused(lambda counted=counted: rotation.require_empty(first, counted))


def test_that_it_is_retired_is_written_only_of_one_that_was_replaced(store: DynamoStore) -> None:
    give(FIRST)
    refused(lambda: rotation.retire(store, key(FIRST), NOW))
    give(SECOND)
    rotation.retire(store, key(FIRST), LONG_AFTER)
    rotation.note_deletion(store, key(FIRST), NOW + timedelta(days=30))
    assert key(FIRST).retired_at == to_text(LONG_AFTER)
    assert key(FIRST).gone_at == later(NOW, seconds=30 * 86_400)


@pytest.mark.parametrize(("days", "good"), [(6, False), (7, True), (30, True), (31, False)])
def test_kms_waits_a_week_to_a_month(days: int, good: bool) -> None:
    if good:
        rotation.require_waiting_days(days)
    else:
        refused(lambda: rotation.require_waiting_days(days))


# --- a merchant leaves ---------------------------------------------------------------------------


def test_a_closed_account_stays_closed_since_when_it_was(store: DynamoStore) -> None:
    account = offboard.close(store, MERCHANT, NOW)
    assert account.closed_at == to_text(NOW)
    assert offboard.close(store, MERCHANT, LONG_AFTER) == account
    assert rotation.account_of(store, OTHER_MERCHANT).closed_at is None


def test_nothing_goes_while_something_may_begin_or_is_not_over(store: DynamoStore) -> None:
    give(FIRST, NOW - timedelta(days=1))
    account = offboard.close(store, MERCHANT, NOW)
    refused(lambda: offboard.require_quiet(account, [], LONG_AFTER - timedelta(seconds=1)))
    why = refused(lambda: offboard.require_quiet(account, ["pi_1 REFUND UNKNOWN"], LONG_AFTER))
    assert "pi_1" in why
    offboard.require_quiet(account, [], LONG_AFTER)


def test_nothing_goes_right_after_it_got_its_key(store: DynamoStore) -> None:
    give(FIRST, NOW)
    account = offboard.close(store, MERCHANT, NOW - timedelta(days=1))
    refused(lambda: offboard.require_quiet(account, [], LONG_AFTER - timedelta(seconds=1)))


def test_a_merchant_under_the_stacks_key_cannot_be_shredded(store: DynamoStore) -> None:
    assert "no key of its own" in refused(lambda: offboard.own_keys(store, MERCHANT))


def test_all_of_a_merchants_keys_go_but_those_that_went(store: DynamoStore) -> None:
    for arn in (FIRST, SECOND, THIRD):
        give(arn)
    give(ARN + "other", merchant_id=OTHER_MERCHANT)
    rotation.note_deletion(store, key(FIRST), NOW)
    assert {one.arn for one in offboard.own_keys(store, MERCHANT)} == {SECOND, THIRD}


def test_a_card_elsewhere_and_a_card_of_somebody_else_keep_the_key(store: DynamoStore) -> None:
    give(FIRST)
    keys = offboard.own_keys(store, MERCHANT)
    mine, theirs = held(FIRST, 3), held(OF_STACK, 5, OTHER_MERCHANT)
    offboard.require_own(MERCHANT, keys, [mine, theirs])
    why = refused(lambda: offboard.require_own(MERCHANT, keys, [mine, held(OF_STACK, 1)]))
    assert "not under its own key" in why
    why = refused(
        lambda: offboard.require_own(MERCHANT, keys, [mine, held(FIRST, 1, OTHER_MERCHANT)])
    )
    assert "other merchants" in why


def test_backups_hold_its_cards_under_another_key_for_35_days(store: DynamoStore) -> None:
    account = rotation.account_of(store, MERCHANT)
    assert offboard.in_backups_until(MERCHANT, account, []) is None
    give(FIRST, from_text("2026-11-20T08:00:00Z"))
    account, elsewhere = rotation.account_of(store, MERCHANT), held(FIRST, 1, OTHER_MERCHANT)
    until = offboard.in_backups_until(MERCHANT, account, [elsewhere])
    assert until == "2026-12-25T08:00:00.000Z"
    until = offboard.in_backups_until(MERCHANT, account, [held(FIRST, 1), elsewhere])
    assert until == "2026-12-27T08:00:00.000Z"


def test_its_keys_are_written_down_as_retired_at_once(store: DynamoStore) -> None:
    give(FIRST)
    give(SECOND)
    offboard.retire_own(store, offboard.own_keys(store, MERCHANT), LONG_AFTER)
    assert key(FIRST).retired_at == key(SECOND).retired_at == to_text(LONG_AFTER)


def test_a_row_of_before_has_what_it_says(store: DynamoStore) -> None:
    """Written when there were no keys of merchants."""
    row = Key("access", "MERCHANT", MERCHANT)
    store.write(Update(row, EXISTS, remove=["vault_key_id"]))
    give(FIRST)
    assert rotation.account_of(store, MERCHANT).vault_key_id == FIRST
