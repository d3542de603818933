"""Disputes on the local stack: told by the sandbox, answered with a document, decided."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

from tests.stack.live import Live

DISPUTED, COMES_BACK = "4000000000000259", "4000009900000186"
SOON_SECONDS = 40
PDF = base64.b64encode(b"%PDF-1.7 a receipt").decode()


def soon(fact: Callable[[], Any]) -> Any:
    """What `fact` says once it says anything."""
    for _ in range(SOON_SECONDS * 4):
        if said := fact():
            return said
        time.sleep(0.25)
    raise AssertionError(f"not in {SOON_SECONDS} s")


def test_disputes_are_won_and_lost_and_a_refund_comes_back(live: Live) -> None:
    # Given two payments that will be disputed, and a refund that will come back
    won, lost = (live.pay(1999, DISPUTED).body["intent_id"] for _ in range(2))
    returned = live.pay(700, COMES_BACK).body["intent_id"]
    refund = live.post("refunds", {"payment_intent_id": returned}).body
    # When the sandbox opens them, Then each is known
    first, second = (soon(lambda one=one: dispute_of(live, one)) for one in (won, lost))
    assert (first["stage"], first["status"]) == ("CHARGEBACK", "NEEDS_RESPONSE")
    refused = live.post("refunds", {"payment_intent_id": won})
    assert (refused.status, refused.body["code"]) == (409, "payment_disputed"), refused.text
    # When one is answered, with a document that is kept and sent, and the other is accepted
    path = f"disputes/{first['dispute_id']}/evidence"
    file = {"purpose": "receipt", "name": "r.pdf", "content_type": "application/pdf"}
    kept = live.post(path, {"files": [file | {"content": PDF}]})
    assert kept.status == 200, kept.text
    sent = live.post(path, {"uncategorized_text": "WINNING_EVIDENCE", "submit": True})
    assert (sent.status, sent.body["status"]) == (200, "UNDER_REVIEW"), sent.text
    given = live.post(f"disputes/{second['dispute_id']}/accept", {})
    assert (given.status, given.body["status"]) == (200, "LOST"), given.text
    # Then the one is won, and told so
    soon(lambda: live.get(f"disputes/{first['dispute_id']}").body["status"] == "WON")
    assert [event["type"] for event in live.told(won)][2:] == [
        "dispute.opened",
        "dispute.updated",
        "dispute.won",
    ]
    assert live.moved(won, "DISPUTE") == live.moved(won, "DISPUTE_REVERSAL") == 1999
    assert live.moved(lost, "DISPUTE_REVERSAL") == 0
    # and the refund came back
    soon(lambda: live.get(f"refunds/{refund['refund_id']}").body["returned"])
    assert live.moved(returned, "REFUND_RETURN") == 700
    # and the hourly run has the grants that it needs
    answer = live.aws("lambda").invoke(
        FunctionName=f"{live.dev['stack_name']}-dispute_deadlines", Payload=b"{}"
    )
    assert "FunctionError" not in answer, answer["Payload"].read()


def dispute_of(live: Live, intent_id: str) -> Any:
    """The payment's dispute, once there is one."""
    found = live.get(f"disputes?payment_intent_id={intent_id}").body["data"]
    return found[0] if found else None
