"""What must be true of the books, whatever became of a payment's disputes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import boto3

from farthing.payments.intent import Intent
from farthing.store.item import item_from_wire
from tests.support.stack import Stack

SIGNS = {"DEBIT": 1, "CREDIT": -1}


def rows(stack: Stack, entity: str, intent_id: str) -> list[dict[str, Any]]:
    """A payment's rows of one kind."""
    found = boto3.client("dynamodb").scan(
        TableName="PaymentsTable",
        FilterExpression="entity = :entity AND intent_id = :intent",
        ExpressionAttributeValues={":entity": {"S": entity}, ":intent": {"S": intent_id}},
    )
    return [item_from_wire(row) for row in found["Items"]]


def told(stack: Stack, intent_id: str) -> list[str]:
    """The types of a payment's events, in order."""
    events = sorted(rows(stack, "event", intent_id), key=lambda row: int(row["sequence"]))
    return [row["type"] for row in events]


def balances(stack: Stack, intent_id: str) -> dict[str, int]:
    """Debits less credits of each account; zero ones are left out."""
    sums: Counter[str] = Counter()
    for transaction in rows(stack, "ledger_transaction", intent_id):
        for posting in transaction["postings"]:
            sums[posting["account"]] += SIGNS[posting["side"]] * posting["amount_cents"]
    return {account: total for account, total in sums.items() if total}


def moved(stack: Stack, intent_id: str) -> list[tuple[str, str, int]]:
    """(operation, reference, amount) of each settlement entry, in order."""
    found = rows(stack, "settlement_entry", intent_id)
    return sorted((row["operation"], row["reference"], row["amount_cents"]) for row in found)


def theirs(stack: Stack, intent_id: str) -> list[tuple[str, str, int]]:
    """The same of the acquirer's books."""
    taking = {"AUTHORIZE", "VOID"}
    return sorted(
        (row["operation"], row["reference"], row["amount_cents"])
        for row in stack.books(order_id=intent_id)
        if row["operation"] not in taking and row["status"] == "APPROVED"
    )


def intent_of(stack: Stack, intent_id: str) -> Intent:
    """The payment as it is written."""
    (row,) = rows(stack, "intent", intent_id)
    return Intent.from_item(row)


def require_sound(stack: Stack, intent_id: str) -> None:
    """The laws: the counters balance, and settlement entries are what the acquirer moved."""
    intent = intent_of(stack, intent_id)
    refunds = rows(stack, "refund", intent_id)
    on_their_way = sum(row["amount_cents"] for row in refunds if row["status"] == "PENDING")
    assert intent.amount_captured + intent.amount_overdrawn == (
        intent.amount_refundable
        + intent.amount_refunded
        + on_their_way
        + intent.amount_returned
        + intent.amount_disputed
    )
    assert min(intent.amount_refundable, intent.amount_overdrawn, intent.open_disputes) >= 0
    assert sum(balances(stack, intent_id).values()) == 0
    events = rows(stack, "event", intent_id)
    assert sorted(row["sequence"] for row in events) == list(range(1, len(events) + 1))
    assert intent.event_sequence == len(events)
    assert moved(stack, intent_id) == theirs(stack, intent_id)
