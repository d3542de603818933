"""Bank accounts and wallets as payers type them, and tokens of them."""

from __future__ import annotations

import json
from typing import Any

from farthing.access.principal import KeyKind
from farthing_sandbox import wallets
from tests.support import inbox
from tests.support.lambdas import MERCHANT, Answer, Context, call, load
from tests.support.stack import Stack

PAYS = "DE73009900000000000004"
REFUSED_LATER = "DE51009900000000000012"
CLOSED = "DE29009900000000000020"
RETURNED = "DE28009900000000000038"
SAYS_NOTHING = "DE06009900000000000046"
NEVER_DECIDES = "DE11009900000000000053"
RETURNED_AT_ONCE = "DE86009900000000000061"
ROUTING_NUMBER = "110000000"

DECIDES_SECONDS = 21
RETURNS_SECONDS = 31
DAY = 24 * 60 * 60

MANDATE = {"accepted_at": "2026-05-04T08:00:00Z", "ip_address": "203.0.113.9"}


def sepa(iban: str = PAYS, **changes: Any) -> dict[str, Any]:
    """A body of POST /v1/tokens; None leaves a field out."""
    body = {"type": "BANK", "iban": iban, "holder_name": "Ada Lovelace", "mandate": MANDATE}
    return {name: value for name, value in (body | changes).items() if value is not None}


def ach(number: str = "000000000004", **changes: Any) -> dict[str, Any]:
    """The same for an account in the United States."""
    named = {"account_number": number, "routing_number": ROUTING_NUMBER}
    return sepa(**({"iban": None} | named | changes))


def wallet(word: str = "approved", name: str = "APPLE_PAY", **changes: Any) -> dict[str, Any]:
    """A payload whose card is approved, declined, or too old."""
    make = wallets.apple_pay if name == "APPLE_PAY" else wallets.google_pay
    return {"type": "WALLET", "wallet": name, "payload": make(word)} | changes


def tokenised(body: Any, *, kind: KeyKind = KeyKind.PUBLISHABLE, **more: Any) -> Answer:
    """The answer to POST /v1/tokens."""
    return call("tokens", "POST", "/v1/tokens", body, kind=kind, **more)


def token(body: Any, merchant_id: str = MERCHANT) -> str:
    """The token of one."""
    answer = tokenised(body, merchant_id=merchant_id)
    assert answer.status == 201, answer.text
    made: str = answer.body["token"]
    return made


def debit(stack: Stack, iban: str = PAYS, amount_cents: int = 1000, **more: Any) -> Answer:
    """A payment by a new token of an account."""
    return stack.pay(amount_cents, token=token(sepa(iban)), **more)


def operation_of(stack: Stack, intent_id: str) -> dict[str, Any]:
    """The row of a payment's authorization."""
    (row,) = [
        row
        for row in stack.items("operation")
        if row["intent_id"]["S"] == intent_id and row["kind"]["S"] == "AUTHORIZE"
    ]
    return row


def address_of(row: dict[str, Any]) -> str:
    """An operation's address, as the queues carry it."""
    names = ("merchant_id", "mode", "intent_id", "operation_id")
    return "/".join(row[name]["S"] for name in names)


def look(address: str) -> None:
    """A message of the queue: look into an operation."""
    body = json.dumps({"operation": address})
    event = {"Records": [{"messageId": "m", "body": body}]}
    answer = load("resolve_unknown").handler(event, Context(remaining_milliseconds=60_000))
    assert answer == {"batchItemFailures": []}


def hear(row: dict[str, Any], what: str) -> None:
    """The acquirer says that something became of a debit; its message has come to our queue."""
    data = {
        "reference": row["reference"]["S"],
        "order_id": row["intent_id"]["S"],
        "merchant_reference": f"{row['merchant_id']['S']}:{row['mode']['S']}",
        "operation": what,
        "status": "APPROVED",
    }
    body = {"id": "wh_1", "type": "debit.updated", "data": data}
    event_id = f"wh_{len(inbox.rows())}"
    assert inbox.work_off(inbox.heard("sandbox", body, event_id=event_id)) == []


def tick() -> dict[str, Any]:
    """The minute's tick."""
    seen: dict[str, Any] = load("resolve_unknown").handler(
        {}, Context(remaining_milliseconds=60_000)
    )
    return seen


def told(stack: Stack, intent_id: str) -> list[str]:
    """The types of a payment's events, in order."""
    events = [row for row in stack.items("event") if row["intent_id"]["S"] == intent_id]
    events.sort(key=lambda row: int(row["sequence"]["N"]))
    return [row["type"]["S"] for row in events]
