"""What each operation costs: AWS calls, counted at the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient

from tests.support.stack import Stack

WRITES = {"TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem"}
READS = {"GetItem", "BatchGetItem", "Query"}

Call = tuple[str, str]


class Meter:
    """Counts calls by (operation, table)."""

    def __init__(self) -> None:
        self.calls: Counter[Call] = Counter()

    @contextmanager
    def on(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        real = BaseClient._make_api_call

        def count(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            for table in tables_of(operation, parameters):
                self.calls[operation, table] += 1
            return real(client, operation, parameters)

        with monkeypatch.context() as patch:
            patch.setattr(BaseClient, "_make_api_call", count)
            yield

    def of(self, operations: set[str], table: str) -> int:
        return sum(
            count
            for (name, where), count in self.calls.items()
            if name in operations and where == table
        )


def tables_of(operation: str, parameters: dict[str, Any]) -> set[str]:
    """The tables of a call, or the call's own name if it has none."""
    if operation == "TransactWriteItems":
        return {next(iter(w.values()))["TableName"] for w in parameters["TransactItems"]}
    if operation == "BatchGetItem":
        return set(parameters["RequestItems"])
    return {parameters.get("TableName", "-")}


def test_a_charge_makes_two_transactions_and_as_few_reads_as_it_can(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.pay()
    customer = stack.post("customers", {}).body["customer_id"]
    method = {"customer_id": customer, "type": "CARD", "token": stack.token()}
    method_id = stack.post("payment_methods", method).body["method_id"]
    token, key = stack.token(), "replayed"
    body = {"amount_cents": 100, "currency": "eur", "confirm": True, "token": stack.token()}
    stack.post("payment_intents", body, key=key)
    new = {"amount_cents": 100, "currency": "eur", "token": stack.token()}
    created = stack.post("payment_intents", new).body["intent_id"]
    held = [stack.pay(capture_method="MANUAL").body["intent_id"] for _ in range(2)]
    paid = stack.pay().body["intent_id"]
    steps = {
        "create and confirm, token": lambda: stack.pay(token=token),
        "create and confirm, saved card": lambda: stack.pay(payment_method_id=method_id),
        "confirm": lambda: stack.post(f"payment_intents/{created}/confirm", {}),
        "capture": lambda: stack.post(f"payment_intents/{held[0]}/capture", {}),
        "cancel (void)": lambda: stack.post(f"payment_intents/{held[1]}/cancel", {}),
        "refund": lambda: stack.refund(paid, 30),
        "replay": lambda: stack.post("payment_intents", body, key=key),
        "retrieve": lambda: stack.get(f"payment_intents/{paid}"),
    }
    table = [f"{'operation':32}{'transactions':>14}{'reads':>8}{'risk':>10}{'vault':>8}{'KMS':>6}"]
    costs, risks = {}, {}
    for name, step in steps.items():
        meter = Meter()
        with meter.on(monkeypatch):
            answer = step()
        assert answer.status in {200, 201}, answer.text
        vault = meter.of(READS | WRITES, "VaultTable")
        kms = sum(n for (op, _), n in meter.calls.items() if op == "Decrypt")
        costs[name] = (meter.of(WRITES, "PaymentsTable"), meter.of(READS, "PaymentsTable"))
        risks[name] = (meter.of(WRITES, "RiskTable"), meter.of(READS, "RiskTable"))
        written, read = risks[name]
        risk = f"{written} + {read}"
        table.append(
            f"{name:32}{costs[name][0]:>14}{costs[name][1]:>8}{risk:>10}{vault:>8}{kms:>6}"
        )
    with capsys.disabled():
        print("\nAWS calls in the payments path\n" + "\n".join(table))
    # A saved card's customer is read with what the card names, to know their e-mail
    for name in list(steps)[:5]:
        assert costs[name] == (2, 3 if "saved" in name else 2), name
    # What is in force, and what the card names; after the outcome, what its payer pays
    assert all(risks[name] == (3, 3) for name in list(steps)[:3])
    assert all(risks[name] == (0, 0) for name in list(steps)[3:6] + list(steps)[7:])
    assert costs["refund"] == (2, 3)
    assert costs["replay"] == (0, 1)
    assert costs["retrieve"] == (0, 1)
