"""What each scenario does: an act takes the demo merchant and what was given, and says which
object's events are to come."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from farthing_cli.api import part
from farthing_cli.failure import Failure
from farthing_cli.webhooks.demo import Demo

Given = Mapping[str, Any]
"""Overrides and defaults; `payment` if one was named."""

MANUAL = {"capture_method": "MANUAL"}
BANK_DECIDES_SECONDS, BANK_TAKES_BACK_SECONDS = 21, 31
DISPUTED_AFTER_SECONDS, REFUND_COMES_BACK_SECONDS = 11, 21
LOOKS, LOOK_PAUSE_SECONDS = 60, 0.5


def charge(demo: Demo, given: Given) -> str:
    """A card pays; or a payment that is held is captured."""
    if "payment" in given:
        demo.act(given["payment"], "capture")
        return str(given["payment"])
    return _id(demo.pay(given, token=demo.card(given["card"])))


def hold(demo: Demo, given: Given) -> str:
    """The money is held, to be captured later."""
    return _id(demo.pay(given, token=demo.card(given["card"]), **MANUAL))


def cancel(demo: Demo, given: Given) -> str:
    """A hold is given up."""
    intent_id = given["payment"] if "payment" in given else hold(demo, given)
    demo.act(intent_id, "cancel")
    return str(intent_id)


def debit(demo: Demo, given: Given) -> str:
    """A bank account pays, which takes its time."""
    return _id(demo.pay(given, token=demo.account(given["iban"])))


def refund(demo: Demo, given: Given) -> str:
    """A payment is given back."""
    intent_id = given["payment"] if "payment" in given else charge(demo, given)
    cents = given["refund_cents"]
    amount = {} if cents is None else {"amount_cents": cents}
    demo.post("/v1/refunds", {"payment_intent_id": intent_id} | amount)
    return str(intent_id)


def refund_too_late(demo: Demo, given: Given) -> str:
    """A refund of money that the payer's bank has just taken back, before anybody told us."""
    intent_id = debit(demo, given)
    demo.advance(BANK_DECIDES_SECONDS)
    for _ in range(LOOKS):
        if demo.payment(intent_id)["status"] == "SUCCEEDED":
            break
        time.sleep(LOOK_PAUSE_SECONDS)
    demo.advance(BANK_TAKES_BACK_SECONDS)
    status, answer = demo.api.ask(
        "POST", "/v1/refunds", {"payment_intent_id": intent_id}, f"late-{intent_id}"
    )
    if status >= 400 and answer.get("code") != "card_declined":
        raise Failure(f"The refund was not even sent: {status} {answer.get('code')}")
    return intent_id


def refund_that_comes_back(demo: Demo, given: Given) -> str:
    """A refund that succeeds, and that the payer's bank sends back."""
    intent_id = refund(demo, given)
    demo.advance(REFUND_COMES_BACK_SECONDS)
    return intent_id


def dispute(demo: Demo, given: Given) -> str:
    """A payment whose payer disputes it."""
    return charge(demo, given)


def decide_dispute(demo: Demo, given: Given) -> str:
    """A dispute is answered by evidence, or accepted, and decided."""
    intent_id = charge(demo, given)
    demo.advance(DISPUTED_AFTER_SECONDS)
    for _ in range(LOOKS):
        query = {"payment_intent_id": intent_id}
        if found := demo.api.get("/v1/disputes", **query)["data"]:
            break
        time.sleep(LOOK_PAUSE_SECONDS)
    else:
        raise Failure(f"Nobody disputes {intent_id}.")
    path = f"/v1/disputes/{part(found[0]['dispute_id'])}"
    if given["evidence"] == "none":
        demo.post(f"{path}/accept", {})
    else:
        demo.post(f"{path}/evidence", {"uncategorized_text": given["evidence"], "submit": True})
    return intent_id


def await_review(demo: Demo, given: Given) -> str:
    """A payment that a person is to look at."""
    return _id(demo.pay(given, token=demo.card(given["card"])))


def review(demo: Demo, given: Given) -> str:
    """A person looks, and says yes or no."""
    if given["answer"] not in {"approve", "decline"}:
        raise Failure("answer is approve or decline.")
    intent_id = given["payment"] if "payment" in given else await_review(demo, given)
    review_id = demo.payment(intent_id).get("review_id")
    if review_id is None:
        raise Failure(f"{intent_id} waits for nobody.")
    demo.post(f"/v1/reviews/{part(review_id)}/{given['answer']}", {"reviewer": "farthing trigger"})
    return str(intent_id)


def expire_session(demo: Demo, given: Given) -> str:
    """A checkout session that nobody pays is ended."""
    tea = {"name": "Tea", "quantity": 1, "amount_cents": given["amount_cents"]}
    back = f"{demo.dev.shop_url}/"
    asked = {"line_items": [tea], "currency": given["currency"]}
    session = demo.post("/v1/checkout_sessions", asked | {"success_url": back, "cancel_url": back})
    demo.post(f"/v1/checkout_sessions/{part(session['session_id'])}/expire", {})
    return str(session["session_id"])


def save_card(demo: Demo, given: Given) -> str:
    """A saved card is charged, and so it gets a network token at the minute's tick."""
    customer = demo.post("/v1/customers", {})["customer_id"]
    saved = {"customer_id": customer, "token": demo.card(given["card"])}
    method_id = demo.post("/v1/payment_methods", saved)["method_id"]
    demo.pay(given, payment_method_id=method_id)
    demo.tick()
    return str(method_id)


def _id(payment: Mapping[str, Any]) -> str:
    return str(payment["intent_id"])
