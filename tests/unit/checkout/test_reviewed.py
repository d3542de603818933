"""A payer whose payment a person is to look at, and where CloudFront says that a payer is."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from farthing import runtime
from tests.support.lambdas import Answer
from tests.support.rules import publish, rule
from tests.unit.checkout.conftest import Counter

REVIEWED = "4000000000009235"


def answer(counter: Counter, session_id: str, verb: str) -> Answer:
    intent_id = counter.read(session_id)["payment_intent_id"]
    review_id = intent_id.replace("pi_", "rev_")
    return counter.stack.post(f"reviews/{review_id}/{verb}", {})


def test_a_session_under_review_is_not_paid_and_not_asked_again(counter: Counter) -> None:
    session_id = counter.session()
    held = counter.pay(session_id, REVIEWED)
    # Then the payer is told to wait, and nothing of a review or a score
    assert (held.status, held.body["status"]) == (202, "PROCESSING")
    assert not {"fraud", "review_id"} & set(held.body) and "eview" not in held.text
    assert counter.seen(session_id)["status"] == "PROCESSING"
    assert counter.pay(session_id).status == 409
    assert counter.told(session_id) == [] and counter.charges() == []


@pytest.mark.parametrize("capture_method", ["AUTOMATIC", "MANUAL"])
def test_an_approved_session_is_paid_once_and_told_once(
    counter: Counter, capture_method: str
) -> None:
    session_id = counter.session(capture_method=capture_method)
    token = counter.token(session_id, REVIEWED).body["token"]
    counter.pay(session_id, token=token)
    assert answer(counter, session_id, "approve").status == 200
    assert counter.read(session_id)["status"] == "PAID"
    assert counter.told(session_id) == ["checkout_session.completed"]
    assert len(counter.charges()) == (capture_method == "AUTOMATIC")
    # And the payer's own request, sent again, says so
    again = counter.pay(session_id, token=token)
    assert (again.status, again.body["status"]) == (200, "PAID")


def test_the_merchant_who_approves_is_shown_the_payment(counter: Counter) -> None:
    publish(rule("REVIEW"), reviews={"hold": "NOT_SENT", "days": 3})
    session_id = counter.session()
    token = counter.token(session_id).body["token"]
    assert counter.pay(session_id, token=token).status == 202
    approved = answer(counter, session_id, "approve")
    assert (approved.status, approved.body["status"]) == (200, "SUCCEEDED")
    again = counter.pay(session_id, token=token)
    assert (again.status, again.body["status"]) == (200, "PAID")


def test_a_refused_session_may_be_paid_by_another_card(counter: Counter) -> None:
    session_id = counter.session()
    token = counter.token(session_id, REVIEWED).body["token"]
    counter.pay(session_id, token=token)
    assert answer(counter, session_id, "decline").status == 200
    assert counter.read(session_id)["status"] == "OPEN" and counter.told(session_id) == []
    again = counter.pay(session_id, token=token)
    assert (again.status, again.body["code"]) == (402, "not_carried_out")
    assert counter.pay(session_id).status == 200
    assert len(counter.charges()) == 1


def test_a_card_is_kept_when_its_payment_was_approved_and_not_before(counter: Counter) -> None:
    customer = counter.stack.post("customers", {}).body["customer_id"]

    def saved() -> list[Any]:
        found: list[Any] = counter.stack.get(
            "payment_methods", query={"customer_id": customer}
        ).body["data"]
        return found

    for verb, kept in (("decline", 0), ("approve", 1)):
        session_id = counter.session(save_payment_method=True, customer_id=customer)
        counter.pay(session_id, REVIEWED)
        counter.read(session_id)
        assert saved() == []
        assert answer(counter, session_id, verb).status == 200
        counter.read(session_id)
        assert len(saved()) == kept


ADDRESS = "203.0.113.7"
"""Where the payer calls from."""


def from_cloudfront(secret: str = "shown-by-ours", address: str = ADDRESS) -> dict[str, str]:
    return {
        "CloudFront-Viewer-Country": "NO",
        "CloudFront-Viewer-Address": f"{address}:46532",
        "Farthing-Origin-Secret": secret,
    }


@pytest.mark.parametrize(
    ("headers", "known", "blocked"),
    [
        (from_cloudfront(), True, True),
        (from_cloudfront("guessed"), True, False),
        (from_cloudfront(address="198.51.100.1"), True, True),
        (from_cloudfront(), False, False),
        ({}, True, False),
    ],
    ids=["ours", "another secret", "an edge between", "no distribution", "no headers"],
)
def test_a_payers_country_is_what_our_distribution_says(
    counter: Counter,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
    known: bool,
    blocked: bool,
) -> None:
    if known:
        boto3.client("secretsmanager").create_secret(Name="origin", SecretString="shown-by-ours")
        monkeypatch.setenv("ORIGIN_SECRET_ID", "origin")
        runtime.reset()
    publish(rule("BLOCK", {"field": "ip_country", "operator": "in", "value": ["NO"]}))
    paid = counter.pay(counter.session(), more_headers=headers)
    assert paid.status == (402 if blocked else 200), paid.text
    # And the payer's address is the payer's, and not that of the edge
    (intent,) = counter.stack.items("intent")
    told = headers.get("CloudFront-Viewer-Address", "").partition(":")[0]
    assert intent["ip_address"]["S"] == (told if blocked else ADDRESS)
