"""Who takes a payment: the connector of its currency, decided once."""

from __future__ import annotations

import boto3

from farthing.access.account import Settings
from tests.support.stack import Stack


def rows(kind: str) -> list[dict[str, str]]:
    items = boto3.client("dynamodb").scan(TableName="PaymentsTable")["Items"]
    return [item for item in items if item["entity"]["S"] == kind]


def test_a_currency_that_nobody_takes_is_refused_and_nothing_is_written(stack: Stack) -> None:
    """Given a merchant with a connector for dollars alone, when it confirms in euros."""
    token = stack.token()
    body = {"amount_cents": 100, "currency": "eur", "confirm": True, "token": token}
    before = rows("intent") + rows("operation") + rows("idempotency")

    answer = stack.post("payment_intents", body, settings=Settings({"usd": "sandbox"}))

    assert answer.status == 400
    assert answer.body["fields"][0]["field"] == "currency"
    assert rows("intent") + rows("operation") + rows("idempotency") == before
    again = stack.post("payment_intents", body, settings=Settings({"*": "sandbox"}))
    assert again.status == 201, "the token was not used up"


def test_what_follows_goes_where_it_was_authorized(stack: Stack) -> None:
    """Given a held payment, when the merchant's connectors change before its capture."""
    held = stack.pay(capture_method="MANUAL")
    intent_id = held.body["intent_id"]

    captured = stack.post(
        f"payment_intents/{intent_id}/capture", {}, settings=Settings({"*": "another"})
    )

    assert captured.status == 200, captured.text
    assert {row["connector"]["S"] for row in rows("operation")} == {"sandbox"}
