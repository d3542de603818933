"""Answers that never come, on a real wire."""

from __future__ import annotations

import pytest

from tests.stack.live import Live


@pytest.mark.parametrize("number", ["4000009900000012", "4000009900000020"])
def test_a_charge_without_an_answer_is_202_and_adopted_on_read(live: Live, number: str) -> None:
    answer = live.pay(1234, number)
    assert answer.status == 202, answer.text
    assert answer.body["status_detail"] == "OUTCOME_UNKNOWN"
    read = live.get(f"payment_intents/{answer.body['intent_id']}").body
    assert (read["status"], read["amount_captured_cents"]) == ("SUCCEEDED", 1234)
    assert live.moved(read["intent_id"], "AUTHORIZE") == 1234


def test_a_lost_request_is_sent_again_on_read(live: Live) -> None:
    answer = live.pay(1234, "4000009900000038")
    assert answer.status == 202, answer.text
    assert live.books(answer.body["intent_id"]) == []
    read = live.get(f"payment_intents/{answer.body['intent_id']}").body
    assert (read["status"], read["amount_captured_cents"]) == ("SUCCEEDED", 1234)
    assert live.moved(read["intent_id"], "AUTHORIZE") == 1234
