"""Payments that are not just sent: a card tester, and a person who looks, on the whole stack."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from tests.stack.live import Answer, Live
from tests.stack.receiver import Receiver
from tests.support.threads import at_once

DECLINED = "4000000000009995"
REVIEWED = "4000000000009235"
BLOCKED = "4100000000000019"
AT_ONCE = 16
LET_IN = 4
"""More than three failures, or attempts that are not over, stop the next one."""


def outcome(answer: Answer) -> str:
    return str(answer.body.get("code") or answer.body["status"])


def test_of_a_card_testers_attempts_at_once_four_are_sent(live: Live) -> None:
    """Given one stolen card, and everybody at once; the windows are exact on real transactions."""
    address = {"ip_address": "192.0.2.17"}
    tokens = [live.token(DECLINED) for _ in range(AT_ONCE)]
    answers = at_once(lambda token: live.pay(700, token=token, **address), tokens, AT_ONCE)
    told = Counter(map(outcome, answers))
    assert told == {"card_declined": LET_IN, "blocked_by_fraud": AT_ONCE - LET_IN}
    # And the acquirer was asked as often
    sent = [row for one in answers for row in live.books(one.body["payment_intent"]["intent_id"])]
    assert [row["status"] for row in sent] == ["DECLINED"] * LET_IN
    # Then the address is closed for other cards, too, and opens again
    assert outcome(live.pay(701, **address)) == "blocked_by_fraud"
    live.advance("11m")
    assert outcome(live.pay(702, **address)) == "SUCCEEDED"
    assert outcome(live.pay(703, DECLINED)) == "blocked_by_fraud"
    live.advance("50m")
    assert outcome(live.pay(704, DECLINED)) == "card_declined"


def test_honest_payments_at_once_from_one_address_are_counted_and_let_go(live: Live) -> None:
    address = {"ip_address": "192.0.2.18"}
    for _ in range(3):
        answers = at_once(lambda _: live.pay(710, **address), range(3), 3)
        assert {outcome(one) for one in answers} == {"SUCCEEDED"}, [a.text for a in answers]


@pytest.mark.parametrize(("verb", "status", "moved"), [("approve", 201, 720), ("decline", 402, 0)])
def test_a_payment_waits_for_a_person_and_its_merchant_is_told(
    live: Live, receiver: Receiver, verb: str, status: int, moved: int
) -> None:
    types = ["review.*", "payment_intent.succeeded", "payment_intent.cancelled"]
    endpoint = live.post("webhook_endpoints", {"url": receiver.url, "event_types": types}).body
    token, key = live.token(REVIEWED), f"reviewed-{verb}"
    body = {"amount_cents": 720, "currency": "eur", "confirm": True, "token": token}
    # Given a payment whose money is held
    held = live.post("payment_intents", body, key=key)
    assert (held.status, held.body["status_detail"]) == (202, "REQUIRES_REVIEW")
    receiver.wait_for(1)
    # When many answer at once
    review, answers = held.body["review_id"], []

    def answer(_: int) -> Any:
        return live.post(f"reviews/{review}/{verb}", {"reviewer": "Ada", "note": "looked"})

    answers = at_once(answer, range(6), 6)
    # Then one counts, the key of the payment has its last answer, and all of it was told
    assert sorted(one.status for one in answers) == [200] + [409] * 5
    assert live.post("payment_intents", body, key=key).status == status
    assert live.moved(held.body["intent_id"], "CAPTURE") == moved
    receiver.wait_for(3)
    assert live.get(f"reviews/{review}").body["closed_by"] == "Ada"
    live.call("DELETE", f"/v1/webhook_endpoints/{endpoint['endpoint_id']}")


def test_nobodys_answer_gives_the_money_back(live: Live) -> None:
    held = live.pay(730, REVIEWED).body
    live.advance("5d1m")
    live.farthing("resolve")
    shown = wait_until_over(live, held["intent_id"])
    assert (shown["status"], shown["status_detail"]) == ("CANCELLED", "EXPIRED")
    assert live.moved(held["intent_id"], "VOID") == 730


def wait_until_over(live: Live, intent_id: str) -> dict[str, Any]:
    """What the tick of the minute does was told to be done now."""
    for _ in range(80):
        shown: dict[str, Any] = live.get(f"payment_intents/{intent_id}").body
        if shown["status"] != "PROCESSING":
            return shown
        time.sleep(1)
    return shown


def test_what_is_in_force_counts_from_the_next_payment_on(live: Live) -> None:
    blocked = live.pay(740, BLOCKED)
    assert (blocked.status, outcome(blocked)) == (402, "blocked_by_fraud")
    signals = live.get(
        f"payment_intents/{blocked.body['payment_intent']['intent_id']}/fraud_signals"
    ).body["data"]
    assert {one["signal_type"] for one in signals} >= {"LIST", "MODEL"}
    # Given an address on the block list, then on none
    entry = {"kind": "IP", "value": "192.0.2.19", "action": "BLOCK", "reason": "a test"}
    listed = live.post("fraud/list_entries", entry).body["entry_id"]
    assert outcome(live.pay(741, ip_address="192.0.2.19")) == "blocked_by_fraud"
    live.call("DELETE", f"/v1/fraud/list_entries/{listed}")
    assert outcome(live.pay(742, ip_address="192.0.2.19")) == "SUCCEEDED"
    # And a rule of its own, then gone back from
    before = live.get("fraud/rules").body
    when = [{"field": "amount_cents", "operator": "gt", "value": {"eur": 742}}]
    rule = {"id": "r", "type": "CUSTOM", "status": "ACTIVE", "action": "BLOCK", "reason": "a test"}
    rules = [{**rule, "when": when}]
    published = live.post("fraud/rules", {"document": {"rules": rules}})
    assert published.status == 201, published.text
    assert outcome(live.pay(743)) == "blocked_by_fraud"
    back = live.post(f"fraud/rules/versions/{before['version']}/activate", {})
    assert back.status == 201, back.text
    assert outcome(live.pay(743)) == "SUCCEEDED"
