"""Fifty at once, over HTTP, on real transactions."""

from __future__ import annotations

import time
import uuid

from tests.stack.live import Answer, Live
from tests.support.threads import at_once

AT_ONCE = 50


def test_fifty_creates_with_one_key_make_one_charge(live: Live) -> None:
    body = {"amount_cents": 700, "currency": "eur", "confirm": True, "token": live.token()}
    key = str(uuid.uuid4())

    def create(_: int) -> Answer:
        return live.post("payment_intents", body, key=key)

    answers = at_once(create, range(AT_ONCE), AT_ONCE)
    # Then each is the same body, or is told when to come back
    assert {a.status for a in answers} <= {201, 409}, {a.text for a in answers}
    assert all(int(a.headers["Retry-After"]) > 0 for a in answers if a.status == 409)
    assert len({a.text for a in answers if a.status == 201}) == 1
    # And after a retry all are equal
    time.sleep(2)
    again = at_once(create, range(AT_ONCE), AT_ONCE)
    assert {(a.status, a.text) for a in again} == {
        (201, next(a.text for a in answers if a.status == 201))
    }
    # And the acquirer's books show one authorization
    books = live.books(again[0].body["intent_id"])
    assert [(row["operation"], row["amount_cents"]) for row in books] == [
        ("AUTHORIZE", 700),
        ("CAPTURE", 700),
    ]


def test_fifty_refunds_of_30_on_100_give_back_at_most_100(live: Live) -> None:
    intent_id = live.pay(100).body["intent_id"]
    body = {"payment_intent_id": intent_id, "amount_cents": 30}
    answers = at_once(lambda _: live.post("refunds", body), range(AT_ONCE), AT_ONCE)
    assert {a.status for a in answers} <= {201, 409}, {a.text for a in answers}
    assert sum(a.status == 201 for a in answers) == 3
    assert live.moved(intent_id, "REFUND") == 90
    assert live.get(f"payment_intents/{intent_id}").body["amount_refunded_cents"] == 90


def test_fifty_payments_of_one_checkout_session_make_one_charge(live: Live) -> None:
    # Given a session, and a link that was opened in many tabs, each with a card typed in
    item = {"name": "Coffee", "quantity": 1, "amount_cents": 457}
    back = {name: live.dev["shop_url"] for name in ("success_url", "cancel_url")}
    wanted = {"line_items": [item], "currency": "eur", **back}
    session = live.post("checkout_sessions", wanted).body
    path, payer = f"checkout_sessions/{session['session_id']}", session["url"].partition("#")[2]
    tokens = [live.token(secret=payer) for _ in range(5)]

    def pay(number: int) -> Answer:
        # When each is paid ten times, under keys of their own
        return live.post(f"{path}/pay", {"token": tokens[number % 5]}, secret=payer)

    answers = at_once(pay, range(AT_ONCE), AT_ONCE)
    # Then one of them paid, and the others were told that another one does
    assert {a.status for a in answers} <= {200, 409}, {a.text for a in answers}
    assert sum(a.status == 200 for a in answers) == 1
    paid = live.get(path).body
    assert paid["status"] == "PAID"
    assert live.moved(paid["payment_intent_id"], "CAPTURE") == 457
    # And nobody began another payment of it
    newest = live.get("payment_intents?limit=100").body["data"]
    assert [one["intent_id"] for one in newest if one["amount_cents"] == 457] == [
        paid["payment_intent_id"]
    ]
