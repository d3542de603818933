"""A saved card is charged by its network token; where that is refused, by its number, once."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import boto3
import pytest

from farthing.acquiring.sandbox import NoByteSent, NoUsableAnswer
from farthing.payments import confirm
from farthing.payments.conclusion import FIRST_LOOK_SECONDS
from farthing.store import StoreBusy
from farthing.store.table import DynamoStore
from tests.support.lambdas import Answer, Context, load
from tests.support.stack import ANSWER_NEVER_COMES, Exchanged
from tests.unit.network_tokens.conftest import NO_TOKEN, REPLACED, TOKEN_REFUSED, Shop, reference_of

CRYPTOGRAMS = "/token_service/v1/cryptograms"
AUTHORIZATIONS = "/v1/authorizations"
TOKEN = ("NETWORK_TOKEN", "APPROVED")
REFUSED = ("NETWORK_TOKEN", "DECLINED")
NUMBER = ("CARD", "APPROVED")


def operations(shop: Shop) -> list[dict[str, Any]]:
    """The authorizations of the last payment, oldest first."""
    rows = [row for row in shop.stack.items("operation") if row["kind"]["S"] == "AUTHORIZE"]
    last = max(row["created_at"]["S"] for row in rows)
    found = [row for row in rows if row["created_at"]["S"] == last]
    return sorted(found, key=lambda row: "fallback_of" in row and "S" in row["fallback_of"])


def asked(shop: Shop, path: str) -> int:
    return sum(each == path for _, each in shop.stack.acquirer.requests)


def failing(shop: Shop, path: str, error: type[Exception], times: int = 1) -> None:
    """The next requests to `path` fail before they are sent."""
    left = [times]

    def before(method: str, asked: str) -> None:
        if asked == path and left[0]:
            left[0] -= 1
            raise error

    shop.stack.acquirer.before = before


def test_a_token_pays_with_a_cryptogram_for_each_payment(shop: Shop) -> None:
    method_id = shop.with_token()
    for capture in ("AUTOMATIC", "MANUAL"):
        answer = shop.pay(method_id, capture_method=capture)
        assert answer.status == 201
        assert shop.via(answer) == [TOKEN]
        (operation,) = operations(shop)
        assert operation["via"]["S"] == "NETWORK_TOKEN"
        shop.stack.advance(1)
    assert asked(shop, CRYPTOGRAMS) == 2
    path = f"payment_intents/{answer.body['intent_id']}/capture"
    assert shop.stack.post(path, {}).body["status"] == "SUCCEEDED"
    assert shop.stack.refund(answer.body["intent_id"]).status == 201


def test_the_first_charge_and_a_card_without_a_token_are_by_number(shop: Shop) -> None:
    method_id = shop.save()
    assert shop.via(shop.pay(method_id)) == [NUMBER]
    assert shop.via(shop.pay(method_id)) == [NUMBER]
    assert asked(shop, CRYPTOGRAMS) == 0


def test_what_pays_is_decided_when_the_operation_is_written(shop: Shop) -> None:
    """Given a payment that was created before there was a token, and is confirmed afterwards."""
    method_id = shop.charged()
    new = {"amount_cents": 100, "currency": "eur", "payment_method_id": method_id}
    created = shop.stack.post("payment_intents", new).body
    shop.tick()
    confirmed = shop.stack.post(f"payment_intents/{created['intent_id']}/confirm", {})
    assert confirmed.status == 200
    assert shop.via(confirmed) == [TOKEN]


def test_a_token_that_is_suspended_in_between_does_not_pay(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    method_id = shop.with_token()
    row = {name: shop.row(method_id)[name] for name in ("pk", "sk")}

    scored = confirm.scoring_of

    def score(*args: Any) -> Any:
        boto3.client("dynamodb").update_item(
            TableName="PaymentsTable",
            Key=row,
            UpdateExpression="SET network_token = :s",
            ExpressionAttributeValues={":s": {"S": "SUSPENDED"}},
        )
        return scored(*args)

    monkeypatch.setattr(confirm, "scoring_of", score)
    assert shop.via(shop.pay(method_id)) == [NUMBER]
    assert asked(shop, CRYPTOGRAMS) == 0


# --- the token is refused ------------------------------------------------------------------------


def assert_fell_back(shop: Shop, answer: Answer, sent: bool = True) -> None:
    """One charge by number, after one by token that was closed with it."""
    first, second = operations(shop)
    state = "DECLINED" if sent else "NOT_SENT"
    assert (first["state"]["S"], first["via"]["S"]) == (state, "NETWORK_TOKEN")
    assert first["replaced_by"]["S"] == second["operation_id"]["S"]
    assert "due_pk" not in first
    assert (second["state"]["S"], second["via"]["S"]) == ("APPROVED", "PAN")
    assert second["fallback_of"]["S"] == first["operation_id"]["S"]
    names = ("amount_cents", "currency", "idempotency_row", "token", "method_id", "created_at")
    assert all(first[name] == second[name] for name in names)
    assert first["reference"] != second["reference"]
    shown = answer.body
    assert (shown["status"], shown["outcome"], shown["decline"]) == ("SUCCEEDED", "APPROVED", None)
    assert shop.stack.moved(shown["intent_id"], "CAPTURE") == 100


def test_where_the_acquirer_refuses_the_token_the_number_pays_under_the_same_key(
    shop: Shop,
) -> None:
    method_id = shop.with_token(TOKEN_REFUSED)
    body = {"amount_cents": 100, "currency": "eur", "confirm": True}
    body["payment_method_id"] = method_id
    answer = shop.stack.post("payment_intents", body, key="k")
    assert answer.status == 201
    assert shop.via(answer) == [REFUSED, NUMBER]
    assert_fell_back(shop, answer)
    # And the key tells the same again, byte by byte
    again = shop.stack.post("payment_intents", body, key="k")
    assert (again.status, again.text) == (201, answer.text)
    assert again.headers["Idempotent-Replayed"] == "true"
    # And it is one payment with one event of its end
    events = [row for row in shop.stack.items("event") if "S" in row["intent_id"]]
    ours = [e for e in events if e["intent_id"]["S"] == answer.body["intent_id"]]
    assert sorted(e["type"]["S"] for e in ours) == [
        "payment_intent.created",
        "payment_intent.succeeded",
    ]
    # And somebody sees to the token
    assert {"method"} in [set(body) for _, body in shop.stack.looks.sent]


def test_a_number_that_is_declined_after_it_declines_the_payment(shop: Shop) -> None:
    # Given a replaced card, of which the number is dead, and a token that cannot be presented
    method_id = shop.with_token(REPLACED)
    failing(shop, CRYPTOGRAMS, NoByteSent)
    answer = shop.pay(method_id)
    assert answer.status == 402
    assert answer.body["payment_intent"]["decline"]["reason_code"] == "EXPIRED_CARD"
    assert shop.via(answer) == [("CARD", "DECLINED")]


@pytest.mark.parametrize("error", [NoByteSent, NoUsableAnswer])
def test_without_a_cryptogram_nothing_was_sent_and_the_number_pays(
    shop: Shop, error: type[Exception]
) -> None:
    method_id = shop.with_token()
    failing(shop, CRYPTOGRAMS, error)
    answer = shop.pay(method_id)
    assert answer.status == 201
    assert shop.via(answer) == [NUMBER]
    assert_fell_back(shop, answer, sent=False)


def test_a_token_that_the_service_does_not_know_any_more_is_found_out(shop: Shop) -> None:
    method_id = shop.with_token()
    path, gone = "/token_service/v1/deletions", {"reference": reference_of(method_id)}
    shop.stack.acquirer.ask("POST", path, json.dumps(gone).encode(), "Bearer tokens-secret")
    answer = shop.pay(method_id)
    assert_fell_back(shop, answer, sent=False)
    shop.work_off()
    assert shop.token_of(method_id) == "DELETED"
    shop.stack.advance(1)
    assert shop.via(shop.pay(method_id)) == [NUMBER]
    assert len(operations(shop)) == 1


def test_a_number_falls_back_to_nothing(shop: Shop) -> None:
    """Given an acquirer that says of a number what is said of tokens."""
    method_id = shop.charged(NO_TOKEN)

    def refused(method: str, path: str, answer: Exchanged) -> Exchanged:
        if path != AUTHORIZATIONS:
            return answer
        told = json.loads(answer[1]) | {"status": "DECLINED", "decline_code": "T1"}
        return signed(told)

    shop.stack.acquirer.after = refused
    answer = shop.pay(method_id)
    assert answer.status == 402
    decline = answer.body["payment_intent"]["decline"]
    assert decline["reason_code"] == "NETWORK_TOKEN_REFUSED"
    assert len(operations(shop)) == 1


def signed(told: Any) -> Exchanged:
    raw = json.dumps(told).encode()
    return 200, raw, hmac.new(b"acquirer-secret", raw, hashlib.sha256).hexdigest()


def test_another_decline_of_a_token_is_a_decline(shop: Shop) -> None:
    method_id = shop.with_token()

    def declined(method: str, path: str, answer: Exchanged) -> Exchanged:
        if path != AUTHORIZATIONS:
            return answer
        return signed(json.loads(answer[1]) | {"status": "DECLINED", "decline_code": "51"})

    shop.stack.acquirer.after = declined
    answer = shop.pay(method_id)
    decline = answer.body["payment_intent"]["decline"]
    assert (answer.status, decline["reason_code"]) == (402, "INSUFFICIENT_FUNDS")
    assert len(operations(shop)) == 1


# --- the outcome is not known --------------------------------------------------------------------


def test_an_unknown_outcome_of_a_token_never_falls_back(shop: Shop) -> None:
    # Given a charge by token whose answer never comes, though it was made
    method_id = shop.save(ANSWER_NEVER_COMES)
    first = shop.pay(method_id)
    assert first.status == 202
    assert shop.stack.get(f"payment_intents/{first.body['intent_id']}").body["status"] == (
        "SUCCEEDED"
    )
    shop.tick()
    shop.stack.advance(1)
    answer = shop.pay(method_id)
    # Then it is unknown, and found, and was sent once
    assert (answer.status, answer.body["status_detail"]) == (202, "OUTCOME_UNKNOWN")
    assert len(operations(shop)) == 1
    found = shop.stack.get(f"payment_intents/{answer.body['intent_id']}").body
    assert found["status"] == "SUCCEEDED"
    assert shop.via(answer) == [TOKEN]


def test_a_request_that_was_lost_is_sent_again_with_another_cryptogram(shop: Shop) -> None:
    method_id = shop.with_token()
    failing(shop, AUTHORIZATIONS, NoUsableAnswer)
    answer = shop.pay(method_id)
    assert answer.status == 202
    found = shop.stack.get(f"payment_intents/{answer.body['intent_id']}").body
    assert found["status"] == "SUCCEEDED"
    assert asked(shop, CRYPTOGRAMS) == 2
    assert shop.via(answer) == [TOKEN]


def test_that_a_resend_had_no_cryptogram_says_nothing_of_what_was_sent_before(
    shop: Shop,
) -> None:
    # Given a charge by token that is lost, and a token service that is gone when it is sent again
    method_id = shop.with_token()
    failing(shop, AUTHORIZATIONS, NoUsableAnswer)
    answer = shop.pay(method_id)
    failing(shop, CRYPTOGRAMS, NoByteSent)
    path = f"payment_intents/{answer.body['intent_id']}"
    # Then it stays unknown, and nothing is asked of the number
    assert shop.stack.get(path).body["status_detail"] == "OUTCOME_UNKNOWN"
    assert len(operations(shop)) == 1
    shop.stack.advance(30)
    assert shop.stack.get(path).body["status"] == "SUCCEEDED"
    assert shop.via(answer) == [TOKEN]


def silent(shop: Shop, times: int = 1) -> None:
    """The next answers to authorizations are lost on their way back."""
    left = [times]

    def after(method: str, path: str, answer: Exchanged) -> Exchanged:
        if path == AUTHORIZATIONS and left[0]:
            left[0] -= 1
            raise NoUsableAnswer
        return answer

    shop.stack.acquirer.after = after


def test_a_refusal_that_is_found_later_falls_back_then(shop: Shop) -> None:
    # Given a token that was refused, and an answer that was lost
    method_id = shop.with_token(TOKEN_REFUSED)
    silent(shop)
    body = {"amount_cents": 100, "currency": "eur", "confirm": True}
    body["payment_method_id"] = method_id
    assert shop.stack.post("payment_intents", body, key="k").status == 202
    (first,) = operations(shop)
    # When somebody looks who has the time, Then the number pays, for the same key
    look(shop, first)
    answer = shop.stack.post("payment_intents", body, key="k")
    assert answer.status == 201
    assert_fell_back(shop, answer)


def test_the_key_that_finds_a_refusal_tells_what_came_after_it(shop: Shop) -> None:
    # Given a token that was refused, and an answer that was lost
    method_id = shop.with_token(TOKEN_REFUSED)
    silent(shop)
    body = {"amount_cents": 100, "currency": "eur", "confirm": True}
    body["payment_method_id"] = method_id
    assert shop.stack.post("payment_intents", body, key="k").status == 202
    # When the request comes again, and has the time to look and to ask the number
    answer = shop.stack.post("payment_intents", body, key="k")
    # Then it is told of the number, and never of the token
    assert answer.status == 201
    assert_fell_back(shop, answer)


def look(shop: Shop, operation: dict[str, Any]) -> dict[str, Any]:
    """`resolve_unknown` looks into an operation."""
    names = ("merchant_id", "mode", "intent_id", "operation_id")
    address = "/".join(operation[name]["S"] for name in names)
    shown: dict[str, Any] = load("resolve_unknown").handler(
        {"operation": address}, Context(remaining_milliseconds=60_000)
    )
    return shown


def test_the_number_may_be_unknown_as_well_and_is_found(shop: Shop) -> None:
    method_id = shop.with_token(TOKEN_REFUSED)
    silent(shop, times=2)
    answer = shop.pay(method_id)
    look(shop, operations(shop)[0])
    assert shop.via(answer) == [REFUSED, NUMBER]
    _, second = operations(shop)
    assert second["state"]["S"] == "UNKNOWN"
    assert (FIRST_LOOK_SECONDS, second["operation_id"]["S"]) in [
        (delay, body["operation"].rsplit("/")[-1])
        for delay, body in shop.stack.looks.sent
        if "operation" in body
    ]
    found = shop.stack.get(f"payment_intents/{answer.body['intent_id']}").body
    assert found["status"] == "SUCCEEDED"
    assert shop.via(answer) == [REFUSED, NUMBER]


def test_with_too_little_time_for_the_number_it_is_asked_at_the_next_look(shop: Shop) -> None:
    # Given a token that is refused when most of the time is gone
    method_id = shop.with_token(TOKEN_REFUSED)
    context = short_of_time_after(shop, AUTHORIZATIONS)
    body = {"amount_cents": 100, "currency": "eur", "confirm": True}
    body["payment_method_id"] = method_id
    answer = shop.stack.post("payment_intents", body, key="k", context=context)
    assert (answer.status, answer.body["status_detail"]) == (202, "OUTCOME_UNKNOWN")
    (first,) = operations(shop)
    assert first["state"]["S"] == "UNKNOWN"
    look(shop, first)
    assert_fell_back(shop, shop.stack.post("payment_intents", body, key="k"))


def test_with_too_little_time_after_no_cryptogram_nothing_was_sent_and_the_key_may_try_again(
    shop: Shop,
) -> None:
    method_id = shop.with_token()
    context = Context()

    def gone(method: str, path: str) -> None:
        if path == CRYPTOGRAMS:
            context.remaining_milliseconds = 22_000
            raise NoByteSent

    shop.stack.acquirer.before = gone
    body = {"amount_cents": 100, "currency": "eur", "confirm": True}
    body["payment_method_id"] = method_id
    answer = shop.stack.post("payment_intents", body, key="k", context=context)
    assert (answer.status, answer.body["retry"]) == (503, "SAME_KEY")
    shop.stack.acquirer.before = lambda method, path: None
    again = shop.stack.post("payment_intents", body, key="k")
    assert (again.status, shop.via(again)) == (201, [TOKEN])


def short_of_time_after(shop: Shop, path: str) -> Context:
    """A context whose time is nearly gone when the acquirer has answered a request to `path`."""
    context = Context()

    def slow(method: str, asked: str, answer: Exchanged) -> Exchanged:
        if asked.startswith(path):
            context.remaining_milliseconds = 22_000
        return answer

    shop.stack.acquirer.after = slow
    return context


def test_who_looks_without_the_time_leaves_it_to_the_next_one(shop: Shop) -> None:
    method_id = shop.with_token(TOKEN_REFUSED)
    silent(shop)
    answer = shop.pay(method_id)
    context = short_of_time_after(shop, "/v1/operations")
    path = f"payment_intents/{answer.body['intent_id']}"
    shown = shop.stack.get(path, context=context).body
    assert shown["status_detail"] == "OUTCOME_UNKNOWN"
    assert len(operations(shop)) == 1
    shop.stack.advance(5)
    look(shop, operations(shop)[0])
    assert shop.stack.get(path).body["status"] == "SUCCEEDED"


def test_a_refusal_that_is_found_too_late_asks_the_number_no_more(shop: Shop) -> None:
    # Given a token that was refused, which nobody learned for two minutes
    method_id = shop.with_token(TOKEN_REFUSED)
    silent(shop)
    answer = shop.pay(method_id)
    shop.stack.advance(120)
    look(shop, operations(shop)[0])
    # Then the number is looked up and not asked, and in the end it is proved that nothing moved
    first, second = operations(shop)
    assert (first["state"]["S"], second["state"]["S"]) == ("DECLINED", "UNKNOWN")
    for _ in range(4):
        shop.stack.advance(61)
        look(shop, operations(shop)[1])
    found = shop.stack.get(f"payment_intents/{answer.body['intent_id']}").body
    assert (found["status"], found["status_detail"]) == ("FAILED", "REVERSED")
    assert shop.via(answer) == [REFUSED]


# --- crashes and races ---------------------------------------------------------------------------


class Died(BaseException):
    """The process is gone: no handler of ours catches it."""


@pytest.mark.parametrize("written", [False, True])
def test_a_process_that_dies_while_it_falls_back_is_followed_by_another(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    # Given a process that dies before its transaction, or between it and the second sending
    method_id = shop.with_token(TOKEN_REFUSED)
    body = {"amount_cents": 100, "currency": "eur", "confirm": True}
    body["payment_method_id"] = method_id
    real = DynamoStore.write

    def write(store: DynamoStore, *writes: Any) -> None:
        if not is_fallback(writes):
            return real(store, *writes)
        if written:
            real(store, *writes)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(DynamoStore, "write", write)
        with pytest.raises(Died):
            shop.stack.post("payment_intents", body, key="k")
    assert len(operations(shop)) == (2 if written else 1)
    # When somebody finds it by its lease, Then the number pays, once, and the key is answered
    shop.stack.advance(61)
    answer = shop.stack.post("payment_intents", body, key="k")
    if answer.status == 202:  # whoever asks by HTTP may have too little time to send
        look(shop, operations(shop)[-1])
        answer = shop.stack.post("payment_intents", body, key="k")
    assert answer.status == 201
    assert_fell_back(shop, answer)
    assert shop.via(answer) == [REFUSED, NUMBER]


def is_fallback(writes: Any) -> bool:
    """Whether these writes are the transaction that falls back."""
    return any("replaced_by" in getattr(each, "set", {}) for each in writes)


def test_who_was_taken_over_while_falling_back_tells_what_the_other_one_did(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a process that stands still before it falls back, until somebody took over
    method_id = shop.with_token(TOKEN_REFUSED)
    real, waited = DynamoStore.write, list[bool]()

    def write(store: DynamoStore, *writes: Any) -> None:
        if is_fallback(writes) and not waited:
            waited.append(True)
            shop.stack.advance(61)
            look(shop, operations(shop)[0])
        real(store, *writes)

    monkeypatch.setattr(DynamoStore, "write", write)
    answer = shop.pay(method_id)
    # Then it asks nothing of the number itself, and tells the outcome
    assert waited and answer.status == 201
    assert_fell_back(shop, answer)
    assert shop.via(answer) == [REFUSED, NUMBER]


def test_a_fallback_that_cannot_be_written_now_is_told_as_unknown(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    method_id = shop.with_token(TOKEN_REFUSED)
    real = DynamoStore.write

    def write(store: DynamoStore, *writes: Any) -> None:
        if is_fallback(writes):
            raise StoreBusy("write")
        real(store, *writes)

    with monkeypatch.context() as patch:
        patch.setattr(DynamoStore, "write", write)
        answer = shop.pay(method_id)
    assert (answer.status, answer.body["status_detail"]) == (202, "OUTCOME_UNKNOWN")
    assert shop.via(answer) == [REFUSED]
    shop.stack.advance(61)
    look(shop, operations(shop)[0])
    assert shop.via(answer) == [REFUSED, NUMBER]


@pytest.mark.parametrize("sent", [True, False])
def test_after_a_restore_the_charge_by_number_is_found(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, sent: bool
) -> None:
    # Given a backup from just before a payment fell back, of a token that was refused or not sent
    method_id = shop.with_token(TOKEN_REFUSED)
    if not sent:
        failing(shop, CRYPTOGRAMS, NoByteSent)
    dynamo, real = boto3.client("dynamodb"), DynamoStore.write
    backup: list[Any] = []

    def write(store: DynamoStore, *writes: Any) -> None:
        if is_fallback(writes):
            backup.extend(dynamo.scan(TableName="PaymentsTable")["Items"])
        real(store, *writes)

    with monkeypatch.context() as patch:
        patch.setattr(DynamoStore, "write", write)
        answer = shop.pay(method_id)
    shop.stack.advance(3600)
    for item in dynamo.scan(TableName="PaymentsTable")["Items"]:
        key = {name: item[name] for name in ("pk", "sk")}
        dynamo.delete_item(TableName="PaymentsTable", Key=key)
    for item in backup:
        dynamo.put_item(TableName="PaymentsTable", Item=item)
    # When the books are mended from the acquirer's
    began = min(row["created_at"]["S"] for row in backup if "created_at" in row)
    event = {"since": began, "apply": True}
    told = load("resolve_unknown").handler(event, Context(remaining_milliseconds=60_000))
    # Then the money is known, nothing was charged again, and no operation is left open
    ours = [row for row in told["rows"] if row["intent_id"] == answer.body["intent_id"]]
    assert [row["verdict"] for row in ours] == ["ADOPTED"] * (2 if sent else 1)
    assert_fell_back(shop, shop.stack.get(f"payment_intents/{answer.body['intent_id']}"), sent)
    assert shop.via(answer) == ([REFUSED, NUMBER] if sent else [NUMBER])


def test_the_network_token_and_its_cryptogram_are_nowhere(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # Given all that leaves `charge` for the acquirer, and a payment by token that falls back
    secrets: set[str] = set()
    real = shop.stack.acquirer.ask

    def listen(method: str, path: str, body: bytes | None = None, *more: Any) -> Any:
        document = json.loads(body) if body else {}
        token = document.get("network_token", {})
        secrets.update({token[name] for name in ("number", "cryptogram") if name in token})
        return real(method, path, body, *more)

    monkeypatch.setattr(shop.stack.acquirer, "ask", listen)
    shop.pay(shop.with_token())
    shop.pay(shop.with_token(TOKEN_REFUSED))
    assert len(secrets) == 4
    # Then neither is in a table, an answer, a queue or the log
    dynamo = boto3.client("dynamodb")
    kept = [
        str(dynamo.scan(TableName=table)["Items"]) for table in dynamo.list_tables()["TableNames"]
    ]
    kept += [str(shop.stack.charge.invocations), str(shop.stack.looks.sent), *capfd.readouterr()]
    assert not [secret for secret in secrets if any(secret in text for text in kept)]
