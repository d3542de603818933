"""External mode: what comes in is the acquirer's token, and a number is turned away."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from farthing.access.account import CardEntry, Settings
from farthing.access.principal import KeyKind
from farthing.vault.source import AcquirerToken
from tests.support.lambdas import MERCHANT, Answer, call
from tests.support.vault import NUMBER, card, make_keys

EXTERNAL = Settings({"eur": "stripe", "*": "sandbox"}, CardEntry.EXTERNAL)
TOKEN = "pm_1NvPOFLkdIwHu7ixSxK8pUzU"


@pytest.fixture(autouse=True)
def world(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    make_keys(monkeypatch)


def post(body: Any, settings: Settings = EXTERNAL, **more: Any) -> Answer:
    kind = more.pop("kind", KeyKind.PUBLISHABLE)
    return call("tokens", "POST", "/v1/tokens", body, kind=kind, settings=settings, **more)


def rows(table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName=table)["Items"]
    return found


def test_a_token_comes_in_and_a_single_use_token_goes_out() -> None:
    # When the browser sends what the acquirer's fields gave it
    answer = post({"acquirer_token": TOKEN, "type": "CARD"})
    # Then it gets a token of ours, and nothing is claimed to be known of the card
    assert answer.status == 201, answer.text
    assert answer.body["token"].startswith("tok_")
    assert (answer.body["last_four"], answer.body["card_brand"]) == (None, None)
    assert (answer.body["exp_month"], answer.body["exp_year"]) == (None, None)
    assert TOKEN not in answer.text
    (row,) = rows("VaultTable")
    assert row["entity"]["S"] == "acquirer_token"
    assert (row["connector"]["S"], row["acquirer_token"]["S"]) == ("stripe", TOKEN)
    (face,) = rows("PaymentsTable")
    assert (face["connector"]["S"], face["bin"]["S"]) == ("stripe", "")
    assert TOKEN not in json.dumps(face)


def test_what_is_said_of_the_card_is_shown_and_decides_nothing() -> None:
    said = {"last_four": "4242", "card_brand": "visa", "exp_month": 1, "exp_year": 2031}
    first = post({"acquirer_token": TOKEN, **said})
    assert {name: first.body[name] for name in said} == said
    other = post({"acquirer_token": "pm_another_one", **said})
    again = post({"acquirer_token": TOKEN})
    faces = {row["token"]["S"]: row["fingerprint"]["S"] for row in rows("PaymentsTable")}
    prints = [faces[answer.body["token"]] for answer in (first, other, again)]
    assert prints[0] == prints[2] != prints[1]


def test_a_number_is_refused_before_anything_is_done_with_it() -> None:
    for body in (card(), card(number="1"), card(exp_year=1)):
        answer = post(body)
        assert (answer.status, answer.body["code"]) == (400, "invalid_request")
        assert answer.body["fields"] == [
            {"field": "number", "message": "is not taken: it is typed into the acquirer's own "
             "fields"}
        ]  # fmt: skip
        assert NUMBER not in answer.text
    assert rows("VaultTable") + rows("PaymentsTable") + rows("RiskTable") == []


def test_a_merchant_of_the_vault_sends_no_acquirers_token() -> None:
    for settings in (Settings({"*": "stripe"}), Settings({"*": "sandbox"})):
        answer = post({"acquirer_token": TOKEN}, settings)
        assert answer.body["fields"][0]["field"] == "acquirer_token"
    assert rows("VaultTable") + rows("PaymentsTable") == []


@pytest.mark.parametrize(
    ("connectors", "token"),
    [
        ({"*": "sandbox"}, TOKEN),
        ({}, TOKEN),
        ({"*": "stripe"}, "tok_visa"),
        ({"*": "stripe"}, "pm_"),
        ({"*": "stripe"}, "pm_../refunds"),
        ({"*": "stripe"}, "pm_" + "x" * 300),
        ({"*": "stripe"}, "PM_1NvPOFLkdIwHu7ix"),
    ],
)
def test_a_token_of_no_acquirer_of_the_merchant_is_refused(
    connectors: dict[str, str], token: str
) -> None:
    answer = post({"acquirer_token": token}, Settings(connectors, CardEntry.EXTERNAL))
    assert (answer.status, answer.body["fields"][0]["field"]) == (400, "acquirer_token")
    assert token not in answer.text or token == "pm_"
    assert rows("VaultTable") + rows("PaymentsTable") == []


@pytest.mark.parametrize(
    "body",
    [
        {"acquirer_token": NUMBER},
        {"acquirer_token": f"pm_{NUMBER}"},
        {"acquirer_token": 7},
        {"acquirer_token": TOKEN, "number": NUMBER},
        {"acquirer_token": TOKEN, "cvc": "123"},
        {"acquirer_token": TOKEN, "type": "BANK"},
        {"acquirer_token": TOKEN, "last_four": "424242"},
        {"acquirer_token": TOKEN, "last_four": "４２４２"},
        {"acquirer_token": TOKEN, "card_brand": NUMBER},
        {"acquirer_token": TOKEN, "exp_month": 13},
        {"acquirer_token": TOKEN, "exp_year": 31},
        {"acquirer_token": TOKEN, "name": NUMBER},
    ],
)
def test_wrong_input_is_named_and_not_repeated(body: dict[str, Any]) -> None:
    answer = post(body)
    assert answer.status == 400 and answer.body["fields"]
    assert NUMBER not in answer.text and TOKEN not in answer.text
    assert rows("VaultTable") + rows("PaymentsTable") == []


def test_a_publishable_key_is_counted_and_a_secret_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKENS_PER_MINUTE", "2")
    body = {"acquirer_token": TOKEN}
    assert [post(body).status for _ in range(3)] == [201, 201, 429]
    assert post(body, kind=KeyKind.SECRET).status == 201
    assert {row["merchant_id"]["S"] for row in rows("VaultTable")} == {MERCHANT}


def test_a_token_shows_nothing_of_itself() -> None:
    assert TOKEN not in repr(AcquirerToken("stripe", TOKEN))


def test_a_token_is_in_no_log_line(capfd: pytest.CaptureFixture[str]) -> None:
    post({"acquirer_token": TOKEN})
    post({"acquirer_token": TOKEN, "name": NUMBER})
    out, err = capfd.readouterr()
    assert TOKEN not in out + err


def test_a_wrong_field_is_named_as_it_was_sent() -> None:
    answer = post({"acquirer_token": TOKEN, "last_four": "x"})
    assert [problem["field"] for problem in answer.body["fields"]] == ["last_four"]
