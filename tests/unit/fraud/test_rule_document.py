"""Rules as documents: what is taken, what is refused and where, and which version is in force."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from farthing import runtime
from farthing.fraud.action import Action
from farthing.fraud.fields import FIELDS, OPERATORS, Operator
from farthing.fraud.rule_document import (
    DOCUMENT_LENGTH_MAX,
    MalformedRules,
    read_rules,
    write_rules,
)
from farthing.fraud.rule_row import (
    DEFAULT_RULES,
    default_rules,
    in_force_key,
    publish_writes,
    rules_of,
    version_key,
)
from farthing.fraud.rule_schema import rule_schema
from farthing.fraud.rules import Status
from farthing.store import EXISTS, ConditionFailed, Delete, TenantScope
from tests.support.lambdas import MERCHANT
from tests.unit.fraud.test_window import NOON

TENANT = TenantScope(MERCHANT, "test")
VALID = jsonschema.Draft202012Validator(rule_schema())
EXAMPLE: dict[str, Any] = {
    "thresholds": {"review_from": 0.3, "block_above": 0.7},
    "reviews": {"hold": "NOT_SENT", "days": 7},
    "rules": [
        {
            "id": "one",
            "type": "CUSTOM",
            "status": "ACTIVE",
            "action": "BLOCK",
            "reason": "because",
            "when": [
                {"field": "card_failures_1h", "operator": "gt", "value": 3},
                {"field": "ip_country", "operator": "in", "value": ["KP", "NO"]},
                {"field": "amount_cents", "operator": "gt", "value": {"eur": 100}},
                {"field": "card_is_new", "operator": "eq", "value": True},
                {"field": "billing_country", "operator": "is_unknown"},
            ],
        }
    ],
}


def mistakes(document: Any) -> list[str]:
    with pytest.raises(MalformedRules) as refused:
        read_rules(document, 1)
    return [str(mistake) for mistake in refused.value.mistakes]


def test_the_default_rules_are_what_everybody_begins_with() -> None:
    rules = {rule.rule_id: rule for rule in default_rules().rules}
    assert {rule.status for rule in rules.values()} == {Status.ACTIVE}
    assert {name for name, rule in rules.items() if rule.action is Action.BLOCK} == {
        "card_tried_in_10_minutes",
        "card_tried_in_an_hour",
        "address_tried_in_10_minutes",
    }
    VALID.validate(json.loads(DEFAULT_RULES.read_text()))


def test_what_is_written_is_read_alike() -> None:
    for rule_set in (read_rules(EXAMPLE, 4), default_rules()):
        document = json.loads(json.dumps(write_rules(rule_set)))
        assert read_rules(document, rule_set.version) == rule_set
        VALID.validate(document)
    assert write_rules(read_rules(EXAMPLE, 4)) == EXAMPLE


def put(*path: Any) -> Callable[[Any], Any]:
    """The example with the last of `path` in the place that the others say."""
    *where, name, value = path

    def change(document: Any) -> Any:
        place = document
        for part in where:
            place = place[part]
        place[name] = value
        return document

    return change


RULE, WHEN = ("rules", 0), ("rules", 0, "when")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: [], "the document: is a mapping"),
        (put("rule", []), "rule: is not one of thresholds, reviews, rules"),
        (put("reviews", {"hold": "LATER", "days": 5}), "reviews.hold: is one of AUTHORIZED, NOT"),
        (
            put("reviews", {"hold": "NOT_SENT", "days": 31}),
            "reviews.days: is a whole number from 1",
        ),
        (put("reviews", {"hold": "NOT_SENT", "days": True}), "reviews.days: is a whole number"),
        (put("reviews", []), "reviews: is a mapping of hold, days"),
        (put("rules", {}), "rules: is a list"),
        (put("rules", [1]), "rules[0]: is a mapping"),
        (put("thresholds", "review_from", 0.8), "thresholds.review_from: is not above"),
        (put("thresholds", "block_above", 70), "thresholds.block_above: is a number from 0 to 1"),
        (put("thresholds", "block_above", True), "thresholds.block_above: is a number"),
        (put("thresholds", {}), "thresholds.review_from: is a number"),
        (put(*RULE, "version", 1), "rules[0].version: is not one of"),
        (put(*RULE, "id", "Big"), "rules[0].id: is a name"),
        (put(*RULE, "type", "MODEL"), "rules[0].type: is one of AMOUNT_LIMIT"),
        (put(*RULE, "status", "active"), "rules[0].status: is one of ACTIVE, DRAFT, INACTIVE"),
        (put(*RULE, "action", "REFUSE"), "rules[0].action: is one of ALLOW, BLOCK, REVIEW"),
        (put(*RULE, "reason", " "), "rules[0].reason: is a text"),
        (put(*RULE, "reason", "x" * 201), "rules[0].reason: is a text"),
        (put(*WHEN[:-1], "when", []), "rules[0].when: is a list of 1 to 5"),
        (
            put(*RULE, "when", EXAMPLE["rules"][0]["when"] * 2),
            "rules[0].when: is a list",
        ),
        (put(*WHEN, 0, "x"), "rules[0].when[0]: is a mapping of field, operator, value"),
        (put(*WHEN, 0, "values", 3), "rules[0].when[0].values: is not one of"),
        (put(*WHEN, 0, "field", "card_failure"), "rules[0].when[0].field: is one of amount_cents"),
        (put(*WHEN, 0, "field", ["x"]), "rules[0].when[0].field: is one of"),
        (put(*WHEN, 0, "operator", "lt"), "rules[0].when[0].operator: of card_failures_1h is one"),
        (put(*WHEN, 0, "operator", ["gt"]), "rules[0].when[0].operator: of card_failures_1h"),
        (put(*WHEN, 0, "value", 4), "rules[0].when[0].value: is an integer from 0 to 3"),
        (put(*WHEN, 0, "value", True), "rules[0].when[0].value: is an integer"),
        (put(*WHEN, 0, "value", 2.0), "rules[0].when[0].value: is an integer"),
        (put(*WHEN, 0, "value", -1), "rules[0].when[0].value: is an integer"),
        (put(*WHEN, 1, "value", []), "rules[0].when[1].value: is a list of 1 to 500"),
        (put(*WHEN, 1, "value", "KP"), "rules[0].when[1].value: is a list"),
        (put(*WHEN, 1, "value", ["KP", "Norway"]), "rules[0].when[1].value[1]: is two capital"),
        (put(*WHEN, 1, "value", ["KP", False]), "rules[0].when[1].value[1]: is two capital"),
        (put(*WHEN, 2, "value", 100), "rules[0].when[2].value: is an amount for each currency"),
        (put(*WHEN, 2, "value", {}), "rules[0].when[2].value: is an amount for each currency"),
        (put(*WHEN, 2, "value", {"EUR": 1}), "rules[0].when[2].value.EUR: is no currency"),
        (put(*WHEN, 2, "value", {"eur": 1.5}), "rules[0].when[2].value.eur: is an integer"),
        (put(*WHEN, 3, "value", "true"), "rules[0].when[3].value: is true or false"),
        (put(*WHEN, 3, "operator", "in"), "rules[0].when[3].operator: of card_is_new is one of"),
        (put(*WHEN, 4, "value", True), "rules[0].when[4].value: does not go with is_unknown"),
    ],
)
def test_a_mistake_is_refused_with_its_place(change: Callable[[Any], Any], said: str) -> None:
    document = change(copy.deepcopy(EXAMPLE))
    (one,) = [text for text in mistakes(document) if text.startswith(said)]
    # And the schema refuses it too, but for what no schema can say
    if said not in {
        "rules[0].reason: is a text",
        "thresholds.review_from: is not above",
        "rules[0].when[0].value: is an integer",
    }:
        assert not VALID.is_valid(document), one


def test_all_mistakes_are_told_at_once_and_none_of_the_rules_is_used() -> None:
    document = copy.deepcopy(EXAMPLE)
    document["rules"] = [*EXAMPLE["rules"], *EXAMPLE["rules"], {}, 5]
    said = mistakes(document)
    assert said[0] == "rules[1].id: one is the id of another rule"
    assert sum(text.startswith("rules[2]") for text in said) == 6
    assert said[-1].startswith("rules[3]: is a mapping")


def test_a_document_is_no_larger_than_a_row_holds() -> None:
    document = copy.deepcopy(EXAMPLE)
    long = [f"{n:0100}" for n in range(500)]
    asks = [{"field": "card_brand", "operator": "in", "value": long}] * 5
    document["rules"][0]["when"] = asks
    assert str(DOCUMENT_LENGTH_MAX) in mistakes(document)[0]


def test_every_field_can_be_asked_all_that_its_type_can() -> None:
    values = {
        "MONEY": {"eur": 1},
        "COUNT": 3,
        "INTEGER": 3,
        "BOOLEAN": False,
    }
    texts = {"currency": "eur", "card_bin": "424242", "email_domain": "shop.example"}
    for name, field in FIELDS.items():
        one: Any = values.get(field.type.value, texts.get(name, "DE"))
        for operator in OPERATORS[field.type]:
            ask: dict[str, Any] = {"field": name, "operator": operator.value}
            if operator in {Operator.IN, Operator.NOT_IN}:
                ask["value"] = [one]
            elif operator not in {Operator.IS_KNOWN, Operator.IS_UNKNOWN}:
                ask["value"] = one
            document = copy.deepcopy(EXAMPLE)
            document["rules"][0]["when"] = [ask]
            (rule,) = read_rules(document, 1).rules
            assert rule.asks[0].holds({}) is (operator is Operator.IS_UNKNOWN)
            # And what is known can be asked without a fault
            known: dict[str, Any] = {"amount_cents": 1, "currency": "eur"}
            sample = one if not isinstance(one, dict) else 1
            assert rule.asks[0].holds({**known, name: sample}) in {True, False}
            VALID.validate(document)


def test_one_version_follows_the_other_and_each_is_kept(aws: None) -> None:
    store = runtime.store(TENANT)
    assert rules_of(store.get(in_force_key(TENANT))) == default_rules()
    first, second = (read_rules(EXAMPLE, version) for version in (1, 2))
    store.write(*publish_writes(TENANT, first, NOON))
    # When two publish the next one, the second is told
    store.write(*publish_writes(TENANT, second, NOON))
    with pytest.raises(ConditionFailed, match="NOT_CREATED"):
        store.write(*publish_writes(TENANT, second, NOON))
    # And none is left out, nor the first one published again
    with pytest.raises(ConditionFailed, match="FOLLOWS"):
        store.write(*publish_writes(TENANT, read_rules(EXAMPLE, 4), NOON))
    assert rules_of(store.get(in_force_key(TENANT))) == second
    assert rules_of(store.get(version_key(TENANT, 1))) == first
    store.write(*publish_writes(TENANT, read_rules(EXAMPLE, 3), NOON))
    store.write(Delete(version_key(TENANT, 1), EXISTS))
    with pytest.raises(ConditionFailed, match="NOT_CREATED"):
        store.write(*publish_writes(TENANT, first, NOON))
