"""What becomes known later, by message: a card that its issuer replaced, a debit that went back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.stack.live import Live
from tests.support.methods import RETURNED, sepa

REPLACED = "4000009900000129"
SOON_SECONDS = 60


@pytest.fixture(scope="module", autouse=True)
def debited(live: Live) -> str:
    """A debit whose payer takes the money back. It is begun first: banks are slow."""
    typed = sepa(RETURNED)
    secret = live.dev["secret_key"]
    token = live.call("POST", "/v1/tokens", typed, secret=secret, base="tokens_url").body["token"]
    body = {"amount_cents": 1999, "currency": "eur", "confirm": True, "token": token}
    begun = live.post("payment_intents", body)
    assert (begun.status, begun.body["status_detail"]) == (202, "AWAITING_BANK"), begun.text
    intent_id: str = begun.body["intent_id"]
    return intent_id


def test_a_replaced_card_is_known_by_its_token_and_pays_on(live: Live) -> None:
    # Given a saved card that was charged
    token = live.token(REPLACED)
    customer_id = live.post("customers", {}).body["customer_id"]
    saved = live.post("payment_methods", {"customer_id": customer_id, "token": token}).body
    path = f"payment_methods/{saved['method_id']}"
    assert pay(live, path)["via"] == "CARD"
    # When the minute's tick comes, Then it has a network token
    live.aws("lambda").invoke(
        FunctionName=f"{live.dev['stack_name']}-resolve_unknown", Payload=b"{}"
    )
    assert soon(lambda: live.get(path).body["network_token"])["status"] == "ACTIVE"
    # When its issuer replaces the card, and the service tells, Then the new one is shown
    assert soon(lambda: live.get(path).body["last_four"] == "0137")
    # And it is charged by token, where the old number would be declined
    assert pay(live, path)["via"] == "NETWORK_TOKEN"


def test_a_debit_is_decided_and_goes_back_and_each_is_told(live: Live, debited: str) -> None:
    # When nobody reads the payment, and the acquirer tells what its bank did
    soon(lambda: "payment_intent.returned" in types_told(live, debited))
    # Then each step was told once, in its order
    assert types_told(live, debited) == [
        "payment_intent.created",
        "payment_intent.processing",
        "payment_intent.succeeded",
        "payment_intent.returned",
    ]
    # And the payment stays what it was, beside what came of it
    payment = live.get(f"payment_intents/{debited}").body
    assert (payment["status"], payment["amount_returned_cents"]) == ("SUCCEEDED", 1999)
    assert payment["returned"]["reason_code"] == "CLAIMED_BACK"
    assert live.moved(debited, "RETURN") == 1999


def types_told(live: Live, intent_id: str) -> list[str]:
    """The types of a payment's events, in their order."""
    return [event["type"] for event in live.told(intent_id)]


def pay(live: Live, path: str) -> dict[str, Any]:
    """A charge of a saved card: what the acquirer has of it."""
    method_id = path.partition("/")[2]
    body = {"amount_cents": 700, "currency": "eur", "confirm": True, "payment_method_id": method_id}
    paid = live.post("payment_intents", body)
    assert (paid.status, paid.body["status"]) == (201, "SUCCEEDED"), paid.text
    return live.books(paid.body["intent_id"])[0]


def soon(fact: Callable[[], Any]) -> Any:
    """What `fact` says once it says anything."""
    for _ in range(SOON_SECONDS * 2):
        if said := fact():
            return said
        time.sleep(0.5)
    raise AssertionError(f"not in {SOON_SECONDS} s")
