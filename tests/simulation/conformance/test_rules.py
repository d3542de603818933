"""What AWS documents of DynamoDB, call by call: on the fake, on moto, on MiniStack."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.conformance.backends import Backend, outcome, plain
from tests.simulation.conformance.rules import ITEM, KEY, OK, OTHERWISE, RULES, Rule, T

NAMED = [pytest.param(rule, id=rule.says) for rule in RULES]


@pytest.mark.parametrize("rule", NAMED)
def test_the_fake_does_as_documented(rule: Rule, ours: Backend, name: str) -> None:
    prepare(ours, name)
    assert told(ours, rule, name) == rule.aws
    if rule.aws != OK:
        kept = ours.dynamodb.get_item(TableName=name, Key=KEY, ConsistentRead=True)["Item"]
        assert plain(kept) == plain(ITEM)
        assert len(list(ours.dynamodb.items(name))) == 1


def test_moto_differs_where_we_say(on_moto: Backend, name: str) -> None:
    assert not otherwise_than_said(on_moto, name)


@pytest.mark.stack
def test_ministack_differs_where_we_say(on_ministack: Backend, name: str) -> None:
    assert not otherwise_than_said(on_ministack, name)


def otherwise_than_said(backend: Backend, table: str) -> list[str]:
    """The rules that are not answered as the list says, and how they are."""
    backend.create_table(table)
    wrong = []
    for rule in RULES:
        for item in backend.dynamodb.scan(TableName=table)["Items"]:
            key = {"pk": item["pk"], "sk": item["sk"]}
            backend.dynamodb.delete_item(TableName=table, Key=key)
        backend.dynamodb.put_item(TableName=table, Item=ITEM)
        expected = OTHERWISE[backend.name].get(rule.says, rule.aws)
        if (said := told(backend, rule, table)) != expected:
            wrong.append(f"{rule.says}: {said}")
    return wrong


def prepare(backend: Backend, table: str) -> None:
    """A table that holds the item."""
    backend.create_table(table)
    backend.dynamodb.put_item(TableName=table, Item=ITEM)


def told(backend: Backend, rule: Rule, table: str) -> str:
    """What a rule's call comes to: OK or the error's code."""
    arguments = _named(rule.arguments, table)
    status, answer, *_ = outcome(backend.dynamodb, rule.method, arguments)
    return OK if status == OK else str(answer)


def _named(value: Any, table: str) -> Any:
    """The arguments with the table's name in them."""
    if isinstance(value, dict):
        return {_named(key, table): _named(inner, table) for key, inner in value.items()}
    if isinstance(value, list):
        return [_named(inner, table) for inner in value]
    return table if value == T else value


def test_every_difference_is_one_of_a_rule() -> None:
    says = [rule.says for rule in RULES]
    assert len(set(says)) == len(says)
    assert not {name for names in OTHERWISE.values() for name in names} - set(says)
