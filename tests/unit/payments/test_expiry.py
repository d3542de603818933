"""Which authorizations have run out, and which are left alone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from farthing.payments import begin, states
from farthing.payments.expiry import has_run_out
from farthing.payments.intent import Authorization, CaptureMethod, Intent
from farthing.store import TenantScope
from tests.support.lambdas import MERCHANT, Context, load
from tests.support.stack import Stack

EARLIER, NOW, LATER = (f"2026-11-22T{hour}:00:00.000Z" for hour in ("08", "09", "10"))
DAY = 24 * 60 * 60


def held(expires_at: str | None, **more: Any) -> Intent:
    intent = Intent(TenantScope("mer_a", "test"), "pi_1", 9, "eur", CaptureMethod.MANUAL, EARLIER)
    authorization = Authorization("REF", "C", "N", expires_at, 9)
    (status, detail) = states.AUTHORIZED
    values = {"status": status, "status_detail": detail, "authorization": authorization}
    return replace(intent, **(values | more))


@pytest.mark.parametrize(
    ("intent", "wanted"),
    [
        (held(EARLIER), True),
        (held(NOW), True),
        (held(LATER), False),
        (held(None), False),
        (held(EARLIER, authorization=None), False),
        (held(EARLIER, open_operation="op_1"), False),
        (held(EARLIER, status_detail=None), False),
        (held(EARLIER, status=states.Status.SUCCEEDED, status_detail=None), False),
        (held(EARLIER, status_detail=states.Detail.OUTCOME_UNKNOWN), False),
    ],
)
def test_only_money_that_is_held_and_left_runs_out(intent: Intent, wanted: bool) -> None:
    assert has_run_out(intent, NOW) is wanted


def expire(intent_id: str, seconds_left: int = 60) -> dict[str, Any]:
    body = {"expiry": f"{MERCHANT}/test/{intent_id}"}
    event = {"Records": [{"messageId": "m", "body": json.dumps(body)}]}
    context = Context(remaining_milliseconds=seconds_left * 1000)
    answer: dict[str, Any] = load("resolve_unknown").handler(event, context)
    return answer


def test_a_message_that_comes_after_its_time_changes_nothing(stack: Stack) -> None:
    # Given a payment that was captured, and one of which nobody knows anything
    paid = stack.pay(100, capture_method="MANUAL").body["intent_id"]
    stack.post(f"payment_intents/{paid}/capture", {})
    stack.advance(7 * DAY + 1)
    for intent_id in (paid, "pi_00000000000000000000000000"):
        assert expire(intent_id) == {"batchItemFailures": []}
    assert stack.get(f"payment_intents/{paid}").body["status"] == "SUCCEEDED"


def test_whoever_was_faster_wins(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given somebody who captures between the read of the payment and the write of its void
    intent_id = stack.pay(100, capture_method="MANUAL").body["intent_id"]
    stack.advance(7 * DAY + 1)
    void = begin.void

    def late(*arguments: Any, **more: Any) -> Any:
        stack.post(f"payment_intents/{intent_id}/capture", {})
        return void(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(begin, "void", late)
        expire(intent_id)
    assert ("POST", "/v1/captures") in stack.acquirer.requests
    assert ("POST", "/v1/voids") not in stack.acquirer.requests


def test_without_time_for_an_answer_nothing_is_begun(stack: Stack) -> None:
    intent_id = stack.pay(100, capture_method="MANUAL").body["intent_id"]
    stack.advance(7 * DAY + 1)
    assert expire(intent_id, seconds_left=20) == {"batchItemFailures": []}
    assert [row["kind"]["S"] for row in stack.items("operation")] == ["AUTHORIZE"]
    expire(intent_id)
    assert stack.get(f"payment_intents/{intent_id}").body["status_detail"] == "EXPIRED"
