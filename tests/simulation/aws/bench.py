"""How long the calls take that a simulated payment makes: `python -m tests.simulation.aws.bench`.

Items are as large as the product's (18 attributes), on the template's payments table with its
three indexes and its stream. Each figure is the best of many rounds: others use the machine too.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / folder) for folder in (".", "layers/core/python", "cli")]

from farthing.payments import conditions  # noqa: E402
from farthing.store.condition import NOT_CREATED  # noqa: E402
from farthing.store.expression import write_arguments  # noqa: E402
from farthing.store.item import Key  # noqa: E402
from farthing.store.write import Put, Update, Write  # noqa: E402
from tests.simulation.aws.dynamo import Tables  # noqa: E402
from tests.support.template import resources  # noqa: E402

TABLE = "PaymentsTable"
CALLS, ROUNDS = 300, 30
INTENT = {
    "entity": "intent",
    "intent_id": "pi_01jd0000000000000000000aaa",
    "amount_cents": 1000,
    "currency": "EUR",
    "status": "CREATED",
    "status_detail": "REQUIRES_CONFIRMATION",
    "version": 1,
    "list_pk": "mer_1#test#LIST#1",
    "created_at": "2026-01-01T00:00:00.000Z",
    "amount_capturable": 0,
    "amount_refundable": 100,
    "metadata": {},
    "livemode": False,
    "customer_id": None,
    "capture_method": "AUTOMATIC",
}


def main() -> None:
    """Measure and print."""
    tables = Tables(lambda: 1_800_000_000.0)
    for name, table in resources("AWS::DynamoDB::Table").items():
        tables.create_declared(name, table["Properties"])
    measure(tables, "put, NOT_CREATED", "put_item", [put(n) for n in range(CALLS)])
    fill(tables)
    measure(tables, "put that fails", "put_item", [put(n) for n in range(CALLS)], fails=True)
    measure(tables, "conditional update", "update_item", [update(n) for n in range(CALLS)])
    measure(tables, "transaction of 5", "transact_write_items", [five(n) for n in range(CALLS)])
    measure(tables, "get", "get_item", [get(n) for n in range(CALLS)])
    measure(tables, "batch get of 4", "batch_get_item", [batch(n) for n in range(CALLS)])
    measure(tables, "query, 1 item", "query", [query(n) for n in range(CALLS)])
    measure(tables, "index query, 20 items", "query", [listing(n) for n in range(CALLS)])
    full, start = tables.snapshot(), time.perf_counter()
    for _ in range(CALLS):
        tables.restore(full)
    print(f"{'restore':24}{(time.perf_counter() - start) / CALLS * 1e6:8.2f} µs")


def measure(
    tables: Tables, says: str, method: str, calls: list[dict[str, Any]], *, fails: bool = False
) -> None:
    """Print how long one call takes, each round on the same tables."""
    before, call = tables.snapshot(), getattr(tables, method)
    run = failing(tables, call) if fails else call
    best = float("inf")
    for _ in range(ROUNDS):
        tables.restore(before)
        gc.collect()
        gc.disable()
        start = time.perf_counter()
        for arguments in calls:
            run(**arguments)
        best = min(best, time.perf_counter() - start)
        gc.enable()
    tables.restore(before)
    print(f"{says:24}{best / len(calls) * 1e6:8.2f} µs")


def failing(tables: Tables, call: Callable[..., Any]) -> Callable[..., None]:
    """The call, which has to fail."""

    def run(**arguments: Any) -> None:
        try:
            call(**arguments)
        except tables.exceptions.ConditionalCheckFailedException:
            return
        raise AssertionError("it should have failed")

    return run


def fill(tables: Tables) -> None:
    for n in range(CALLS):
        tables.put_item(**put(n))


def key(n: int, sk: str = "A") -> Key:
    return Key("payments", f"mer_1#test#PI#{n}", sk)


def wire(n: int) -> dict[str, Any]:
    return {"pk": {"S": key(n).pk}, "sk": {"S": "A"}}


def put(n: int) -> dict[str, Any]:
    return write_arguments(Put(key(n), {**INTENT, "list_sk": f"2026#{n:06d}"}, NOT_CREATED), TABLE)


def update(n: int) -> dict[str, Any]:
    change = Update(
        key(n),
        conditions.confirmable(1),
        set={"status": "PROCESSING", "version": 2, "open_operation": "op"},
        add={"amount_refundable": -10},
        remove=["customer_id"],
    )
    return write_arguments(change, TABLE)


def five(n: int) -> dict[str, Any]:
    due = {"due_pk": "OPERATION#1", "due_at": "2026-01-01T00:00:00.000Z"}
    writes: list[Write] = [
        Put(key(n, "IDEM"), INTENT, conditions.key_free("2026-01-01T00:00:00.000Z")),
        Update(key(n), conditions.confirmable(1), set={"status": "PROCESSING", "version": 2}),
        Put(key(n, "OP"), {**INTENT, **due}, NOT_CREATED),
        Put(key(n, "EVENT"), INTENT, NOT_CREATED),
        Put(key(n, "LEDGER"), INTENT, NOT_CREATED),
    ]
    actions = [{type(write).__name__: write_arguments(write, TABLE)} for write in writes]
    return {"ClientRequestToken": f"{n}", "TransactItems": actions}


def get(n: int) -> dict[str, Any]:
    return {"TableName": TABLE, "Key": wire(n), "ConsistentRead": True}


def batch(n: int) -> dict[str, Any]:
    keys = [wire((n + step) % CALLS) for step in range(4)]
    return {"RequestItems": {TABLE: {"Keys": keys, "ConsistentRead": True}}}


def query(n: int) -> dict[str, Any]:
    return {
        "TableName": TABLE,
        "KeyConditionExpression": "#pk = :pk",
        "ExpressionAttributeNames": {"#pk": "pk"},
        "ExpressionAttributeValues": {":pk": {"S": key(n).pk}},
        "ConsistentRead": True,
        "ScanIndexForward": True,
        "Limit": 1000,
    }


def listing(n: int) -> dict[str, Any]:
    return {
        "TableName": TABLE,
        "IndexName": "by_time",
        "KeyConditionExpression": "#list_pk = :pk AND #list_sk < :before",
        "ExpressionAttributeNames": {"#list_pk": "list_pk", "#list_sk": "list_sk"},
        "ExpressionAttributeValues": {
            ":pk": {"S": "mer_1#test#LIST#1"},
            ":before": {"S": "2026#000200"},
        },
        "ScanIndexForward": False,
        "Limit": 20,
    }


if __name__ == "__main__":
    main()
