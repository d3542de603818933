"""Cards are sealed anew, by `charge` alone, and each opening has its audit row first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from farthing import runtime
from farthing.clock import from_text, to_text
from farthing.store import EXISTS, Delete, Key, StoreBusy, Update
from farthing.store.table import DynamoStore
from farthing.vault import keeper_wiring, kms
from farthing.vault.envelope import DataKey, TokenRef
from farthing.vault.reencrypt import Reencrypted, ReencryptServices, reencrypt
from farthing.vault.rows import card_key
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT, Context, load
from tests.support.stack import Stack
from tests.support.vault import (
    NUMBER,
    KeyRing,
    calls,
    key_of,
    merchant,
    new_key,
    new_token,
    opened,
    row_of,
)

CARD = "tok"


def keeper(**task: Any) -> dict[str, Any]:
    answer: dict[str, Any] = load("vault_keeper").handler(
        task, Context(remaining_milliseconds=60_000)
    )
    return answer


def whole(before: str, **more: Any) -> Iterator[dict[str, Any]]:
    """A whole reencryption, stretch by stretch."""
    behind = None
    while True:
        asked = {"apply": True, "before": before, "after": behind, **more}
        answer = keeper(reencrypt=asked)
        yield answer
        if answer["done"]:
            return
        assert answer["behind"] != behind, "it does not get on"
        behind = answer["behind"]


def now() -> str:
    return to_text(runtime.clock().now() + timedelta(seconds=1))


def audit_rows() -> list[dict[str, Any]]:
    page = runtime.system_store().scan("vault")
    return [item for item in page.items if item["entity"] == "audit"]


def cards(count: int, merchant_id: str = MERCHANT) -> list[TokenRef]:
    return [new_token(merchant(merchant_id)) for _ in range(count)]


def test_each_card_has_a_new_data_key_and_nonce_under_the_same_key(stack: Stack) -> None:
    # Given cards under the stack's key and under a merchant's own
    merchant(OTHER_MERCHANT, key=new_key())
    refs = cards(2) + cards(1, OTHER_MERCHANT)
    before = {ref: row_of(ref) for ref in refs}
    # When they are sealed anew
    (answer,) = whole(now())
    # Then nothing of the envelopes is as it was but the key, and each opens
    assert answer["counts"] == {"REENCRYPTED": 3}
    for ref in refs:
        old, new = before[ref]["envelope"], row_of(ref)["envelope"]
        assert new["wrapped_by"] == old["wrapped_by"]
        assert not [
            part for part in ("ciphertext", "nonce", "wrapped_key") if new[part] == old[part]
        ]
        unchanged = {"fingerprint", "exp_month", "exp_year", "created_at"}
        assert {n: row_of(ref)[n] for n in unchanged} == {n: before[ref][n] for n in unchanged}
        assert opened(ref) == NUMBER


def test_each_opening_says_by_whom_when_and_what_for(stack: Stack) -> None:
    (ref,) = cards(1)
    list(whole(now()))
    (audit,) = audit_rows()
    assert (audit["token"], audit["purpose"], audit["who"]) == (ref.token, "REENCRYPT", "charge")
    assert (audit["merchant_id"], audit["mode"]) == (MERCHANT, "test")
    assert from_text(audit["claimed_at"]) <= runtime.clock().now()
    assert NUMBER not in repr(audit)


def test_what_was_sealed_since_is_left_so_a_second_time_does_nothing(stack: Stack) -> None:
    cards(2)
    began = now()
    stack.advance(60)
    list(whole(began))
    (young,) = cards(1)
    before = row_of(young)
    (again,) = whole(began)
    assert again["counts"] == {}
    assert (len(audit_rows()), row_of(young)) == (2, before)


def test_without_apply_nothing_is_opened(stack: Stack) -> None:
    cards(2)
    answer = keeper(reencrypt={"before": now()})
    assert (answer["counts"], answer["done"]) == ({"WOULD_REENCRYPT": 2}, True)
    assert stack.charge.invocations == [] and audit_rows() == []


def test_one_merchant_alone(stack: Stack) -> None:
    mine, theirs = cards(1), cards(1, OTHER_MERCHANT)
    before = row_of(theirs[0])
    list(whole(now(), merchant=MERCHANT))
    assert row_of(theirs[0]) == before
    assert "sealed_at" in row_of(mine[0])


def test_batch_after_batch_leaves_none_out(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_wiring, "BATCH_ROWS", 2)
    refs = cards(5)
    answers = list(whole(now()))
    assert [len(call["rows"]) for call in stack.charge.invocations] == [2, 2, 1]
    assert sum(answer["counts"].get("REENCRYPTED", 0) for answer in answers) == 5
    assert len(audit_rows()) == 5
    assert all("sealed_at" in row_of(ref) for ref in refs)


def test_a_batch_whose_answer_is_lost_is_asked_for_again_and_does_nothing_twice(
    stack: Stack,
) -> None:
    refs = cards(3)
    began = now()
    stack.advance(60)

    def lost(moment: str) -> None:
        if moment == "after":
            raise ClientError({"Error": {"Code": "ServiceException"}}, "Invoke")

    stack.charge.fail = lost
    answer = keeper(reencrypt={"apply": True, "before": began})
    assert (answer["done"], answer["behind"], answer["stopped"]) == (
        False,
        None,
        "ServiceException",
    )
    sealed = [row_of(ref) for ref in refs]
    stack.charge.fail = lambda moment: None
    (again,) = whole(began)
    assert again["counts"] == {} and [row_of(ref) for ref in refs] == sealed
    assert len(audit_rows()) == 3


def test_if_the_audit_row_cannot_be_written_nothing_is_opened(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ref,) = cards(1)
    before, real = row_of(ref), BaseClient._make_api_call

    def call(client: Any, name: str, arguments: dict[str, Any]) -> Any:
        if name == "PutItem":
            raise ClientError({"Error": {"Code": "InternalServerError"}}, name)
        return real(client, name, arguments)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", call)
        asked = calls(patch)
        answer = keeper(reencrypt={"apply": True, "before": now()})
    assert (answer["done"], answer["stopped"]) == (False, "ClientError")
    assert not {"Decrypt", "GenerateDataKey", "UpdateItem"} & set(asked)
    assert row_of(ref) == before and audit_rows() == []


def services(ring: KeyRing, **more: Any) -> ReencryptServices:
    told: dict[str, Any] = {
        "store": runtime.system_store(),
        "unwrapper": ring,
        "data_keys": lambda named: ring,
        "entropy": lambda n: b"n" * n,
        "new_claim": lambda: "claim",
        "who": "test",
        "now": runtime.clock().now,
    }
    return ReencryptServices(**told | more)


class Meanwhile(KeyRing):
    """KMS, and somebody who changes the row while it is asked for a new data key."""

    def __init__(self, change: Callable[[], None]) -> None:
        super().__init__()
        self.change = change

    def generate(self, context: Mapping[str, str]) -> DataKey:
        self.change()
        return super().generate(context)


@pytest.mark.parametrize("what", ["rewrapped", "deleted"])
def test_a_row_that_is_not_as_it_was_read_is_left(stack: Stack, what: str) -> None:
    (ref,), store = cards(1), runtime.system_store()
    other = row_of(ref)["envelope"] | {"wrapped_by": "another", "wrapped_key": b"another"}

    def change() -> None:
        if what == "deleted":
            store.write(Delete(card_key(ref), EXISTS))
        else:
            store.write(Update(card_key(ref), EXISTS, set={"envelope": other}))

    opening = kms.unwrapper(ref.tenant)
    done = reencrypt(card_key(ref), now(), services(Meanwhile(change), unwrapper=opening))
    assert done is Reencrypted.CHANGED_MEANWHILE
    after = store.get(card_key(ref))
    assert after is None if what == "deleted" else after is not None and after["envelope"] == other


def test_a_card_under_a_key_that_may_not_hold_it_is_refused_and_not_opened(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ref,) = cards(1)
    changed = row_of(ref)["envelope"] | {"wrapped_by": new_key()}
    runtime.system_store().write(Update(card_key(ref), EXISTS, set={"envelope": changed}))
    asked = calls(monkeypatch)
    (answer,) = whole(now())
    assert answer["counts"] == {"REFUSED": 1}
    assert "Decrypt" not in asked and audit_rows() == []


def test_a_key_that_cannot_be_used_keeps_its_cards_from_it_and_no_others(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards(2)
    real = BaseClient._make_api_call

    def call(client: Any, name: str, arguments: dict[str, Any]) -> Any:
        if name == "Decrypt":
            raise ClientError({"Error": {"Code": "DisabledException"}}, name)
        return real(client, name, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    (answer,) = whole(now())
    assert answer["counts"] == {"REFUSED": 2}


def test_what_would_break_the_next_card_too_stops_before_it(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs, real, written = cards(3), DynamoStore.write, list[str]()

    def write(self: DynamoStore, *writes: Any) -> None:
        if isinstance(writes[0], Update):
            if len(written) == 1:
                raise StoreBusy("throttled")
            written.append(writes[0].key.pk)
        real(self, *writes)

    with monkeypatch.context() as patch:
        patch.setattr(DynamoStore, "write", write)
        answer = keeper(reencrypt={"apply": True, "before": now()})
    assert (answer["done"], answer["stopped"]) == (False, "StoreBusy")
    assert answer["behind"]["pk"] == written[0]
    rest = keeper(reencrypt={"apply": True, "before": now(), "after": answer["behind"]})
    assert (rest["done"], rest["counts"]) == (True, {"REENCRYPTED": 2})
    assert [opened(ref) for ref in refs] == [NUMBER] * 3


def test_a_card_that_went_meanwhile_is_no_failure(stack: Stack) -> None:
    gone = Key("vault", f"{MERCHANT}#test#TOK#{CARD}", "CARD")
    assert reencrypt(gone, now(), services(KeyRing())) is Reencrypted.GONE


def test_a_card_that_was_sealed_anew_pays(stack: Stack) -> None:
    token = stack.token()
    list(whole(now()))
    assert stack.pay(token=token).body["status"] == "SUCCEEDED"


def test_a_rewrap_after_it_keeps_the_new_data_key(stack: Stack) -> None:
    (ref,) = cards(1)
    list(whole(now()))
    sealed = row_of(ref)["envelope"]["ciphertext"]
    own = new_key()
    merchant(MERCHANT, key=own)
    keeper(rewrap={"apply": True})
    assert (key_of(ref), row_of(ref)["envelope"]["ciphertext"]) == (own, sealed)
    assert opened(ref) == NUMBER
