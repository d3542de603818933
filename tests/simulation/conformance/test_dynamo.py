"""The fake DynamoDB against moto's and MiniStack's: the same random calls, the same answers.

After a known difference the other table is made equal again, so that one difference is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulation.conformance import differences
from tests.simulation.conformance.backends import Backend, Outcome, outcome, plain
from tests.simulation.conformance.operations import Call, Operations

CALLS = 250
PAGES_MAX = 40
READS = ("query", "get_item", "batch_get_item")


@pytest.mark.parametrize("seed", range(4))
def test_moto_answers_the_same(seed: int, ours: Backend, on_moto: Backend, name: str) -> None:
    compare(ours, on_moto, seed, name)


@pytest.mark.stack
@pytest.mark.parametrize("seed", range(12))
def test_ministack_answers_the_same(
    seed: int, ours: Backend, on_ministack: Backend, name: str
) -> None:
    compare(ours, on_ministack, seed, name)


def test_the_calls_are_worth_comparing(ours: Backend, name: str) -> None:
    """They succeed and fail in every way, on tables that are never empty for long."""
    ours.create_table(name)
    seen: Counter[tuple[str, str]] = Counter()
    for seed in range(6):
        operations = Operations(seed, name)
        for _ in range(CALLS):
            call = operations.next()
            for page in _pages(ours, call):
                status, told, *_ = _outcome(ours, page)
                seen[page[0], status if status == "ok" else told] += 1
    writes = ("put_item", "update_item", "delete_item")
    failures = [(method, "ConditionalCheckFailedException") for method in writes]
    refused = ("IdempotentParameterMismatchException", "TransactionCanceledException")
    failures += [("transact_write_items", code) for code in refused]
    assert min(seen[kind] for kind in failures) >= 8
    assert min(seen[method, "ok"] for method in (*writes, *READS, "transact_write_items")) >= 30


def compare(ours: Backend, theirs: Backend, seed: int, table: str) -> None:
    """Run a seed's calls on both."""
    ours.create_table(table)
    theirs.create_table(table)
    operations = Operations(seed, table)
    tokens: set[str] = set()
    for number in range(CALLS):
        call = operations.next()
        token = call[1].get("ClientRequestToken")
        again = token in tokens
        tokens |= {token} - {None}
        for page in _pages(ours, call):
            mine, other = _outcome(ours, page), _outcome(theirs, page)
            if mine != other:
                name = differences.known(theirs.name, page, mine, other, again=again)
                assert name, f"seed {seed}, call {number}: {page}\n{mine}\n{theirs.name}: {other}"
            elif not differences.leaves_traces(theirs.name, again=again):
                continue
            if page[0] not in READS:
                _make_equal(ours, theirs, table)
    assert _content(ours, table) == _content(theirs, table)


def _outcome(backend: Backend, call: Call) -> Outcome:
    return outcome(backend.dynamodb, *call)


def _pages(ours: Backend, call: Call) -> Iterator[Call]:
    """The call, and if it is a query, those for its further pages."""
    yield call
    method, arguments = call
    for _ in range(PAGES_MAX):
        if method != "query":
            return
        page = ours.dynamodb.query(**arguments)
        if "LastEvaluatedKey" not in page:
            return
        arguments = {**arguments, "ExclusiveStartKey": page["LastEvaluatedKey"]}
        yield method, arguments


def _content(backend: Backend, table: str) -> list[dict[str, Any]]:
    pages = backend.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return sorted((plain(item) for page in pages for item in page["Items"]), key=repr)


def _make_equal(ours: Backend, theirs: Backend, table: str) -> None:
    for page in theirs.dynamodb.get_paginator("scan").paginate(TableName=table):
        for item in page["Items"]:
            key = {"pk": item["pk"], "sk": item["sk"]}
            theirs.dynamodb.delete_item(TableName=table, Key=key)
    for item in ours.dynamodb.items(table):
        theirs.dynamodb.put_item(TableName=table, Item=item)
