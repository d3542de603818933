"""What the functions keep of decisions is what `export` reads: real handlers, moto's tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from farthing import runtime
from farthing_cli.app import app
from farthing_cli.place import Place
from tests.support.rules import publish, rule
from tests.support.stack import DECLINED, Stack

BLOCKED, REVIEWED = "4100000000000019", "4000000000009235"
UNSENT = {"hold": "NOT_SENT", "days": 3}


class Formation:
    """CloudFormation: what the stack gives out."""

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        assert StackName == "farthing-test"
        output = {"OutputKey": "PaymentsTable", "OutputValue": runtime.table_names()["payments"]}
        return {"Stacks": [{"Outputs": [output]}]}


@pytest.fixture
def place(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    client = lambda service: (  # noqa: E731
        Formation() if service == "cloudformation" else boto3.client(service)
    )
    monkeypatch.setattr(Place, "of", lambda _: Place("farthing-test", client))


def run(*arguments: Any) -> Any:
    ran = CliRunner().invoke(app, ["fraud", *map(str, arguments)])
    assert ran.exit_code == 0, (ran.output, ran.exception)
    return ran


def test_each_decision_of_a_stack_is_exported_and_comes_out_as_it_was(
    stack: Stack, place: None, tmp_path: Path
) -> None:
    # Given payments that were taken, declined by the issuer, blocked
    paid, refunded = (pay(stack) for _ in range(2))
    declined, blocked = pay(stack, number=DECLINED), pay(stack, number=BLOCKED)
    back = {"payment_intent_id": refunded["intent_id"], "reason": "fraudulent"}
    assert stack.post("refunds", back).status == 201
    # And some that were held: one approved, one called fraud
    approved, fraud = (pay(stack, number=REVIEWED) for _ in range(2))
    answer(stack, approved, "approve")
    answer(stack, fraud, "decline", is_fraud=True)
    # And the same where nothing is sent before, under rules that its merchant published
    publish(rule("REVIEW"), reviews=UNSENT)
    sent, never = (pay(stack) for _ in range(2))
    answer(stack, sent, "approve")
    answer(stack, never, "decline", is_fraud=True)
    # When they are exported
    data = tmp_path / "payments.ndjson"
    run("export", "--into", data)
    lines = {one["payment"]: one for one in map(json.loads, data.read_text().splitlines())}
    # Then each is one line, with what became of it
    told = [
        (lines[one["intent_id"]]["outcome"], lines[one["intent_id"]]["label_source"])
        for one in (paid, refunded, declined, blocked, approved, fraud, sent, never)
    ]
    assert told == [
        ("APPROVED", None),
        ("APPROVED", "REFUND"),
        ("DECLINED", None),
        ("BLOCKED", None),
        ("APPROVED", None),
        ("VOIDED", "REVIEW"),
        ("APPROVED", None),
        ("HELD", "REVIEW"),
    ]
    assert len(data.read_text().splitlines()) == len(told)
    # And has its features, and comes out as it was
    assert all(one["decision"]["known"]["features"] for one in lines.values())
    said = run("backtest", "--data", data, "--check").stdout
    assert "6 decisions under version 0 come out as they were; 2 were made under other" in said


def pay(stack: Stack, **more: Any) -> dict[str, Any]:
    """The payment, also where it failed."""
    body: dict[str, Any] = stack.pay(**more).body
    return body.get("payment_intent") or body


def answer(stack: Stack, shown: dict[str, Any], verb: str, **body: bool) -> None:
    done = stack.post(f"reviews/{shown['review_id']}/{verb}", body)
    assert done.status == 200, done.text
