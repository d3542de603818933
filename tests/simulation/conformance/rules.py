"""What AWS documents of DynamoDB, one call each, and who answers otherwise (OTHERWISE).

A test fails when another implementation begins to agree, so that the list stays true.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.simulation.conformance.backends import BROKEN

OK = "ok"
INVALID = "ValidationException"
FAILED = "ConditionalCheckFailedException"
CANCELLED = "TransactionCanceledException"
T = "{table}"
"""Stands for the table's name."""

KEY = {"pk": {"S": "p"}, "sk": {"S": "s"}}
OTHER_KEY = {"pk": {"S": "p"}, "sk": {"S": "t"}}
ITEM = {**KEY, "n": {"N": "5"}, "text": {"S": "abc"}, "flag": {"BOOL": True}}
"""There before each call."""


@dataclass(frozen=True)
class Rule:
    """One call on a table that holds ITEM, and what comes of it: OK or the error's code."""

    says: str
    method: str
    arguments: dict[str, Any]
    aws: str


def put(item: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"TableName": T, "Item": item, **more}


def when(expression: str, **more: Any) -> dict[str, Any]:
    """A put of the same item on a condition."""
    return put(ITEM, ConditionExpression=expression, **_attributes(more))


def change(expression: str, key: dict[str, Any] = KEY, **more: Any) -> dict[str, Any]:
    """An update."""
    return {"TableName": T, "Key": key, "UpdateExpression": expression, **_attributes(more)}


def query(condition: str, **more: Any) -> dict[str, Any]:
    """A query."""
    return {"TableName": T, "KeyConditionExpression": condition, **_attributes(more)}


def transact(*actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A transaction."""
    return {"TransactItems": list(actions), **more}


def _attributes(more: dict[str, Any]) -> dict[str, Any]:
    """`names` and `values`, where they are given, as boto3 calls them."""
    given = {key: value for key, value in more.items() if key not in ("names", "values")}
    if "names" in more:
        given["ExpressionAttributeNames"] = more["names"]
    if "values" in more:
        given["ExpressionAttributeValues"] = more["values"]
    return given


ONE = {":x": {"N": "1"}}
P = {":pk": {"S": "p"}}
LONG = "x" * 400_000

RULES = (
    # What a condition may be
    Rule("no arithmetic in a condition", "put_item", when("n - :x >= :x", values=ONE), INVALID),
    Rule("none with plus either", "put_item", when("n + :x >= :x", values=ONE), INVALID),
    Rule("no empty condition", "put_item", when(""), INVALID),
    Rule("no unclosed one", "put_item", when("(attribute_exists(pk)"), INVALID),
    Rule("no two pairs of parentheses", "put_item", when("((attribute_exists(pk)))"), INVALID),
    Rule(
        "one pair around a part that is made of parts",
        "put_item",
        when("((attribute_exists(pk)) AND (attribute_exists(sk))) AND (n > :x)", values=ONE),
        OK,
    ),
    Rule("no unknown function", "put_item", when("exists(pk)"), INVALID),
    Rule(
        "no attribute named by a word of the language",
        "put_item",
        when("status = :x", values=ONE),
        INVALID,
    ),
    Rule(
        "such a word behind a placeholder",
        "put_item",
        when("#s <> :x", names={"#s": "status"}, values=ONE),
        OK,
    ),
    Rule(
        "no placeholder that stands for nothing", "put_item", when("#n = :x", values=ONE), INVALID
    ),
    Rule("no value that is missing", "put_item", when("n = :x"), INVALID),
    Rule(
        "no name that is not used",
        "put_item",
        when("n > :x", names={"#n": "n"}, values=ONE),
        INVALID,
    ),
    Rule(
        "no value that is not used",
        "put_item",
        when("n > :x", values={**ONE, ":y": {"N": "2"}}),
        INVALID,
    ),
    Rule(
        "no values without an expression",
        "put_item",
        put(ITEM, ExpressionAttributeValues=ONE),
        INVALID,
    ),
    Rule(
        "no order among truths",
        "put_item",
        when("flag > :x", values={":x": {"BOOL": False}}),
        INVALID,
    ),
    Rule(
        "no bounds the wrong way round",
        "put_item",
        when("n BETWEEN :x AND :y", values={":x": {"N": "2"}, ":y": {"N": "1"}}),
        INVALID,
    ),
    # What a condition means
    Rule(
        "AND binds closer than OR",
        "put_item",
        when("n = :x AND n = :x OR attribute_exists(pk)", values=ONE),
        OK,
    ),
    Rule(
        "NOT binds closer than AND", "put_item", when("NOT n = :x AND n = :x", values=ONE), FAILED
    ),
    Rule(
        "words of the language in small letters",
        "put_item",
        when("attribute_exists(pk) and not n = :x", values=ONE),
        OK,
    ),
    Rule("a missing attribute is not equal", "put_item", when("absent <> :x", values=ONE), OK),
    Rule("nor is it less", "put_item", when("absent < :x", values=ONE), FAILED),
    Rule("nor is it greater", "put_item", when("absent >= :x", values=ONE), FAILED),
    Rule("a number is not a text", "put_item", when("n = :x", values={":x": {"S": "5"}}), FAILED),
    Rule(
        "nor does it stand in an order with one",
        "put_item",
        when("n > :x", values={":x": {"S": ""}}),
        FAILED,
    ),
    Rule(
        "numbers compare by value",
        "put_item",
        when("n = :x AND n < :y", values={":x": {"N": "5.0"}, ":y": {"N": "10"}}),
        OK,
    ),
    # Keys and items
    Rule("no empty key", "put_item", put({**ITEM, "sk": {"S": ""}}), INVALID),
    Rule("no item without its key", "put_item", put({"pk": {"S": "p"}}), INVALID),
    Rule("no key of another type", "put_item", put({**ITEM, "sk": {"N": "1"}}), INVALID),
    Rule("an empty text elsewhere", "put_item", put({**ITEM, "text": {"S": ""}}), OK),
    Rule("no empty index key", "put_item", put({**ITEM, "due_pk": {"S": ""}}), INVALID),
    Rule("no index key of another type", "put_item", put({**ITEM, "due_at": {"N": "1"}}), INVALID),
    Rule("neither by an update", "update_item", change("SET due_at = :x", values=ONE), INVALID),
    Rule("no item above 400 KB", "put_item", put({**ITEM, "text": {"S": LONG + LONG}}), INVALID),
    Rule("one just below", "put_item", put({**ITEM, "text": {"S": LONG}}), OK),
    Rule(
        "counted in bytes, not characters",
        "put_item",
        put({**ITEM, "text": {"S": "é" * 300_000}}),
        INVALID,
    ),
    Rule(
        "neither grown above it",
        "update_item",
        change("SET big = :b", values={":b": {"S": LONG + LONG}}),
        INVALID,
    ),
    Rule("no number that is none", "put_item", put({**ITEM, "n": {"N": "five"}}), INVALID),
    Rule("no number of 39 digits", "put_item", put({**ITEM, "n": {"N": "1" * 39}}), INVALID),
    Rule(
        "no partition key above 2,048 bytes",
        "put_item",
        put({**ITEM, "pk": {"S": "p" * 2049}}),
        INVALID,
    ),
    Rule(
        "no sort key above 1,024 bytes", "put_item", put({**ITEM, "sk": {"S": "s" * 1025}}), INVALID
    ),
    Rule(
        "no table that is not there",
        "put_item",
        {"TableName": "nowhere", "Item": ITEM},
        "ResourceNotFoundException",
    ),
    Rule(
        "no read there either",
        "get_item",
        {"TableName": "nowhere", "Key": KEY},
        "ResourceNotFoundException",
    ),
    Rule("no key with more than the key", "get_item", {"TableName": T, "Key": ITEM}, INVALID),
    # Updates
    Rule(
        "no change of the key",
        "update_item",
        change("SET sk = :x", values={":x": {"S": "t"}}),
        INVALID,
    ),
    Rule("no attribute twice", "update_item", change("SET n = :x, n = :x", values=ONE), INVALID),
    Rule("no clause twice", "update_item", change("SET n = :x SET m = :x", values=ONE), INVALID),
    Rule(
        "no counting of what is missing",
        "update_item",
        change("SET m = m - :x", values=ONE),
        INVALID,
    ),
    Rule("ADD begins with zero", "update_item", change("ADD m :x", values=ONE), OK),
    Rule(
        "no adding to a text",
        "update_item",
        change("ADD #t :x", names={"#t": "text"}, values=ONE),
        INVALID,
    ),
    Rule(
        "no adding of a text", "update_item", change("ADD n :x", values={":x": {"S": "a"}}), INVALID
    ),
    Rule(
        "no counting with a text",
        "update_item",
        change("SET m = #t - :x", names={"#t": "text"}, values=ONE),
        INVALID,
    ),
    Rule("what is there can be counted", "update_item", change("SET n = n - :x", values=ONE), OK),
    Rule("or begun", "update_item", change("SET m = if_not_exists(m, :x) + :x", values=ONE), OK),
    Rule("removing what is missing", "update_item", change("REMOVE absent"), OK),
    Rule(
        "an update makes the item", "update_item", change("SET n = :x", OTHER_KEY, values=ONE), OK
    ),
    Rule(
        "not if its condition fails",
        "update_item",
        change("SET n = :x", OTHER_KEY, values=ONE, ConditionExpression="attribute_exists(pk)"),
        FAILED,
    ),
    # Transactions
    Rule(
        "no two actions on one item",
        "transact_write_items",
        transact({"Put": put(ITEM)}, {"Delete": {"TableName": T, "Key": KEY}}),
        INVALID,
    ),
    Rule(
        "nor a check and a change",
        "transact_write_items",
        transact(
            {
                "ConditionCheck": {
                    "TableName": T,
                    "Key": KEY,
                    "ConditionExpression": "attribute_exists(pk)",
                }
            },
            {"Update": change("SET n = :x", values=ONE)},
        ),
        INVALID,
    ),
    Rule(
        "no more than a hundred actions",
        "transact_write_items",
        transact(*({"Put": put({**ITEM, "sk": {"S": f"{n}"}})} for n in range(101))),
        INVALID,
    ),
    Rule(
        "a hundred",
        "transact_write_items",
        transact(*({"Put": put({**ITEM, "sk": {"S": f"{n}"}})} for n in range(100))),
        OK,
    ),
    Rule(
        "no table that is not there, in one",
        "transact_write_items",
        transact({"Put": put(OTHER_KEY)}, {"Put": {"TableName": "nowhere", "Item": ITEM}}),
        "ResourceNotFoundException",
    ),
    Rule(
        "one failed condition cancels all",
        "transact_write_items",
        transact({"Put": put(OTHER_KEY)}, {"Put": when("attribute_not_exists(pk)")}),
        CANCELLED,
    ),
    Rule(
        "no arithmetic in one's conditions",
        "transact_write_items",
        transact({"Put": when("n - :x >= :x", values=ONE)}),
        INVALID,
    ),
    Rule(
        "an item above 400 KB in one",
        "transact_write_items",
        transact({"Put": put({**OTHER_KEY, "text": {"S": LONG + LONG}})}),
        INVALID,
    ),
    Rule(
        "no more than 4 MB",
        "transact_write_items",
        transact(
            *({"Put": put({**KEY, "sk": {"S": f"{n}"}, "text": {"S": LONG}})} for n in range(11))
        ),
        INVALID,
    ),
    # Reads
    Rule("a query asks for one partition", "query", query("sk = :pk", values=P), INVALID),
    Rule("by its exact key", "query", query("pk > :pk", values=P), INVALID),
    Rule(
        "and for one stretch of it",
        "query",
        query("pk = :pk AND sk > :a AND sk < :b", values={**P, ":a": {"S": "a"}, ":b": {"S": "z"}}),
        INVALID,
    ),
    Rule(
        "which may be between two bounds",
        "query",
        query(
            "pk = :pk AND sk BETWEEN :a AND :b", values={**P, ":a": {"S": "a"}, ":b": {"S": "z"}}
        ),
        OK,
    ),
    Rule(
        "but not the wrong way round",
        "query",
        query(
            "pk = :pk AND sk BETWEEN :b AND :a", values={**P, ":a": {"S": "a"}, ":b": {"S": "z"}}
        ),
        INVALID,
    ),
    Rule(
        "nor be all but one",
        "query",
        query("pk = :pk AND sk <> :a", values={**P, ":a": {"S": "a"}}),
        INVALID,
    ),
    Rule(
        "nor either of two",
        "query",
        query("pk = :pk OR sk = :a", values={**P, ":a": {"S": "a"}}),
        INVALID,
    ),
    Rule("no empty key in a query", "query", query("pk = :pk", values={":pk": {"S": ""}}), INVALID),
    Rule(
        "no empty bound either",
        "query",
        query("pk = :pk AND sk > :a", values={**P, ":a": {"S": ""}}),
        INVALID,
    ),
    Rule(
        "no key of another type in a query",
        "query",
        query("pk = :pk", values={":pk": {"N": "1"}}),
        INVALID,
    ),
    Rule(
        "no index that is not there",
        "query",
        query("pk = :pk", values=P, IndexName="nowhere"),
        INVALID,
    ),
    Rule(
        "no consistent read of an index",
        "query",
        query("due_pk = :pk", values=P, IndexName="due", ConsistentRead=True),
        INVALID,
    ),
    Rule(
        "no filter on the key that is asked for",
        "query",
        query("pk = :pk", values=P, FilterExpression="sk > :pk"),
        INVALID,
    ),
    Rule("no page of nothing", "query", query("pk = :pk", values=P, Limit=0), INVALID),
    Rule(
        "no start in another partition",
        "query",
        query("pk = :pk", values=P, ExclusiveStartKey={"pk": {"S": "q"}, "sk": {"S": "s"}}),
        INVALID,
    ),
    Rule(
        "no start outside the stretch",
        "query",
        query("pk = :pk AND sk > :a", values={**P, ":a": {"S": "t"}}, ExclusiveStartKey=KEY),
        INVALID,
    ),
    Rule(
        "no start of an index without the index's key",
        "query",
        query("due_pk = :pk", values=P, IndexName="due", ExclusiveStartKey=KEY),
        INVALID,
    ),
    Rule(
        "no key twice in a batch",
        "batch_get_item",
        {"RequestItems": {T: {"Keys": [KEY, KEY]}}},
        INVALID,
    ),
    Rule(
        "no more than a hundred keys",
        "batch_get_item",
        {"RequestItems": {T: {"Keys": [{**KEY, "sk": {"S": f"{n}"}} for n in range(101)]}}},
        INVALID,
    ),
)

OTHERWISE: dict[str, dict[str, str]] = {
    "moto": {
        # It breaks where AWS says what is wrong.
        "no arithmetic in a condition": BROKEN,
        "none with plus either": BROKEN,
        "no arithmetic in one's conditions": BROKEN,
        "no unclosed one": BROKEN,
        "no placeholder that stands for nothing": BROKEN,
        "no value that is missing": BROKEN,
        "nor does it stand in an order with one": BROKEN,
        "nor be all but one": BROKEN,
        "nor either of two": BROKEN,
        # It does not look at what a put's expression leaves unused.
        "no empty condition": OK,
        "no value that is not used": OK,
        "no values without an expression": OK,
        # It compares whatever comes.
        "no order among truths": OK,
        "no bounds the wrong way round": FAILED,
        # It knows these limits not at all, and the types of index keys on updates only.
        "no index key of another type": OK,
        "no number of 39 digits": OK,
        "no more than 4 MB": OK,
        # It filters what it finds instead of checking what it is asked for.
        "and for one stretch of it": OK,
        "but not the wrong way round": OK,
        "no key of another type in a query": OK,
        "no index that is not there": "ResourceNotFoundException",
        "no filter on the key that is asked for": OK,
        "no start in another partition": OK,
        "no start outside the stretch": OK,
        "no start of an index without the index's key": OK,
    },
    "MiniStack": {
        # It ends a condition at the sign and calls the rest true: why Condition refuses the signs.
        "no arithmetic in a condition": OK,
        "none with plus either": OK,
        "no arithmetic in one's conditions": OK,
        # It compares and counts whatever comes.
        "no order among truths": FAILED,
        "no counting with a text": OK,
        # It takes the last of two.
        "no attribute twice": OK,
        "no clause twice": OK,
        # It ignores what it does not know in a key condition, and filters on anything.
        "nor be all but one": OK,
        "nor either of two": OK,
        "no filter on the key that is asked for": OK,
    },
}
