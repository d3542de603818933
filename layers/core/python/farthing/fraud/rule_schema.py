"""The JSON Schema of rules, for editors and other tools. It says what `rule_document` takes."""

from __future__ import annotations

from typing import Any

from farthing.fraud.action import Action
from farthing.fraud.ask_document import INTEGER_MAX, VALUES_MAX
from farthing.fraud.fields import (
    AMONG,
    COUNT_MAX,
    FIELDS,
    KNOWN,
    OPERATORS,
    TEXT_LENGTH_MAX,
    Field,
    Operator,
    Type,
)
from farthing.fraud.rule_document import (
    ASKS_MAX,
    REASON_LENGTH_MAX,
    REVIEW_DAYS_MAX,
    RULE_ID,
    RULE_TYPES,
    RULES_MAX,
)
from farthing.fraud.rules import Hold, Status
from farthing.money import AMOUNT_MINOR_MAX, EXPONENTS

Schema = dict[str, Any]


def rule_schema() -> Schema:
    """The schema of a document of rules."""
    share = {"type": "number", "minimum": 0, "maximum": 1}
    thresholds = {"review_from": share, "block_above": share}
    reviews = {
        "hold": {"enum": [hold.value for hold in Hold]},
        "days": {"type": "integer", "minimum": 1, "maximum": REVIEW_DAYS_MAX},
    }
    properties = {
        "thresholds": _mapping(thresholds, list(thresholds)),
        "reviews": _mapping(reviews, list(reviews)),
        "rules": _list(_rule(), RULES_MAX, least=0),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Fraud rules",
        **_mapping(properties, ["rules"]),
    }


def _rule() -> Schema:
    asks = [
        _ask(name, field, operator)
        for name, field in FIELDS.items()
        for operator in sorted(OPERATORS[field.type])
    ]
    properties = {
        "id": {"type": "string", "pattern": f"^{RULE_ID}$"},
        "type": {"enum": sorted(type_.value for type_ in RULE_TYPES)},
        "status": {"enum": [status.value for status in Status]},
        "action": {"enum": [action.value for action in Action]},
        "reason": {"type": "string", "minLength": 1, "maxLength": REASON_LENGTH_MAX},
        "when": _list({"oneOf": asks}, ASKS_MAX),
    }
    return _mapping(properties, list(properties))


def _ask(name: str, field: Field, operator: Operator) -> Schema:
    properties: Schema = {
        "field": {"const": name, "description": field.says},
        "operator": {"const": operator.value},
    }
    if operator not in KNOWN:
        properties["value"] = _value(field, operator)
    return _mapping(properties, list(properties))


def _value(field: Field, operator: Operator) -> Schema:
    if operator in AMONG:
        return _list(_one(field, operator), VALUES_MAX)
    if field.type is Type.MONEY:
        amount = {"type": "integer", "minimum": 0, "maximum": AMOUNT_MINOR_MAX}
        return {**_mapping(dict.fromkeys(sorted(EXPONENTS), amount), []), "minProperties": 1}
    return _one(field, operator)


def _one(field: Field, operator: Operator) -> Schema:
    match field.type:
        case Type.TEXT:
            pattern = f"^({field.form})$"
            return {"type": "string", "pattern": pattern, "maxLength": TEXT_LENGTH_MAX}
        case Type.BOOLEAN:
            return {"type": "boolean"}
        case Type.COUNT:
            return {"type": "integer", "minimum": 0, "maximum": COUNT_MAX[operator]}
    return {"type": "integer", "minimum": 0, "maximum": INTEGER_MAX}


def _mapping(properties: Schema, required: list[str]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _list(items: Schema, most: int, least: int = 1) -> Schema:
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}
