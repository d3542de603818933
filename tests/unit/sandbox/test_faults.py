"""Answers that go wrong after the books were written, and a charge that is long on its way."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.threads import one_call_at_a_time
from tests.unit.sandbox.conftest import SECRETS, signature
from tests.unit.sandbox.settling import submit, sums

if TYPE_CHECKING:
    from tests.unit.sandbox.conftest import Client

LANDS_LATE = "4000009900000046"
BAD_GATEWAY = "4000009900000053"
WRONG_AMOUNT = "4000009900000061"
CAPTURE_NO_ANSWER = "4000009900000079"
NO_ANSWER = "4000009900000012"
LANDED_SECONDS = 31


def is_silence(answer: dict[str, Any]) -> bool:
    """Whether the network ate the answer."""
    return (
        answer["headers"].get("Farthing-Sandbox-Fault") == "no-answer"
        and answer["body"] == ""
        and "Sandbox-Signature" not in answer["headers"]
    )


@pytest.mark.parametrize("faults", ["front", "sleep"])
def test_a_bad_gateway_is_html_and_proves_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch, faults: str
) -> None:
    monkeypatch.setenv("SANDBOX_FAULTS", faults)
    body = client.authorization(BAD_GATEWAY, capture=True)
    for _ in range(2):
        lost = client.send("POST", "/v1/authorizations", body)
        assert lost["statusCode"] == 502
        assert lost["headers"] == {"Content-Type": "text/html"}
        assert lost["body"].startswith("<html>")
    assert client.look_up(body["reference"])["status"] == "APPROVED"
    assert len(client.books(order_id=body["order_id"])) == 2


def test_a_wrong_amount_is_signed_and_the_books_have_the_right_one(client: Client) -> None:
    body = client.authorization(WRONG_AMOUNT)
    for _ in range(2):
        answer = client.send("POST", "/v1/authorizations", body)
        assert answer["headers"]["Sandbox-Signature"] == signature(answer, SECRETS["acquirer"])
        assert json.loads(answer["body"])["amount_cents"] == 1001
    assert client.look_up(body["reference"])["amount_cents"] == 1000
    assert client.books(order_id=body["order_id"]) == [("AUTHORIZE", 1000, "APPROVED")]
    assert client.follow("capture", body)["amount_cents"] == 1000


def test_a_capture_is_booked_and_nobody_hears_of_it(client: Client) -> None:
    # Given a charge whose captures are not answered
    charge = client.authorize(CAPTURE_NO_ANSWER)
    # When more than all is captured, then that is refused as ever
    assert client.follow("capture", charge, amount_cents=1001)["decline_code"] == "13"
    # When it is captured, once and again, then there is silence and one capture
    capture = client.following("capture", charge, amount_cents=600)
    for _ in range(2):
        assert is_silence(client.send("POST", "/v1/captures", capture))
    assert client.books(reference=capture["reference"]) == [("CAPTURE", 600, "APPROVED")]
    assert client.look_up(capture["reference"])["status"] == "APPROVED"
    # and everything else is answered
    assert client.follow("refund", charge, amount_cents=600)["status"] == "APPROVED"


def test_other_charges_answer_their_captures(client: Client) -> None:
    held = client.authorization(NO_ANSWER)
    client.send("POST", "/v1/authorizations", held)
    assert client.follow("capture", held)["status"] == "APPROVED"
    assert client.authorize(CAPTURE_NO_ANSWER, capture=True)["captured_cents"] == 1000


def assert_nothing_is_seen(client: Client, body: dict[str, Any]) -> None:
    """Nobody can tell that there was a charge."""
    missing = client.send("GET", f"/v1/operations/{body['reference']}")
    assert missing["statusCode"] == 404
    assert client.books(order_id=body["order_id"]) == []
    assert client.books(reference=body["reference"]) == []
    assert client.list_operations()["data"] == []


def test_a_charge_that_lands_late_is_not_seen_before(client: Client) -> None:
    # Given a charge that was sent
    body = client.authorization(LANDS_LATE, capture=True)
    assert is_silence(client.send("POST", "/v1/authorizations", body))
    # Then for half a minute nobody knows of it, and a resend is not answered
    for seconds in (0, 25):
        client.move_clock(seconds)
        assert_nothing_is_seen(client, body)
        assert is_silence(client.send("POST", "/v1/authorizations", body))
    # and then it is there, once, at the time when it landed
    client.move_clock(LANDED_SECONDS)
    both = [("AUTHORIZE", 1000, "APPROVED"), ("CAPTURE", 1000, "APPROVED")]
    assert client.books(order_id=body["order_id"]) == both
    found = client.look_up(body["reference"])
    assert found["status"] == "APPROVED" and found["created_at"] <= found["as_of"]
    assert [row["created_at"] for row in client.list_operations()["data"]] == [found["created_at"]]
    # and from now on it is answered, and can be refunded
    assert client.ask("/v1/authorizations", body)["status"] == "APPROVED"
    assert client.follow("refund", body)["status"] == "APPROVED"
    assert client.books(order_id=body["order_id"]) == [*both, ("REFUND", 1000, "APPROVED")]


def test_what_is_asked_of_a_charge_on_its_way_finds_nothing(client: Client) -> None:
    # Given a charge that has not landed
    body = client.authorization(LANDS_LATE)
    client.send("POST", "/v1/authorizations", body)
    # When somebody wants to undo it
    reversal = client.reversal(body)
    assert client.ask("/v1/reversals", reversal)["result"] == "NOT_FOUND"
    assert client.follow("void", body)["decline_code"] == "25"
    # Then it lands all the same, and the very same reversal undoes it then
    client.move_clock(LANDED_SECONDS)
    assert client.look_up(body["reference"])["status"] == "APPROVED"
    assert client.books(reference=body["reference"]) == [("AUTHORIZE", 1000, "APPROVED")]
    assert client.ask("/v1/reversals", reversal)["result"] == "REVERSED"
    assert client.books(reference=body["reference"]) == [("AUTHORIZE", 1000, "REVERSED")]


def test_a_late_charge_that_is_refused_is_refused_at_once(client: Client) -> None:
    assert client.authorize(LANDS_LATE, card={"cvc": None})["decline_code"] == "N7"


def test_a_late_charge_sent_many_times_at_once_lands_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_call_at_a_time(monkeypatch)
    body = client.authorization(LANDS_LATE)
    with ThreadPoolExecutor(6) as pool:
        sent = pool.map(lambda _: client.send("POST", "/v1/authorizations", body), range(6))
        assert all(map(is_silence, sent))
    client.move_clock(LANDED_SECONDS)
    assert client.books(order_id=body["order_id"]) == [("AUTHORIZE", 1000, "APPROVED")]


def test_a_settlement_pays_nothing_that_has_not_landed(client: Client) -> None:
    # Given two equal settlements, one before the charge landed and one after
    body = client.authorization(LANDS_LATE, capture=True)
    client.send("POST", "/v1/authorizations", body)
    for seconds, name in ((0, "early"), (LANDED_SECONDS, "late")):
        client.move_clock(seconds)
        answer = submit(client, (body["reference"], "CAPTURE", 1000), reference=name)
        assert answer["statusCode"] == 200
    # Then the second one pays it
    for name, paid in (("early", 0), ("late", 1000)):
        assert sums(client, name)[0] == paid
