"""A bank account is debited: pending for days, and known all the while."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest

from farthing.acquiring.sandbox import CAPABILITIES, NoUsableAnswer
from farthing.method_type import MethodType
from farthing.payments import wiring
from farthing.payments.debit import PENDING_GIVEN_UP_SECONDS
from tests.support import methods
from tests.support.methods import DAY, DECIDES_SECONDS, debit, hear, look, operation_of, told
from tests.support.stack import Exchanged, Stack
from tests.unit.payments.test_recovery import by_hand, lost


def shown(stack: Stack, intent_id: str) -> dict[str, Any]:
    """The payment as a list shows it: nobody is asked for that."""
    rows: list[dict[str, Any]] = stack.get("payment_intents").body["data"]
    return next(row for row in rows if row["intent_id"] == intent_id)


def state(intent: dict[str, Any]) -> tuple[str, str | None]:
    return intent["status"], intent["status_detail"]


def test_a_debit_is_accepted_and_waits_for_the_bank(stack: Stack) -> None:
    # When a debit is asked for
    answer = debit(stack, key="k")
    # Then the acquirer has it, and nothing has moved
    assert answer.status == 202
    assert state(answer.body) == ("PROCESSING", "AWAITING_BANK")
    assert answer.body["outcome"] == "PENDING"
    assert answer.body["amount_captured_cents"] == 0
    intent_id = answer.body["intent_id"]
    assert stack.books(order_id=intent_id) == []
    assert told(stack, intent_id) == ["payment_intent.created", "payment_intent.processing"]
    # And nobody is in a hurry to look
    assert stack.looks.sent == []
    assert operation_of(stack, intent_id)["due_pk"]["S"].startswith("DEBIT#")


def test_it_succeeds_when_the_acquirer_says_so_and_the_key_knows(stack: Stack) -> None:
    # Given
    token = methods.token(methods.sepa())
    body = {"amount_cents": 1000, "currency": "eur", "confirm": True, "token": token}
    first = stack.post("payment_intents", body, key="k")
    again = stack.post("payment_intents", body, key="k")
    assert (again.status, again.headers["Idempotent-Replayed"]) == (202, "true")
    intent_id = first.body["intent_id"]
    # When the bank has paid, and the acquirer's message comes
    stack.advance(DECIDES_SECONDS)
    hear(operation_of(stack, intent_id), "AUTHORIZE")
    # Then
    assert state(shown(stack, intent_id)) == ("SUCCEEDED", None)
    assert stack.moved(intent_id, "CAPTURE") == 1000
    assert told(stack, intent_id)[-1] == "payment_intent.succeeded"
    done = stack.post("payment_intents", body, key="k")
    assert (done.status, done.body["status"]) == (201, "SUCCEEDED")
    (ledger,) = stack.items("ledger_transaction")
    assert ledger["kind"]["S"] == "CAPTURE"


def test_without_a_message_the_tick_finds_it(stack: Stack) -> None:
    intent_id = debit(stack).body["intent_id"]
    assert methods.tick()["queued"] == 0
    stack.advance(15 * 60)
    seen = methods.tick()
    assert (seen["queued"], seen["oldest_unknown_seconds"]) == (1, 0)
    look(stack.looks.sent[-1][1]["operation"])
    assert state(shown(stack, intent_id)) == ("SUCCEEDED", None)


def test_the_bank_refuses_and_the_payment_fails(stack: Stack) -> None:
    answer = debit(stack, methods.REFUSED_LATER)
    assert answer.status == 202
    intent_id = answer.body["intent_id"]
    stack.advance(DECIDES_SECONDS)
    read = stack.get(f"payment_intents/{intent_id}").body
    assert state(read) == ("FAILED", "DECLINED")
    assert read["decline"]["reason_code"] == "INSUFFICIENT_FUNDS"
    assert read["decline"]["acquirer_code"] == "AM04"
    assert told(stack, intent_id)[-1] == "payment_intent.failed"
    assert stack.moved(intent_id, "CAPTURE") == 0


def test_a_closed_account_is_declined_at_once(stack: Stack) -> None:
    answer = debit(stack, methods.CLOSED)
    assert answer.status == 402
    assert answer.body["payment_intent"]["decline"]["reason_code"] == "ACCOUNT_CLOSED"


@pytest.mark.parametrize(
    ("number", "code"), [("000000000012", "R01"), ("000000000020", "R02"), ("7777777", None)]
)
def test_an_american_account_is_debited_in_dollars(
    stack: Stack, number: str, code: str | None
) -> None:
    answer = stack.pay(500, currency="usd", token=methods.token(methods.ach(number)))
    if answer.status == 202:
        stack.advance(DECIDES_SECONDS)
        answer = stack.get(f"payment_intents/{answer.body['intent_id']}")
    intent = answer.body.get("payment_intent", answer.body)
    assert intent["status"] == ("FAILED" if code else "SUCCEEDED")
    assert (intent["decline"] or {}).get("acquirer_code") == code


# --- silence, and what it is not ----------------------------------------------------------------


def test_a_debit_of_which_no_answer_came_is_found_pending(stack: Stack) -> None:
    # Given a debit that was accepted, and nobody heard of it
    answer = debit(stack, methods.SAYS_NOTHING)
    assert state(answer.body) == ("PROCESSING", "OUTCOME_UNKNOWN")
    intent_id = answer.body["intent_id"]
    # When it is looked up, Then it is known, is not sent again, and takes its time
    assert state(stack.get(f"payment_intents/{intent_id}").body) == ("PROCESSING", "AWAITING_BANK")
    assert [path for _, path in stack.acquirer.requests].count("/v1/authorizations") == 1
    assert told(stack, intent_id)[-1] == "payment_intent.processing"
    stack.advance(DECIDES_SECONDS)
    assert state(stack.get(f"payment_intents/{intent_id}").body) == ("SUCCEEDED", None)


def test_while_it_is_pending_silence_and_not_found_change_nothing(stack: Stack) -> None:
    # Given a pending debit, and an acquirer that cannot be asked
    intent_id = debit(stack).body["intent_id"]
    stack.advance(60)

    def silent(method: str, path: str) -> None:
        raise NoUsableAnswer

    stack.acquirer.before = silent
    look(methods.address_of(operation_of(stack, intent_id)))
    assert state(shown(stack, intent_id)) == ("PROCESSING", "AWAITING_BANK")
    stack.acquirer.before = lambda method, path: None

    # Or one that has lost it
    def nothing(method: str, path: str, answer: Exchanged) -> Exchanged:
        told = json.loads(answer[1])
        lost = {
            "error": {"code": "NOT_FOUND", "message": ""},
            "reference": told["reference"],
            "as_of": told["as_of"],
        }
        raw = json.dumps(lost).encode()
        return 404, raw, hmac.new(b"acquirer-secret", raw, hashlib.sha256).hexdigest()

    stack.acquirer.after = nothing
    stack.advance(60)
    look(methods.address_of(operation_of(stack, intent_id)))
    # Then it waits, and nothing is sent again or undone
    assert state(shown(stack, intent_id)) == ("PROCESSING", "AWAITING_BANK")
    posted = [path for method, path in stack.acquirer.requests if method == "POST"]
    assert posted == ["/v1/authorizations"]


def test_a_late_debit_that_was_to_be_undone_is_taken_back_while_the_bank_waits(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a debit whose first request is lost, to an acquirer that takes a reference twice
    monkeypatch.setenv("SANDBOX_IDEMPOTENT", "false")
    lost(stack, "/v1/authorizations", times=1)
    answer = debit(stack)
    intent_id = answer.body["intent_id"]
    row = operation_of(stack, intent_id)
    # and that it is to be undone was written down
    stack.acquirer.before = lambda method, path: None
    look(methods.address_of(row))
    assert "reversal_at" in operation_of(stack, intent_id)
    assert operation_of(stack, intent_id)["reversal_at"] != {"NULL": True}
    # When it lands after all
    body = {
        "reference": row["reference"]["S"],
        "order_id": intent_id,
        "amount_cents": 1000,
        "currency": "eur",
        "capture": True,
        "merchant_reference": f"{row['merchant_id']['S']}:test",
        "bank_account": {
            "iban": methods.PAYS,
            "holder_name": "Ada",
            "mandate": {"reference": "M-1", "accepted_at": "2026-05-04T08:00:00Z"},
        },
    }
    stack.acquirer("POST", "/v1/authorizations", json.dumps(body).encode(), 15)
    stack.advance(5)
    look(methods.address_of(row))
    # Then it is taken back before the bank has decided, and no money moves, ever
    assert state(shown(stack, intent_id)) == ("FAILED", "REVERSED")
    stack.advance(DAY)
    assert stack.moved(intent_id, "CAPTURE") == 0


# --- while the bank decides ----------------------------------------------------------------------


@pytest.mark.parametrize("what", ["capture", "cancel", "confirm"])
def test_nothing_can_be_done_to_it_and_the_answer_says_why(stack: Stack, what: str) -> None:
    intent_id = debit(stack).body["intent_id"]
    answer = stack.post(f"payment_intents/{intent_id}/{what}", {})
    assert (answer.status, answer.body["code"]) == (409, "operation_in_progress")
    assert answer.body["retry"] == "AFTER_RESOLUTION"
    assert "the bank has not decided" in answer.body["detail"]
    assert int(answer.headers["Retry-After"]) >= 60 * 60
    assert state(shown(stack, intent_id)) == ("PROCESSING", "AWAITING_BANK")


def test_a_refund_waits_too(stack: Stack) -> None:
    intent_id = debit(stack).body["intent_id"]
    answer = stack.refund(intent_id)
    assert (answer.status, answer.body["code"]) == (409, "operation_in_progress")
    stack.advance(DECIDES_SECONDS)
    assert stack.refund(intent_id, 400).body["status"] == "SUCCEEDED"


def test_reading_it_often_asks_the_acquirer_seldom(stack: Stack) -> None:
    intent_id = debit(stack).body["intent_id"]
    before = len(stack.acquirer.requests)
    for _ in range(5):
        stack.get(f"payment_intents/{intent_id}")
    assert len(stack.acquirer.requests) == before + 1


def test_after_weeks_a_person_is_asked_and_the_bank_still_decides(stack: Stack) -> None:
    # Given a bank that decides nothing
    intent_id = debit(stack, methods.NEVER_DECIDES).body["intent_id"]
    address = methods.address_of(operation_of(stack, intent_id))
    stack.advance(PENDING_GIVEN_UP_SECONDS - DAY)
    look(address)
    assert state(shown(stack, intent_id)) == ("PROCESSING", "AWAITING_BANK")
    assert methods.tick()["requiring_decision"] == 0
    # When three weeks have passed
    stack.advance(DAY)
    look(address)
    # Then a person is asked, who cannot overrule the acquirer
    assert state(shown(stack, intent_id)) == ("PROCESSING", "REQUIRES_DECISION")
    seen = methods.tick()
    assert (seen["requiring_decision"], seen["oldest_unknown_seconds"]) == (1, 0)
    asked = {"operation": address, "outcome": "ABSENT", "by": "Ada", "reason": "the bank said so"}
    stack.advance(60)
    assert "still at it" in by_hand(decide=asked)["error"]
    # And what it comes to at last counts
    stack.advance(10 * DAY)
    look(address)
    assert state(shown(stack, intent_id)) == ("SUCCEEDED", None)


# --- what is refused before anything is written ---------------------------------------------------


@pytest.mark.parametrize(
    ("body", "fields", "field"),
    [
        (methods.sepa(), {"currency": "usd"}, "currency"),
        (methods.ach(), {"currency": "eur"}, "currency"),
        (methods.sepa(), {"capture_method": "MANUAL"}, "capture_method"),
    ],
)
@pytest.mark.parametrize("confirm", [True, False])
def test_what_a_scheme_cannot_do_is_refused(
    stack: Stack, body: dict[str, Any], fields: dict[str, Any], field: str, confirm: bool
) -> None:
    answer = stack.pay(token=methods.token(body), confirm=confirm, **fields)
    assert (answer.status, answer.body["code"]) == (400, "invalid_request")
    assert [problem["field"] for problem in answer.body["fields"]] == [field]
    assert stack.items("intent") == [] and stack.items("idempotency") == []
    assert stack.charge.invocations == []


def test_it_is_refused_at_the_confirmation_too(stack: Stack) -> None:
    body = {"amount_cents": 9, "currency": "usd"}
    intent_id = stack.post("payment_intents", body).body["intent_id"]
    token = methods.token(methods.sepa())
    answer = stack.post(f"payment_intents/{intent_id}/confirm", {"token": token})
    assert (answer.status, answer.body["fields"][0]["field"]) == (400, "currency")
    assert shown(stack, intent_id)["status"] == "CREATED"
    assert stack.items("operation") == []


@pytest.mark.parametrize("body", [methods.sepa(), methods.wallet()])
def test_an_acquirer_that_does_not_take_it_is_never_asked(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]
) -> None:
    # Given an acquirer that takes cards and nothing else
    cards_only = replace(CAPABILITIES, methods=frozenset({MethodType.CARD}))
    monkeypatch.setattr(wiring, "capabilities", lambda name: cards_only)
    # Then
    answer = stack.pay(token=methods.token(body))
    assert (answer.status, answer.body["fields"][0]["field"]) == (400, "token")
    assert body["type"] in answer.body["fields"][0]["message"]
    assert stack.items("intent") == [] and stack.charge.invocations == []


# --- a saved account ------------------------------------------------------------------------------


def test_a_saved_account_is_debited_again_under_its_mandate(stack: Stack) -> None:
    # Given an account that a customer saved
    customer = stack.post("customers", {}).body["customer_id"]
    answer = methods.tokenised(methods.sepa())
    mandate = answer.body["mandate"]
    saved = stack.post(
        "payment_methods", {"customer_id": customer, "token": answer.body["token"], "type": "BANK"}
    )
    assert saved.status == 201
    assert (saved.body["type"], saved.body["mandate"]) == ("BANK", mandate)
    assert saved.body["bank"] == {"scheme": "SEPA", "country": "DE", "account_type": None}
    assert saved.body["last_four"] == "0004"
    assert saved.body["card_brand"] is saved.body["exp_year"] is None
    # When it is debited twice, weeks apart
    for _ in range(2):
        pays = {"payment_method_id": saved.body["method_id"], "customer_id": customer}
        intent_id = stack.pay(700, **pays).body["intent_id"]
        stack.advance(30 * DAY)
        # Then
        assert stack.get(f"payment_intents/{intent_id}").body["status"] == "SUCCEEDED"
    assert operation_of(stack, intent_id)["stored_credential"] == {"NULL": True}


def test_what_the_payer_agreed_to_stays_with_the_payment(stack: Stack) -> None:
    """Given a debit by a single-use token; when its face is purged; then its mandate is there."""
    token = methods.token(methods.sepa())
    body = {"amount_cents": 1000, "currency": "eur", "confirm": True, "token": token}
    assert stack.post("payment_intents", body).status == 202
    (face,) = (row for row in stack.items("card_face") if row["token"]["S"] == token)
    (intent,) = stack.items("intent")
    agreed = intent["instrument"]["M"]["mandate"]
    assert agreed == face["mandate"]
    assert agreed["M"]["accepted_at"]["S"] == "2026-05-04T08:00:00.000Z"
