"""The edge: keys, signatures, bad input, faults, and what is never kept."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from functions.sandbox_acquirer import app

from farthing_sandbox import runtime
from farthing_sandbox.books import Books
from tests.unit.sandbox.conftest import SECRETS, signature

if TYPE_CHECKING:
    from tests.unit.sandbox.conftest import Client

EVENTS = Path(__file__).parents[3] / "events"
KEYED = [
    ("POST", "/v1/authorizations", "acquirer"),
    ("POST", "/v1/captures", "acquirer"),
    ("POST", "/v1/voids", "acquirer"),
    ("POST", "/v1/refunds", "acquirer"),
    ("POST", "/v1/reversals", "acquirer"),
    ("GET", "/v1/operations", "acquirer"),
    ("GET", "/v1/operations/x", "acquirer"),
    ("PUT", "/v1/webhook_endpoint", "acquirer"),
    ("POST", "/v1/settlements", "reporting"),
    ("GET", "/v1/settlements/x", "reporting"),
    ("GET", "/v1/settlements/x/report", "reporting"),
]


def event(case: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"sandbox_acquirer.{case}.json").read_text())
    return found


def test_the_events_for_sam_local_invoke_work(client: Client) -> None:
    charged = app.handler(event("authorize"), None)
    assert charged["statusCode"] == 200
    assert json.loads(charged["body"])["status"] == "APPROVED"
    shown = json.loads(app.handler(event("transactions"), None)["body"])["data"]
    assert [(row["operation"], row["amount_cents"]) for row in shown] == [
        ("AUTHORIZE", 1250),
        ("CAPTURE", 1250),
    ]


@pytest.mark.parametrize(("method", "path", "right"), KEYED)
def test_each_route_has_its_key_and_signs_its_answers(
    client: Client, method: str, path: str, right: str
) -> None:
    wrong = SECRETS["reporting" if right == "acquirer" else "acquirer"]
    for secret in (None, "", "é", wrong, SECRETS[right] + "x"):
        refused = client.send(method, path, "{}", secret=secret)
        assert refused["statusCode"] == 401
    let_in = client.send(method, path, "{}", secret=SECRETS[right])
    assert let_in["statusCode"] in (400, 404)
    assert let_in["headers"]["Sandbox-Signature"] == signature(let_in, SECRETS[right])


def test_an_approval_is_signed(client: Client) -> None:
    answer = client.send("POST", "/v1/authorizations", client.authorization())
    assert answer["headers"]["Sandbox-Signature"] == signature(answer, SECRETS["acquirer"])


def test_what_is_not_there_is_said_to_be_not_there(client: Client) -> None:
    missing = client.send("GET", "/v1/operations/nobody")
    assert missing["statusCode"] == 404
    assert json.loads(missing["body"])["error"]["code"] == "NOT_FOUND"
    assert json.loads(missing["body"])["reference"] == "nobody"
    assert json.loads(missing["body"])["as_of"].endswith("Z")
    assert client.send("GET", "/v1/authorizations")["statusCode"] == 404
    assert client.books(reference="nobody") == client.books(order_id="nobody") == []


BAD = [
    None,
    "",
    "[]",
    "null",
    "{",
    '"\\ud800"',
    "[" * 100_000,
    {"amount_cents": 0},
    {"amount_cents": -1},
    {"amount_cents": 100_000_000},
    {"amount_cents": 1000.0},
    {"amount_cents": "1000"},
    {"amount_cents": True},
    {"amount_cents": 10**400},
    {"currency": "euro"},
    {"currency": "e\u0443r"},
    {"capture": "true"},
    {"capture": None},
    {"reference": ""},
    {"reference": "a#b"},
    {"reference": "a\n"},
    {"reference": "a" * 81},
    {"order_id": 7},
    {"surprise": 1},
    {"merchant_reference": "a#b"},
    {"card": None},
    {"card": {"number": "4242 4242 4242 4242", "exp_month": 12, "exp_year": 2030}},
    {"card": {"number": "\u0664" * 16, "exp_month": 12, "exp_year": 2030}},
    {"card": {"number": "4242424242424242", "exp_month": 13, "exp_year": 2030}},
    {"card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 30}},
    {"card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "12"}},
    {"stored_credential": {"use": "AGAIN", "initiator": "CUSTOMER"}},
]


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_bad_input_is_named_and_writes_nothing(client: Client, bad: Any) -> None:
    body = client.authorization() | bad if isinstance(bad, dict) else bad
    answer = client.send("POST", "/v1/authorizations", body)
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["error"]["code"] == "MALFORMED"
    assert "4242" not in answer["body"]
    if isinstance(bad, dict):
        assert next(iter(bad)) in answer["body"]
    assert client.stored() == []


@pytest.mark.parametrize(
    "query", [{}, {"reference": "a", "order_id": "b"}, {"card": "x"}, {"reference": "a b"}]
)
def test_transactions_are_asked_for_by_one_name(client: Client, query: dict[str, str]) -> None:
    assert client.send("GET", "/transactions", query=query, secret=None)["statusCode"] == 400


def test_a_base64_body_is_read(client: Client) -> None:
    case = event("authorize")
    case |= {"body": base64.b64encode(case["body"].encode()).decode(), "isBase64Encoded": True}
    assert app.handler(case, None)["statusCode"] == 200


@pytest.mark.parametrize(
    ("number", "fault"), [("4000009900000012", "no-answer"), ("4000009900000020", "reset")]
)
def test_approved_and_nobody_hears_of_it(client: Client, number: str, fault: str) -> None:
    # Given a charge whose answer is lost
    body = client.authorization(number, capture=True)
    lost = client.send("POST", "/v1/authorizations", body)
    # Then the answer proves nothing
    assert lost["headers"]["Farthing-Sandbox-Fault"] == fault
    assert lost["body"] == ""
    assert "Sandbox-Signature" not in lost["headers"]
    # and a look-up says what happened, and the rest works
    found = client.send("GET", f"/v1/operations/{body['reference']}")
    assert json.loads(found["body"])["status"] == "APPROVED"
    assert client.follow("refund", body)["status"] == "APPROVED"


def test_the_first_request_is_lost_and_a_later_one_approved(client: Client) -> None:
    for _ in range(2):
        body = client.authorization("4000009900000038")
        lost = client.send("POST", "/v1/authorizations", body)
        assert lost["headers"]["Farthing-Sandbox-Fault"] == "no-answer"
        assert client.send("GET", f"/v1/operations/{body['reference']}")["statusCode"] == 404
        assert client.books(order_id=body["order_id"]) == []
        assert client.ask("/v1/authorizations", body)["status"] == "APPROVED"
        assert client.books(order_id=body["order_id"]) == [("AUTHORIZE", 1000, "APPROVED")]


@pytest.mark.parametrize(
    ("number", "status", "sleeps"),
    [("4000009900000012", 504, 1), ("4000009900000020", 502, 0), ("4000009900000038", 504, 1)],
)
def test_without_a_front_the_function_itself_is_silent(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    number: str,
    status: int,
    sleeps: int,
) -> None:
    slept: list[float] = []
    monkeypatch.setenv("SANDBOX_FAULTS", "sleep")
    monkeypatch.setattr(runtime.Surroundings, "sleep", lambda self, seconds: slept.append(seconds))
    answer = client.send("POST", "/v1/authorizations", client.authorization(number))
    assert (answer["statusCode"], answer["body"], len(slept)) == (status, "", sleeps)
    assert "Sandbox-Signature" not in answer["headers"]


def test_neither_number_nor_cvc_is_kept_or_logged(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = ("4242424242424242", "4000000000000002", "4000009900000038", "4242424242424241")
    for number in numbers:
        body = client.authorization(number, card={"cvc": "9173"})
        client.send("POST", "/v1/authorizations", body)
        client.send("POST", "/v1/authorizations", body | {"surprise": 1})
    trace = json.dumps(client.stored()) + "".join(capsys.readouterr())
    assert "auth-1" in trace
    assert [n for n in numbers if n in trace] == []
    assert "9173" not in trace


def test_network_references_cannot_look_like_a_card(client: Client) -> None:
    for _ in range(50):
        text = runtime.random_text(15)
        assert len(text) == 15 and text.isalnum()
        assert (
            max(len(run) for run in "".join(c if c.isdigit() else " " for c in text).split(" ")) < 4
        )


def test_a_charge_that_is_too_busy_is_answered_and_signed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> bool:
        return False

    monkeypatch.setattr(Books, "record", never)
    monkeypatch.setattr(runtime, "pause", lambda attempt: None)
    answer = client.send("POST", "/v1/authorizations", client.authorization())
    assert answer["statusCode"] == 503
    assert answer["headers"]["Sandbox-Signature"] == signature(answer, SECRETS["acquirer"])
    assert client.stored() == []
