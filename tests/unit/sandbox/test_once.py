"""One reference, one effect, one answer: also when everybody asks at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.threads import one_call_at_a_time

if TYPE_CHECKING:
    from tests.unit.sandbox.conftest import Client

AT_ONCE = 8


@pytest.fixture
def honest_races(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each AWS call is atomic, as it is in AWS."""
    one_call_at_a_time(monkeypatch)


def post(client: Client, path: str, body: dict[str, Any]) -> tuple[int, str]:
    answer = client.send("POST", path, body)
    return answer["statusCode"], answer["body"]


@pytest.mark.usefixtures("honest_races")
def test_equal_requests_at_once_have_one_effect_and_one_answer(client: Client) -> None:
    body = client.authorization(capture=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: post(client, "/v1/authorizations", body), range(AT_ONCE)))
    assert len(set(answers)) == 1 and answers[0][0] == 200
    assert len(client.books(order_id=body["order_id"])) == 2


@pytest.mark.usefixtures("honest_races")
def test_refunds_at_once_never_exceed_the_capture(client: Client) -> None:
    charge = client.authorize(capture=True)
    refunds = [client.following("refund", charge, amount_cents=300) for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = [
            status for status, _ in pool.map(lambda b: post(client, "/v1/refunds", b), refunds)
        ]
    rows = client.books(order_id=charge["order_id"])
    assert codes == [200] * AT_ONCE
    assert rows.count(("REFUND", 300, "APPROVED")) == 3
    assert rows.count(("REFUND", 300, "DECLINED")) == AT_ONCE - 3


def test_a_repeat_gets_the_first_answer_whatever_happened_since(client: Client) -> None:
    body = client.authorization()
    first = post(client, "/v1/authorizations", body)
    client.follow("void", body)
    client.move_clock(3600)
    assert post(client, "/v1/authorizations", body) == first
    without_cvc = body | {"card": {k: v for k, v in body["card"].items() if k != "cvc"}}
    assert post(client, "/v1/authorizations", without_cvc) == first
    # but a look-up says how it stands
    found = client.look_up(body["reference"])
    assert found.pop("as_of") > found["created_at"]
    assert found == json.loads(first[1]) | {"status": "REVERSED"}


def test_a_reference_is_not_used_for_something_else(client: Client) -> None:
    body = client.authorization()
    first = post(client, "/v1/authorizations", body)
    other_card = body | {"card": body["card"] | {"number": "5555555555554444"}}
    for other in (body | {"amount_cents": 1001}, body | {"capture": True}, other_card):
        assert post(client, "/v1/authorizations", other)[0] == 409
    capture = client.following("capture", body, reference=body["reference"])
    assert client.ask("/v1/captures", capture)["error"]["code"] == "REFERENCE_REUSED"
    assert post(client, "/v1/authorizations", body) == first
    assert len(client.books(order_id=body["order_id"])) == 1


def test_a_refund_under_the_reference_of_the_capture_is_refused(client: Client) -> None:
    charge = client.authorize()
    capture = client.following("capture", charge)
    client.ask("/v1/captures", capture)
    assert post(client, "/v1/refunds", capture)[0] == 409


def test_an_acquirer_that_is_not_idempotent_charges_twice(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_IDEMPOTENT", "false")
    body = client.authorization(capture=True)
    assert client.ask("/v1/authorizations", body) != client.ask("/v1/authorizations", body)
    assert len(client.books(reference=body["reference"])) == 4
    assert client.follow("void", body)["status"] == "APPROVED"
    statuses = [status for _, _, status in client.books(reference=body["reference"])]
    assert statuses == ["APPROVED"] * 2 + ["REVERSED"] * 2
