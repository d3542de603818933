"""The store: what it refuses, what it tries again, and what it takes for an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from farthing import runtime
from farthing.store import (
    EXISTS,
    NOT_CREATED,
    Check,
    Condition,
    ConditionFailed,
    Delete,
    Key,
    KeyOutsideScope,
    Put,
    StoreBusy,
    TenantScope,
    Update,
)
from farthing.store.item import from_wire, to_wire
from farthing.store.page import BY_TIME
from farthing.store.table import ATTEMPTS_MAX, DynamoStore
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT

TENANT, OTHER = TenantScope(MERCHANT, "test"), TenantScope(OTHER_MERCHANT, "test")
MINE = Key("payments", TENANT.pk("X"), "A")
THEIRS = Key("payments", OTHER.pk("X"), "A")


@pytest.fixture
def store(aws: None) -> DynamoStore:
    return replace(runtime.store(TENANT), sleep=lambda seconds: None)


def failing(monkeypatch: pytest.MonkeyPatch, error: dict[str, Any], times: int) -> list[str]:
    """Make the next calls fail; the names of those that did."""
    real, failed = BaseClient._make_api_call, []

    def call(client: Any, name: str, parameters: dict[str, Any]) -> Any:
        if len(failed) < times:
            failed.append(name)
            raise ClientError(error, name)
        return real(client, name, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    return failed


CONFLICT = {
    "Error": {"Code": "TransactionCanceledException", "Message": ""},
    "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}],
}
THROTTLED = {"Error": {"Code": "ThrottlingException", "Message": ""}}
BROKEN = {"Error": {"Code": "ValidationException", "Message": ""}}


@pytest.mark.parametrize(
    "reach",
    [
        lambda s: s.get(THEIRS),
        lambda s: s.batch_get([MINE, THEIRS]),
        lambda s: s.query("payments", THEIRS.pk),
        lambda s: s.query_index("payments", BY_TIME, THEIRS.pk),
        lambda s: s.write(Put(THEIRS, {}, NOT_CREATED)),
        lambda s: s.write(Put(MINE, {}, NOT_CREATED), Check(THEIRS, EXISTS)),
        lambda s: s.write(Update(THEIRS, EXISTS, set={"a": 1})),
        lambda s: s.write(Delete(THEIRS, EXISTS)),
        lambda s: s.get(Key("payments", "PI#1", "A")),
        lambda s: s.get(Key("payments", TENANT.merchant_id + "#live#X", "A")),
    ],
)
def test_a_key_of_somebody_else_is_refused_before_any_call(
    store: DynamoStore, monkeypatch: pytest.MonkeyPatch, reach: Callable[[DynamoStore], Any]
) -> None:
    called = failing(monkeypatch, BROKEN, 100)
    with pytest.raises(KeyOutsideScope):
        reach(store)
    assert called == []


@pytest.mark.parametrize("error", [CONFLICT, THROTTLED])
def test_conflicts_and_throttling_are_tried_again_and_not_for_ever(
    store: DynamoStore, monkeypatch: pytest.MonkeyPatch, error: dict[str, Any]
) -> None:
    writes = (Put(MINE, {"a": 1}, NOT_CREATED), Put(Key("payments", MINE.pk, "B"), {}, NOT_CREATED))
    with monkeypatch.context() as patch:
        failed = failing(patch, error, ATTEMPTS_MAX - 1)
        store.write(*writes)
        assert len(failed) == ATTEMPTS_MAX - 1
    assert store.get(MINE) is not None
    with monkeypatch.context() as patch:
        failing(patch, error, ATTEMPTS_MAX)
        with pytest.raises(StoreBusy):
            store.write(*(Delete(w.key, EXISTS) for w in writes))
    assert store.get(MINE) is not None


def test_what_is_no_conflict_is_raised_at_once(
    store: DynamoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = failing(monkeypatch, BROKEN, 100)
    with pytest.raises(ClientError):
        store.write(Put(MINE, {}, NOT_CREATED))
    assert len(failed) == 1


def test_a_transaction_says_which_rule_failed_and_writes_nothing(store: DynamoStore) -> None:
    other = Key("payments", MINE.pk, "B")
    store.write(Put(other, {"n": 7}, NOT_CREATED))
    with pytest.raises(ConditionFailed) as failed:
        store.write(Put(MINE, {}, NOT_CREATED), Put(other, {}, NOT_CREATED))
    assert (failed.value.index, failed.value.condition) == (1, "NOT_CREATED")
    assert failed.value.item is not None and failed.value.item["n"] == 7
    assert store.get(MINE) is None


def test_a_put_that_was_applied_although_its_answer_was_lost_is_done(
    store: DynamoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a put that the SDK repeats because the first answer was lost
    store.write(Put(MINE, {"n": 1}, NOT_CREATED))
    real = BaseClient._make_api_call

    def repeated(client: Any, name: str, parameters: dict[str, Any]) -> Any:
        try:
            return real(client, name, parameters)
        except ClientError as error:
            error.response["ResponseMetadata"]["RetryAttempts"] = 1
            raise

    with pytest.raises(ConditionFailed):
        store.write(Put(MINE, {"n": 1}, NOT_CREATED))
    monkeypatch.setattr(BaseClient, "_make_api_call", repeated)
    # When it meets the very item that it wrote, Then it is done; another one is in the way
    store.write(Put(MINE, {"n": 1}, NOT_CREATED))
    with pytest.raises(ConditionFailed):
        store.write(Put(MINE, {"n": 2}, NOT_CREATED))


def test_a_batched_read_asks_again_for_what_was_left_out(
    store: DynamoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [Key("payments", MINE.pk, name) for name in "ABC"]
    for key in keys:
        store.write(Put(key, {}, NOT_CREATED))
    real = BaseClient._make_api_call

    def stingy(client: Any, name: str, parameters: dict[str, Any]) -> Any:
        ((table, request),) = parameters["RequestItems"].items()
        first, rest = request["Keys"][:1], request["Keys"][1:]
        answer = real(client, name, {"RequestItems": {table: request | {"Keys": first}}})
        if rest:
            answer["UnprocessedKeys"] = {table: request | {"Keys": rest}}
        return answer

    monkeypatch.setattr(BaseClient, "_make_api_call", stingy)
    assert set(store.batch_get(keys)) == set(keys)


def test_bounds_of_a_partition_are_exclusive(store: DynamoStore) -> None:
    for name in "ABCDE":
        store.write(Put(Key("payments", MINE.pk, name), {}, NOT_CREATED))

    def names(**bounds: Any) -> str:
        return "".join(item["sk"] for item in store.query("payments", MINE.pk, **bounds).items)

    assert names(sk_after="B") == "CDE"
    assert names(sk_before="D") == "ABC"
    assert names(sk_after="A", sk_before="D") == "BC"
    assert names(newest_first=True, limit=2) == "ED"
    with pytest.raises(ValueError, match="prefix"):
        names(sk_prefix="A", sk_after="A")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_goes_in_comes_out(value: Any) -> None:
    assert from_wire(to_wire(value)) == value


@given(st.floats() | st.complex_numbers() | st.decimals() | st.sets(st.integers()))
def test_nothing_else_goes_in(value: Any) -> None:
    with pytest.raises(TypeError):
        to_wire(value)


def test_an_update_that_changes_nothing_and_rules_that_clash_are_refused() -> None:
    from farthing.store.expression import write_arguments

    with pytest.raises(ValueError, match="changes nothing"):
        write_arguments(Update(MINE, EXISTS), "table")
    with pytest.raises(ValueError, match="different values"):
        _ = Condition("A", "#a = :x", {"x": 1}) & Condition("B", "#b = :x", {"x": 2})
