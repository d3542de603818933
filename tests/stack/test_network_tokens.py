"""A saved card's network token, from the first charge to the card that its issuer sent anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.stack.live import Live

REPLACED = "4000009900000129"
SOON_SECONDS = 60


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
