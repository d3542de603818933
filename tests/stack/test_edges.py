"""What the gateway, the authorizer and the functions say to bad requests, over HTTP."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest

from tests.stack.live import APPROVED, Answer, Live
from tests.support.threads import at_once

GOOD = {"amount_cents": 100, "currency": "eur"}
NOBODY = {"pi": "pi_" + "0" * 26, "re": "re_" + "0" * 26}


def is_problem(answer: Answer, status: int) -> None:
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert {"type", "title", "status", "detail", "code", "retry", "outcome", "request_id"} <= set(
        answer.body
    )


@pytest.mark.parametrize(
    "secret", ["sk_test_" + "x" * 43, "nonsense", "sk_live_", "Basic abc", "sk_test_\u00e9"]
)
def test_a_key_that_is_none_is_401(live: Live, secret: str) -> None:
    is_problem(live.get("payment_intents", secret=secret.encode().decode("latin-1")), 401)


def test_a_publishable_key_creates_tokens_and_nothing_else(live: Live) -> None:
    publishable = live.dev["publishable_key"]
    is_problem(live.get("payment_intents", secret=publishable), 403)
    is_problem(live.post("payment_intents", GOOD, secret=publishable), 403)
    assert live.token().startswith("tok_")


def test_bad_bodies_are_400_and_write_nothing(live: Live) -> None:
    before = live.get("payment_intents?limit=1").body
    bad: list[Any] = [
        GOOD | {"amount_cents": amount} for amount in (0, -1, 1.5, "1", None, True, 10**12)
    ]
    bad += [GOOD | {"currency": "xxx"}, GOOD | {"colour": "red"}, [], None, "text"]
    bad += [GOOD | {"metadata": {"card": APPROVED}}]
    for body in bad:
        is_problem(live.post("payment_intents", body), 400)
    for raw in (b"{", b"\xff\xfe", b"", b'{"amount_cents": NaN}'):
        is_problem(live.post("payment_intents", None, raw=raw), 400)
    huge = json.dumps(GOOD | {"metadata": {"a": "b" * 1_000_000}}).encode()
    is_problem(live.post("payment_intents", None, raw=huge), 400)
    is_problem(live.post("payment_intents", GOOD, key=None), 400)
    assert live.get("payment_intents?limit=1").body == before


def test_the_same_key_with_another_amount_is_422(live: Live) -> None:
    key = str(uuid.uuid4())
    assert live.post("payment_intents", GOOD, key=key).status == 201
    other = live.post("payment_intents", GOOD | {"amount_cents": 101}, key=key)
    is_problem(other, 422)
    assert [field["field"] for field in other.body["fields"]] == ["amount_cents"]


def test_an_expired_key_is_a_new_execution(live: Live) -> None:
    key = str(uuid.uuid4())
    first = live.post("payment_intents", GOOD, key=key).body["intent_id"]
    assert live.post("payment_intents", GOOD, key=key).body["intent_id"] == first
    live.advance("25h")
    assert live.post("payment_intents", GOOD, key=key).body["intent_id"] != first


def test_unknown_paths_and_verbs_are_problems(live: Live) -> None:
    assert live.get("payment_intents/x/y").status in {403, 404}
    for answer in (live.get("nothing"), live.call("DELETE", "/v1/refunds")):
        assert answer.status in {403, 404, 405}
        assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_another_merchants_id_answers_like_none(live: Live) -> None:
    intent_id = live.pay(100).body["intent_id"]
    other = live.dev["other_secret_key"]
    for path in ("payment_intents/{}", "refunds?payment_intent_id={}"):
        theirs = live.get(path.format(intent_id), secret=other)
        none = live.get(path.format(NOBODY["pi"]), secret=other)
        assert theirs.status == none.status
        assert same_but_ids(theirs, intent_id) == same_but_ids(none, NOBODY["pi"])
    theirs = live.post("refunds", {"payment_intent_id": intent_id}, secret=other)
    is_problem(theirs, 404)
    assert live.moved(intent_id, "REFUND") == 0


def same_but_ids(answer: Answer, id_: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(answer.text.replace(id_, "ID"))
    return {name: value for name, value in body.items() if name != "request_id"}


def test_tokens_are_rate_limited_by_key_and_address(live: Live) -> None:
    card = {"number": APPROVED, "exp_month": 12, "exp_year": 2031, "cvc": "987"}

    def create(_: int) -> Answer:
        return live.call(
            "POST", "/v1/tokens", card, secret=live.dev["publishable_key"], base="tokens_url"
        )

    answers: list[Answer] = []
    began = time.monotonic()
    try:
        while all(a.status == 201 for a in answers) and time.monotonic() - began < 90:
            answers = at_once(create, range(130))
    finally:
        live.advance("2m")  # the tests that follow come from the same address
    refused = [a for a in answers if a.status == 429]
    assert refused and {a.status for a in answers} == {201, 429}
    is_problem(refused[0], 429)
    assert 0 < int(refused[0].headers["Retry-After"]) <= 60
    assert create(0).status == 201
