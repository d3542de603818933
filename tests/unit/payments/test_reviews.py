"""Payments that a person is to look at: held, answered, cancelled, left alone."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from farthing import runtime
from farthing.access.principal import KeyKind
from farthing.payments.idempotency import Earlier
from farthing.payments.replay import replay
from farthing.payments.wiring import services_of
from farthing.store import TenantScope
from tests.support.lambdas import MERCHANT, Answer, Context, call, load
from tests.support.methods import DECIDES_SECONDS, sepa
from tests.support.rules import publish, rule
from tests.support.stack import DECLINED, Stack

REVIEWED = "4000000000009235"
DAY = 24 * 60 * 60
UNSENT = {"hold": "NOT_SENT", "days": 3}


def held(stack: Stack, **more: Any) -> dict[str, Any]:
    """A payment of 100 that waits for its review, as the API shows it."""
    pays_by_itself = {"token", "payment_method_id"} & set(more)
    answer = stack.pay(**({} if pays_by_itself else {"number": REVIEWED}) | more)
    assert answer.status == 202, answer.text
    shown: dict[str, Any] = answer.body
    assert (shown["status"], shown["status_detail"]) == ("PROCESSING", "REQUIRES_REVIEW")
    return shown


def unsent(stack: Stack, **more: Any) -> dict[str, Any]:
    """The same where the merchant has nothing sent before."""
    publish(rule("REVIEW"), reviews=UNSENT)
    return held(stack, **more)


def answer(stack: Stack, shown: dict[str, Any], verb: str, **more: Any) -> Answer:
    return stack.post(f"reviews/{shown['review_id']}/{verb}", more.pop("body", {}), **more)


def review(stack: Stack, shown: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = stack.get(f"reviews/{shown['review_id']}").body
    return found


def told(stack: Stack, shown: dict[str, Any]) -> list[str]:
    """The payment's events in their order."""
    mine = [e for e in stack.items("event") if e["intent_id"].get("S") == shown["intent_id"]]
    return [e["type"]["S"] for e in sorted(mine, key=lambda e: int(e["sequence"]["N"]))]


def end_in_time(stack: Stack, shown: dict[str, Any]) -> None:
    body = {"expiry": f"{MERCHANT}/test/{shown['intent_id']}"}
    record = {"messageId": "m", "body": json.dumps(body)}
    load("resolve_unknown").handler({"Records": [record]}, Context())


def books(stack: Stack, shown: dict[str, Any]) -> list[tuple[str, str]]:
    rows = stack.books(order_id=shown["intent_id"])
    return [(row["operation"], row["status"]) for row in rows]


# --- the money is held, and not taken ------------------------------------------------------------


def test_a_payment_under_review_holds_the_money_and_tells_its_merchant(stack: Stack) -> None:
    shown = held(stack)
    assert shown["amount_capturable_cents"] == 100 and shown["amount_captured_cents"] == 0
    assert books(stack, shown) == [("AUTHORIZE", "APPROVED")]
    assert told(stack, shown) == ["payment_intent.created", "review.opened"]
    found = review(stack, shown)
    assert (found["status"], found["is_authorized"]) == ("OPEN", True)
    assert found["reasons"] and found["payment_intent_id"] == shown["intent_id"]
    # And it is no payment that its merchant could capture past the review
    refused = stack.post(f"payment_intents/{shown['intent_id']}/capture", {})
    assert (refused.status, refused.body["code"]) == (409, "wrong_state")


def test_an_approval_captures(stack: Stack) -> None:
    shown = held(stack)
    body = {"reviewer": "Ada", "note": "called the customer"}
    done = answer(stack, shown, "approve", body=body)
    assert (done.status, done.body["status"]) == (200, "SUCCEEDED")
    assert stack.moved(shown["intent_id"], "CAPTURE") == 100
    found = review(stack, shown)
    assert (found["status"], found["closed_by"]) == ("APPROVED", "Ada")
    assert found["note"] == "called the customer" and found["closed_at"]
    assert told(stack, shown)[2:] == ["payment_intent.succeeded", "review.closed"]


def test_an_approved_payment_of_a_merchant_who_captures_waits_for_that(stack: Stack) -> None:
    shown = held(stack, capture_method="MANUAL")
    done = answer(stack, shown, "approve")
    assert (done.status, done.body["status_detail"]) == (200, "REQUIRES_CAPTURE")
    assert stack.moved(shown["intent_id"], "CAPTURE") == 0
    assert told(stack, shown)[2:] == ["payment_intent.authorized", "review.closed"]
    assert stack.post(f"payment_intents/{shown['intent_id']}/capture", {}).status == 200


def test_a_refusal_gives_the_money_back(stack: Stack) -> None:
    shown = held(stack)
    done = answer(stack, shown, "decline", body={"note": "stolen", "is_fraud": True})
    assert (done.status, done.body["status"]) == (200, "CANCELLED")
    assert stack.moved(shown["intent_id"], "VOID") == 100
    found = review(stack, shown)
    assert (found["status"], found["is_fraud"]) == ("DECLINED", True)
    assert told(stack, shown)[2:] == ["payment_intent.cancelled", "review.closed"]


def test_who_cancels_the_payment_closes_its_review(stack: Stack) -> None:
    shown = held(stack)
    assert stack.post(f"payment_intents/{shown['intent_id']}/cancel", {}).status == 200
    assert review(stack, shown)["status"] == "CANCELLED"
    assert answer(stack, shown, "approve").status == 409


@pytest.mark.parametrize("unsent_first", [False, True], ids=["authorized", "unsent"])
def test_nobodys_answer_is_no(stack: Stack, unsent_first: bool) -> None:
    shown = unsent(stack) if unsent_first else held(stack)
    days = 3 if unsent_first else 5
    # Given a look a moment too early, which changes nothing
    stack.advance(days * DAY - 60)
    end_in_time(stack, shown)
    assert review(stack, shown)["status"] == "OPEN"
    stack.advance(120)
    end_in_time(stack, shown)
    found = stack.get(f"payment_intents/{shown['intent_id']}").body
    assert (found["status"], found["status_detail"]) == ("CANCELLED", "EXPIRED")
    assert review(stack, shown)["status"] == "EXPIRED"
    assert stack.moved(shown["intent_id"], "VOID") == (0 if unsent_first else 100)
    assert answer(stack, shown, "approve").status == 409
    assert told(stack, shown)[-2:] == ["payment_intent.cancelled", "review.closed"]


def test_it_ends_with_its_authorization_if_that_ends_first(stack: Stack) -> None:
    publish(rule("REVIEW"), reviews={"hold": "AUTHORIZED", "days": 30})
    shown = held(stack)
    stack.advance(7 * DAY + 60)
    end_in_time(stack, shown)
    assert review(stack, shown)["status"] == "EXPIRED"


# --- nothing is sent before ----------------------------------------------------------------------


def test_where_nothing_is_sent_before_nothing_is_and_then_it_is_once(stack: Stack) -> None:
    customer = stack.post("customers", {}).body["customer_id"]
    method = {"customer_id": customer, "type": "CARD", "token": stack.token()}
    method_id = stack.post("payment_methods", method).body["method_id"]
    shown = unsent(stack, payment_method_id=method_id)
    assert stack.acquirer.requests == [] and stack.items("operation") == []
    stack.advance(2 * DAY)
    done = answer(stack, shown, "approve")
    assert (done.status, done.body["status"]) == (200, "SUCCEEDED"), done.text
    assert stack.moved(shown["intent_id"], "CAPTURE") == 100
    # What is sent is what was decided
    (operation,) = stack.items("operation")
    (kept,) = stack.items("fraud_decision")
    assert operation["decision"] == kept["decision"]
    assert told(stack, shown)[1:] == ["review.opened", "payment_intent.succeeded", "review.closed"]


def test_a_token_waits_longer_than_its_life_and_its_security_code_does_not(stack: Stack) -> None:
    """The code is gone after a quarter of an hour, whoever waits: then an issuer may say no."""
    shown = unsent(stack)
    stack.advance(10 * 60)
    assert answer(stack, shown, "approve").status == 200
    late = held(stack)
    stack.advance(2 * DAY)
    done = answer(stack, late, "approve")
    assert (done.status, done.body["code"]) == (402, "card_declined")
    assert done.body["payment_intent"]["decline"]["reason_code"] == "INCORRECT_CVC"


def test_what_is_never_sent_leaves_nothing(stack: Stack) -> None:
    shown = unsent(stack)
    done = answer(stack, shown, "decline")
    assert (done.status, done.body["status"]) == (200, "CANCELLED")
    assert stack.acquirer.requests == [] and books(stack, shown) == []


def test_an_approved_payment_that_the_issuer_declines_has_failed(stack: Stack) -> None:
    shown = unsent(stack, number=DECLINED)
    done = answer(stack, shown, "approve")
    assert (done.status, done.body["code"]) == (402, "card_declined")
    assert review(stack, shown)["status"] == "APPROVED"


def test_a_token_that_waits_for_its_review_pays_nothing_else(stack: Stack) -> None:
    token = stack.token()
    shown = unsent(stack, token=token)
    assert stack.pay(token=token).body["code"] == "token_not_usable"
    assert answer(stack, shown, "approve").status == 200


def test_a_bank_holds_no_money_so_its_debit_is_not_sent(stack: Stack) -> None:
    publish(rule("REVIEW"))
    made = call("tokens", "POST", "/v1/tokens", sepa(), kind=KeyKind.PUBLISHABLE)
    shown = held(stack, token=made.body["token"])
    assert stack.acquirer.requests == []
    done = answer(stack, shown, "approve")
    assert (done.status, done.body["status_detail"]) == (202, "AWAITING_BANK"), done.text
    assert review(stack, shown)["status"] == "OPEN"
    # And its review is closed with what the bank decides
    stack.advance(DECIDES_SECONDS)
    stack.get(f"payment_intents/{shown['intent_id']}")
    assert review(stack, shown)["status"] == "APPROVED"
    processed = ["payment_intent.processing", "payment_intent.succeeded", "review.closed"]
    assert told(stack, shown)[2:] == processed


# --- the key of the payment ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "status", "code"), [("approve", 201, None), ("decline", 402, "not_carried_out")]
)
@pytest.mark.parametrize("unsent_first", [False, True], ids=["authorized", "unsent"])
def test_the_key_of_the_payment_waits_for_the_answer_and_then_gets_it(
    stack: Stack, unsent_first: bool, verb: str, status: int, code: str | None
) -> None:
    if unsent_first:
        publish(rule("REVIEW"), reviews=UNSENT)
    number = "4242424242424242" if unsent_first else REVIEWED
    body = {"amount_cents": 100, "currency": "eur", "confirm": True, "token": stack.token(number)}
    first = stack.post("payment_intents", body, key="k")
    # Given that its day is over, which it is not while nobody has looked
    stack.advance(2 * 60 if unsent_first else 2 * DAY)
    again = stack.post("payment_intents", body, key="k")
    assert (first.status, again.status) == (202, 202) and first.body == again.body
    assert again.headers["Idempotent-Replayed"] == "true"
    answer(stack, first.body, verb)
    last = stack.post("payment_intents", body, key="k")
    assert (last.status, last.body.get("code")) == (status, code)
    shown = last.body.get("payment_intent", last.body)
    assert shown == stack.get(f"payment_intents/{shown['intent_id']}").body
    assert len(stack.items("intent")) == 1
    # And another body with this key is refused all the time
    assert stack.post("payment_intents", body | {"amount_cents": 1}, key="k").status == 422


def test_a_key_that_was_read_while_it_waited_gets_what_was_stored_since(stack: Stack) -> None:
    body = {"amount_cents": 100, "currency": "eur", "confirm": True, "token": stack.token(REVIEWED)}
    shown = stack.post("payment_intents", body, key="k").body
    runtime.begin(Context())
    services = services_of(TenantScope(MERCHANT, "test"))
    # Given somebody who has read the key, When the payment is approved and given back meanwhile
    earlier = Earlier(intent_id=shown["intent_id"], held=True)
    assert replay(earlier, services).status == 202
    assert answer(stack, shown, "approve").status == 200
    assert stack.post("refunds", {"payment_intent_id": shown["intent_id"]}).status == 201
    # Then they tell what everybody with this key is told
    told = replay(earlier, services)
    last = stack.post("payment_intents", body, key="k")
    assert (told.status, json.loads(told.body)) == (last.status, last.body)
    assert last.body["amount_refunded_cents"] == 0


def test_the_key_of_a_payment_that_its_issuer_declined_after_all_says_so(stack: Stack) -> None:
    publish(rule("REVIEW"), reviews=UNSENT)
    body = {"amount_cents": 1, "currency": "eur", "confirm": True, "token": stack.token(DECLINED)}
    first = stack.post("payment_intents", body, key="k")
    assert answer(stack, first.body, "approve").status == 402
    last = stack.post("payment_intents", body, key="k")
    assert (last.status, last.body["code"]) == (402, "card_declined")


@pytest.mark.parametrize(("entity", "name"), [("idempotency", "state"), ("review", "status")])
@pytest.mark.parametrize("unsent_first", [False, True], ids=["authorized", "unsent"])
def test_a_review_is_closed_with_its_key_and_its_row_or_not_at_all(
    stack: Stack, unsent_first: bool, entity: str, name: str
) -> None:
    """Given a row that says, as only a bug of ours could, that it was closed before."""
    shown = unsent(stack) if unsent_first else held(stack)
    states = ({name: {"S": "HELD"}}, {name: {"S": "OPEN"}})
    (row,) = [item for item in stack.items(entity) if {name: item.get(name)} in states]
    boto3.client("dynamodb").update_item(
        TableName="PaymentsTable",
        Key={"pk": row["pk"], "sk": row["sk"]},
        UpdateExpression="SET #n = :closed",
        ExpressionAttributeNames={"#n": name},
        ExpressionAttributeValues={":closed": {"S": "DONE"}},
    )
    # Then no second end is written over it
    before = len(stack.items("event"))
    assert answer(stack, shown, "decline").status != 200
    assert review(stack, shown)["status"] == "OPEN" and len(stack.items("event")) == before


# --- what goes wrong on the way ------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["approve", "decline"])
@pytest.mark.parametrize("unsent_first", [False, True], ids=["authorized", "unsent"])
def test_one_answer_of_many_counts(stack: Stack, unsent_first: bool, verb: str) -> None:
    shown = unsent(stack) if unsent_first else held(stack)
    key = stack.new_key()
    first = answer(stack, shown, verb, key=key)
    assert first.status == 200
    # The same key is told the same, and another answer that it is too late
    again = answer(stack, shown, verb, key=key)
    assert (again.status, again.text) == (first.status, first.text)
    for other in ("approve", "decline"):
        late = answer(stack, shown, other)
        assert (late.status, late.body["code"]) == (409, "wrong_state")
    assert len(books(stack, shown)) <= 2


@pytest.mark.parametrize("verb", ["approve", "decline"])
@pytest.mark.parametrize("unsent_first", [False, True], ids=["authorized", "unsent"])
def test_an_answer_that_was_not_carried_out_may_be_given_again(
    stack: Stack, unsent_first: bool, verb: str
) -> None:
    shown = unsent(stack) if unsent_first else held(stack)

    def unreachable(moment: str) -> None:
        raise EndpointConnectionError(endpoint_url="https://lambda")

    key = stack.new_key()
    stack.charge.fail = unreachable
    first = answer(stack, shown, verb, key=key)
    stack.charge.fail = lambda moment: None
    if unsent_first and verb == "decline":
        assert first.status == 200  # nothing had to be sent for it
        return
    assert (first.status, first.body["retry"]) == (503, "SAME_KEY")
    assert review(stack, shown)["status"] == "OPEN"
    assert answer(stack, shown, verb, key=key).status == 200
    assert review(stack, shown)["closed_at"]


def test_while_the_answer_is_on_its_way_the_review_is_open_and_nobody_else_gives_one(
    stack: Stack,
) -> None:
    # Given an approval whose capture nobody knows the outcome of
    shown = held(stack)
    stack.acquirer.after = lambda *_: (500, b"", "")
    assert answer(stack, shown, "approve").status == 202
    assert review(stack, shown)["status"] == "OPEN"
    assert answer(stack, shown, "decline").status == 409
    # When it is found, Then it closes the review
    stack.acquirer.after = lambda method, path, answer: answer
    stack.advance(90)
    found = stack.get(f"payment_intents/{shown['intent_id']}").body
    assert found["status"] == "SUCCEEDED" and review(stack, shown)["status"] == "APPROVED"


def test_an_authorization_that_is_found_later_is_reviewed_all_the_same(stack: Stack) -> None:
    stack.acquirer.after = lambda *_: (500, b"", "")
    answer = stack.pay(number=REVIEWED)
    assert answer.status == 202
    stack.acquirer.after = lambda method, path, answer: answer
    stack.advance(90)
    found = stack.get(f"payment_intents/{answer.body['intent_id']}").body
    assert found["status_detail"] == "REQUIRES_REVIEW"
    assert review(stack, found)["status"] == "OPEN"


def test_a_blocked_test_card_is_blocked_and_a_live_one_is_not_known(stack: Stack) -> None:
    blocked = stack.pay(number="4100000000000019")
    assert (blocked.status, blocked.body["code"]) == (402, "blocked_by_fraud")
    assert blocked.body["payment_intent"]["fraud"] == {"score": 100, "action": "BLOCK"}


# --- who sees what -------------------------------------------------------------------------------


def test_reviews_are_listed_by_status_newest_first(stack: Stack) -> None:
    first, second, third = (held(stack) for _ in range(3))
    answer(stack, second, "approve")
    ids = [one["review_id"] for one in (third, second, first)]

    def listed(**query: str) -> list[str]:
        page = stack.get("reviews", query=query).body
        return [one["review_id"] for one in page["data"]]

    assert listed() == ids
    assert listed(status="OPEN") == [ids[0], ids[2]] and listed(status="APPROVED") == [ids[1]]
    assert listed(limit="2") == ids[:2] and listed(starting_after=ids[1]) == ids[2:]
    assert stack.get("reviews", query={"status": "MAYBE"}).status == 400


def test_a_review_is_nobody_elses(stack: Stack) -> None:
    shown = held(stack)
    other = {"merchant_id": "mer_01jd0000000000000000000bbb"}
    path = f"reviews/{shown['review_id']}"
    assert stack.get(path, **other).status == 404
    assert stack.post(f"{path}/approve", {}, **other).status == 404
    assert stack.get("reviews", **other).body["data"] == []
    for id_ in ("rev_no", shown["intent_id"], "rev_01jd0000000000000000000bbb"):
        assert stack.post(f"reviews/{id_}/approve", {}).status == 404


def test_a_payment_that_was_let_through_has_no_review(stack: Stack) -> None:
    shown = stack.pay().body
    assert shown["review_id"] is None
    id_ = shown["intent_id"].replace("pi_", "rev_")
    assert stack.get(f"reviews/{id_}").status == 404
    assert stack.post(f"reviews/{id_}/approve", {}).status == 404
