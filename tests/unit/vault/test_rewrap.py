"""Cards come under another key: all of them, once, without a number being opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from farthing import runtime
from farthing.store import EXISTS, NOT_CREATED, Delete, Put, TenantScope, Update
from farthing.vault.envelope import TokenRef, context_of
from farthing.vault.register import key_id_of
from farthing.vault.rewrap import Rewrapped, RewrapServices, rewrap_item
from farthing.vault.rows import card_key, cvc_key
from farthing.vault.sealed import KINDS, Purpose
from tests.support import methods
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT, Context, load
from tests.support.vault import NUMBER, calls, key_of, merchant, new_key, new_token, opened, row_of

pytestmark = pytest.mark.usefixtures("vault")


def keeper(milliseconds: int = 60_000, **task: Any) -> dict[str, Any]:
    """One event to the keeper."""
    context = Context(remaining_milliseconds=milliseconds)
    answer: dict[str, Any] = load("vault_keeper").handler(task, context)
    return answer


def stretches(rows: int = 1000, **more: Any) -> Iterator[dict[str, Any]]:
    """A whole rewrap, stretch by stretch."""
    behind = None
    while True:
        answer = keeper(rewrap={"apply": True, "rows": rows, "after": behind, **more})
        yield answer
        if answer["done"]:
            return
        assert answer["behind"] != behind, "it does not get on"
        behind = answer["behind"]


def cards(count: int, merchant_id: str = MERCHANT) -> list[TokenRef]:
    """Cards under the stack's key; then the merchant gets one of its own."""
    refs = [new_token(merchant(merchant_id)) for _ in range(count)]
    merchant(merchant_id, key=new_key())
    return refs


def own_key(merchant_id: str = MERCHANT) -> str:
    key = merchant(merchant_id).settings.vault_key_id
    assert key is not None
    return key


def test_all_cards_come_under_their_merchants_keys_and_open() -> None:
    # Given cards of two merchants with keys of their own, and of one without
    refs = cards(3) + cards(2, OTHER_MERCHANT)
    stays = new_token(merchant("mer_c"))
    before = {ref: row_of(ref)["envelope"]["ciphertext"] for ref in refs}
    # When they are rewrapped
    (answer,) = stretches()
    # Then each is under its merchant's, nothing else of it has changed, and it opens
    assert answer["counts"] == {"REWRAPPED": 5, "THERE": 1}
    assert {key_of(ref) for ref in refs[:3]} == {own_key()}
    assert {key_of(ref) for ref in refs[3:]} == {own_key(OTHER_MERCHANT)}
    assert {ref: row_of(ref)["envelope"]["ciphertext"] for ref in refs} == before
    assert [opened(ref) for ref in (*refs, stays)] == [NUMBER] * 6


def test_nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    ref = cards(1)[0]
    asked = calls(monkeypatch, parameters=True)
    list(stretches())
    assert {name for name, _ in asked} == {"Scan", "GetItem", "ReEncrypt", "UpdateItem"}
    (told,) = (arguments for name, arguments in asked if name == "ReEncrypt")
    context = context_of(Purpose.PAN, ref)
    assert told["SourceEncryptionContext"] == told["DestinationEncryptionContext"] == context
    assert key_id_of(told["SourceKeyId"]) == key_id_of(runtime.setting("VAULT_KEY_ID"))
    assert told["DestinationKeyId"] == own_key()


def test_a_second_time_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    cards(2)
    list(stretches())
    asked = calls(monkeypatch)
    (answer,) = stretches()
    assert answer["counts"] == {"THERE": 2}
    assert not {"ReEncrypt", "UpdateItem"} & set(asked)


def test_without_apply_nothing_is_written_and_kms_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cards(2)
    asked = calls(monkeypatch)
    answer = keeper(rewrap={"apply": False})
    assert (answer["counts"], answer["done"]) == ({"WOULD_REWRAP": 2}, True)
    assert set(asked) == {"Scan", "GetItem"}


def test_whoever_dies_goes_on_where_it_was() -> None:
    """One row a stretch, and each stretch knows nothing but the last one's answer."""
    refs = cards(4)
    answers = list(stretches(rows=1))
    assert len(answers) >= 8  # cards and CVCs
    assert sum(answer["counts"].get("REWRAPPED", 0) for answer in answers) == 4
    assert all(answer["counts"].get("THERE", 0) == 0 for answer in answers)
    assert {key_of(ref) for ref in refs} == {own_key()}


def test_it_ends_in_time() -> None:
    cards(2)
    answer = keeper(milliseconds=4_000, rewrap={"apply": True})
    assert (answer["rows"], answer["done"], answer["counts"]) == (0, False, {})


def test_one_merchant_alone() -> None:
    mine, theirs = cards(2), cards(2, OTHER_MERCHANT)
    list(stretches(merchant=MERCHANT))
    assert {key_of(ref) for ref in mine} == {own_key()}
    assert own_key(OTHER_MERCHANT) not in {key_of(ref) for ref in theirs}


def test_a_card_under_an_old_own_key_comes_under_the_new_one() -> None:
    merchant(MERCHANT, key=new_key())
    ref = new_token(merchant(MERCHANT))
    merchant(MERCHANT, key=new_key())
    list(stretches())
    assert key_of(ref) == own_key()
    assert opened(ref) == NUMBER


def test_a_cvc_keeps_its_key_for_its_minutes() -> None:
    ref = cards(1)[0]
    before = runtime.system_store().get(cvc_key(ref))
    list(stretches())
    assert runtime.system_store().get(cvc_key(ref)) == before


class Meanwhile:
    """KMS, and somebody who changes the row while it is asked."""

    def __init__(self, change: Any) -> None:
        self.change = change

    def rewrap(self, wrapped: bytes, *_: Any) -> tuple[bytes, str]:
        self.change()
        return b"another", "key/another"


@pytest.mark.parametrize("what", ["sealed anew", "deleted"])
def test_a_row_that_is_not_as_it_was_read_is_left(what: str) -> None:
    # Given a card of which something becomes while KMS is at it
    (ref,), store = cards(1), runtime.system_store()
    item = row_of(ref)
    anew = item["envelope"] | {"ciphertext": b"anew", "wrapped_key": b"anew"}

    def change() -> None:
        if what == "deleted":
            store.write(Delete(card_key(ref), EXISTS))
        else:
            store.write(Update(card_key(ref), EXISTS, set={"envelope": anew}))

    services = RewrapServices(
        store, lambda row: Meanwhile(change), lambda _: "key/another", runtime.clock().now
    )
    # When it is rewrapped, Then what became of it stands
    assert rewrap_item(item, services, apply=True) is Rewrapped.CHANGED_MEANWHILE
    after = store.get(card_key(ref))
    assert after is None if what == "deleted" else after is not None and after["envelope"] == anew


@pytest.mark.parametrize("where", ["another token", "another merchant"])
def test_a_row_that_was_moved_is_refused_and_changes_nothing(where: str) -> None:
    (ref,) = cards(1)
    cards(0, OTHER_MERCHANT)
    token = "tok_01kbe8z4qn7m3xw5rt9vkcd2hc"
    tenant = ref.tenant if where == "another token" else TenantScope(OTHER_MERCHANT, "test")
    moved = replace(ref, tenant=tenant, token=token)
    named = {"merchant_id": tenant.merchant_id, "token": token}
    item = {**row_of(ref), **named, **card_key(moved).attributes()}
    runtime.system_store().write(Put(card_key(moved), item, NOT_CREATED))
    (answer,) = stretches()
    assert answer["counts"] == {"REWRAPPED": 1, "REFUSED": 1}
    assert runtime.system_store().get(card_key(moved)) == item


def test_a_row_whose_owner_is_not_who_it_says_is_refused() -> None:
    (ref,) = cards(1)
    who = {"merchant_id": OTHER_MERCHANT}
    runtime.system_store().write(Update(card_key(ref), EXISTS, set=who))
    assert next(stretches())["counts"] == {"REFUSED": 1}


def test_a_kind_that_nobody_has_named_is_refused() -> None:
    (ref,) = cards(1)
    runtime.system_store().write(Update(card_key(ref), EXISTS, set={"entity": "passport"}))
    assert next(stretches())["counts"] == {"REFUSED": 1}


def test_every_purpose_has_a_kind_of_row() -> None:
    assert set(KINDS.values()) == set(Purpose)


def test_every_sealed_row_that_tokens_writes_is_of_a_kind_that_is_named() -> None:
    new_token(merchant(MERCHANT))
    for body in (methods.sepa(), methods.wallet()):
        methods.token(body)
    items = boto3.client("dynamodb").scan(TableName=runtime.setting("VAULT_TABLE"))["Items"]
    sealed = {item["entity"]["S"] for item in items if "envelope" in item}
    assert sealed == set(KINDS) - {"network_token"}, "that one is sealed by charge"


def failing(monkeypatch: pytest.MonkeyPatch, operation: str, code: str) -> None:
    real = BaseClient._make_api_call

    def call(client: Any, name: str, arguments: dict[str, Any]) -> Any:
        if name == operation:
            raise ClientError({"Error": {"Code": code, "Message": ""}}, name)
        return real(client, name, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)


@pytest.mark.parametrize("operation", ["ReEncrypt", "UpdateItem"])
def test_what_would_break_the_next_row_too_stops_the_stretch_before_it(
    monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    refs = cards(2)
    with monkeypatch.context() as patch:
        failing(patch, operation, "InternalServerError")
        answer = keeper(rewrap={"apply": True})
    assert (answer["done"], answer["stopped"]) == (False, "InternalServerError")
    assert answer["counts"] == {}
    # Whoever goes on leaves nothing out
    again = keeper(rewrap={"apply": True, "after": answer["behind"]})
    assert (again["done"], again["counts"]) == (True, {"REWRAPPED": 2})
    assert [opened(ref) for ref in refs] == [NUMBER] * 2


@pytest.mark.parametrize("code", ["AccessDeniedException", "KMSInvalidStateException"])
def test_a_key_that_cannot_be_used_keeps_its_cards_from_it_and_no_others(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    cards(2)
    failing(monkeypatch, "ReEncrypt", code)
    (answer,) = stretches()
    assert answer["counts"] == {"REFUSED": 2}


def test_what_is_counted_is_what_is_there() -> None:
    refs = cards(2)
    before = keeper(count={})["held"]
    stack_key = key_id_of(runtime.setting("VAULT_KEY_ID"))
    shown = {(one["merchant_id"], one["key_id"], one["kind"]): one["rows"] for one in before}
    assert shown == {(MERCHANT, stack_key, "card"): 2, (MERCHANT, stack_key, "cvc"): 2}
    list(stretches())
    after = keeper(count={})["held"]
    shown = {(one["key_id"], one["kind"]): one["rows"] for one in after}
    assert shown == {(key_id_of(own_key()), "card"): 2, (stack_key, "cvc"): 2}
    (latest,) = (one["latest"] for one in after if one["kind"] == "card")
    assert latest == max(row_of(ref)["envelope"]["wrapped_at"] for ref in refs)


def test_what_cannot_be_read_is_counted_all_the_same() -> None:
    (ref,) = cards(1)
    broken = {"envelope": {"wrapped_by": "x/y"}, "entity": "?"}
    runtime.system_store().write(Update(card_key(ref), EXISTS, set=broken))
    held = {(one["key_id"], one["kind"]): one["rows"] for one in keeper(count={})["held"]}
    assert held[("y", "?")] == 1


def test_what_is_not_asked_for_is_told() -> None:
    assert "count" in keeper()["error"]
