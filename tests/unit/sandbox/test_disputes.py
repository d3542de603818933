"""Disputes: when they open, how they end by the evidence, and what the books show of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from farthing_sandbox import disputes, runtime
from farthing_sandbox.operations import DISPUTED_AFTER_SECONDS

if TYPE_CHECKING:
    from tests.unit.sandbox.conftest import Client

DISPUTED = "4000000000000259"
DAY = 24 * 60 * 60
WINS = {"uncategorized_text": "here is WINNING_EVIDENCE for you"}
LOSES = {"uncategorized_text": "LOSING_EVIDENCE and WINNING_EVIDENCE"}
TAKEN = [("DISPUTE", 1000, "APPROVED"), ("DISPUTE_FEE", 1500, "APPROVED")]


@dataclass
class Line:
    """What the sandbox sends: messages to itself, and notices to its client."""

    waiting: list[str] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    def deliver(self, client: Client) -> None:
        """Every message that waits, twice: queues bring some twice."""
        waiting, self.waiting = self.waiting, []
        messages = [{"messageId": str(n), "body": body} for n, body in enumerate(waiting)]
        for _ in range(2):
            assert client.wake(*messages) == []


@pytest.fixture
def line(client: Client, monkeypatch: pytest.MonkeyPatch) -> Line:
    line = Line()
    monkeypatch.setattr(runtime, "defer", lambda message, _: line.waiting.append(message))

    def post(_: Any, url: str, body: bytes, headers: dict[str, str]) -> None:
        assert headers["webhook-signature"].startswith("v1,")
        line.told.append(json.loads(body))

    monkeypatch.setattr(runtime.Surroundings, "post", post)
    client.send("PUT", "/v1/webhook_endpoint", {"url": "https://client.example/hook"})
    return line


def charged(client: Client, amount_cents: int = 1000) -> dict[str, Any]:
    return client.authorize(DISPUTED, amount_cents=amount_cents, capture=True)


def name(charge: dict[str, Any]) -> str:
    return disputes.reference_of(charge["reference"])


def find(client: Client, charge: dict[str, Any]) -> dict[str, Any]:
    answer = client.send("GET", f"/v1/disputes/{name(charge)}")
    found: dict[str, Any] = json.loads(answer["body"])
    return found


def stands(client: Client, charge: dict[str, Any]) -> tuple[str, str]:
    client.books(order_id=charge["order_id"])
    found = find(client, charge)
    return found["stage"], found["status"]


def answer(
    client: Client, charge: dict[str, Any], text: dict[str, str], reference: str = "a-1"
) -> dict[str, Any]:
    return client.ask(
        f"/v1/disputes/{name(charge)}/evidence", {"reference": reference, "text": text}
    )


def accept(client: Client, charge: dict[str, Any]) -> dict[str, Any]:
    return client.ask(f"/v1/disputes/{name(charge)}/acceptance", {"reference": "acc-1"})


def beside(client: Client, charge: dict[str, Any]) -> list[tuple[str, int, str]]:
    """The lines beside the charge's own."""
    rows = client.books(order_id=charge["order_id"])
    return sorted(row for row in rows if row[0] not in {"AUTHORIZE", "CAPTURE"})


def test_a_charge_is_disputed_a_while_after_its_capture(client: Client) -> None:
    # Given a charge of the disputed number
    charge = charged(client)
    assert beside(client, charge) == []
    assert find(client, charge)["error"]["code"] == "NOT_FOUND"
    # When its time has come, Then whoever looks finds it disputed, and the money gone
    client.move_clock(DISPUTED_AFTER_SECONDS + 1)
    assert beside(client, charge) == TAKEN
    assert stands(client, charge) == ("CHARGEBACK", "NEEDS_RESPONSE")
    found = find(client, charge)
    assert (found["order_id"], found["amount_cents"], found["fee_cents"]) == (
        charge["order_id"],
        1000,
        1500,
    )
    # And it cannot be refunded
    assert client.follow("refund", charge)["status"] == "DECLINED"


def test_what_is_captured_later_is_disputed_after_that(client: Client) -> None:
    charge = client.authorize(DISPUTED)
    client.move_clock(DISPUTED_AFTER_SECONDS + 1)
    assert beside(client, charge) == []
    client.follow("capture", charge, amount_cents=600)
    assert beside(client, charge) == []
    client.move_clock(2 * DISPUTED_AFTER_SECONDS + 2)
    assert beside(client, charge)[0] == ("DISPUTE", 600, "APPROVED")


@pytest.mark.parametrize(
    ("text", "status", "back"),
    [
        (WINS, "WON", [("DISPUTE_REVERSAL", 1000, "APPROVED")]),
        (LOSES, "LOST", []),
        ({"product_description": "a book"}, "LOST", []),
    ],
)
def test_the_evidence_decides(
    client: Client, text: dict[str, str], status: str, back: list[Any]
) -> None:
    charge = charged(client)
    client.move_clock(DISPUTED_AFTER_SECONDS + 1)
    stands(client, charge)
    # When it is answered, Then it is looked at, for a while
    assert answer(client, charge, text)["status"] == "UNDER_REVIEW"
    client.move_clock(2 * DISPUTED_AFTER_SECONDS + 2)
    assert stands(client, charge) == ("CHARGEBACK", status)
    assert beside(client, charge) == sorted(TAKEN + back)
    # And what was won can be refunded again
    refund = client.follow("refund", charge)
    assert refund["status"] == ("APPROVED" if back else "DECLINED")


def test_an_answer_is_one_for_its_reference(client: Client) -> None:
    charge = charged(client)
    client.move_clock(DISPUTED_AFTER_SECONDS + 1)
    stands(client, charge)
    first = answer(client, charge, WINS)
    assert first["answered_by"] == ["a-1"]
    assert answer(client, charge, WINS)["answered_by"] == ["a-1"]
    assert answer(client, charge, LOSES)["error"]["code"] == "REFERENCE_REUSED"
    assert answer(client, charge, WINS, "a-2")["error"]["code"] == "NOT_ANSWERABLE"
    assert answer(client, {"reference": "none"}, WINS)["error"]["code"] == "NOT_FOUND"


def test_without_evidence_the_deadline_decides(client: Client) -> None:
    charge = charged(client)
    client.move_clock(11 * DAY)
    assert stands(client, charge) == ("CHARGEBACK", "LOST")
    assert accept(client, charge)["error"]["code"] == "NOT_ANSWERABLE"


def test_it_can_be_accepted(client: Client) -> None:
    charge = charged(client)
    client.move_clock(DISPUTED_AFTER_SECONDS + 1)
    stands(client, charge)
    assert accept(client, charge)["status"] == "LOST"
    assert accept(client, charge)["status"] == "LOST"
    assert beside(client, charge) == TAKEN


def test_an_inquiry_takes_no_money_until_it_is_a_chargeback(client: Client) -> None:
    charge = charged(client, 1091)
    client.move_clock(DISPUTED_AFTER_SECONDS + 1)
    assert stands(client, charge) == ("INQUIRY", "NEEDS_RESPONSE")
    assert beside(client, charge) == []
    assert accept(client, charge)["error"]["code"] == "NOT_ANSWERABLE"
    client.move_clock(11 * DAY)
    assert stands(client, charge) == ("CHARGEBACK", "NEEDS_RESPONSE")
    assert [row[0] for row in beside(client, charge)] == ["DISPUTE", "DISPUTE_FEE"]


def test_an_inquiry_that_is_answered_well_closes(client: Client) -> None:
    charge = charged(client, 1091)
    client.move_clock(DISPUTED_AFTER_SECONDS + 1)
    stands(client, charge)
    answer(client, charge, WINS)
    client.move_clock(30 * DAY)
    assert stands(client, charge) == ("INQUIRY", "CLOSED")
    assert beside(client, charge) == []


def test_an_inquiry_about_what_was_refunded_closes_by_itself(client: Client) -> None:
    charge = charged(client, 1091)
    client.move_clock(DISPUTED_AFTER_SECONDS + 1)
    stands(client, charge)
    assert client.follow("refund", charge)["status"] == "APPROVED"
    client.move_clock(11 * DAY)
    assert stands(client, charge) == ("INQUIRY", "CLOSED")


def test_pre_arbitration_takes_the_money_again(client: Client) -> None:
    charge = charged(client, 1092)
    client.move_clock(DISPUTED_AFTER_SECONDS + 1)
    stands(client, charge)
    answer(client, charge, WINS)
    client.move_clock(DAY)
    assert stands(client, charge) == ("PRE_ARBITRATION", "NEEDS_RESPONSE")
    arbitrated = find(client, charge)["pre_arbitration_reference"]
    assert client.books(reference=arbitrated) == [("DISPUTE", 1092, "APPROVED")]
    answer(client, charge, WINS, "a-2")
    client.move_clock(2 * DAY)
    assert stands(client, charge) == ("PRE_ARBITRATION", "WON")
    assert [row[0] for row in beside(client, charge)] == [
        "DISPUTE",
        "DISPUTE",
        "DISPUTE_FEE",
        "DISPUTE_REVERSAL",
        "DISPUTE_REVERSAL",
    ]


def test_a_refunded_charge_is_disputed_all_the_same(client: Client) -> None:
    charge = charged(client)
    assert client.follow("refund", charge)["status"] == "APPROVED"
    client.move_clock(DISPUTED_AFTER_SECONDS + 1)
    assert ("DISPUTE", 1000, "APPROVED") in beside(client, charge)


def test_each_step_is_told_once(client: Client, line: Line) -> None:
    # Given a disputed charge whose message has come
    charge = charged(client)
    client.move_clock(DISPUTED_AFTER_SECONDS + 2)
    line.deliver(client)
    # When it is answered, and decided
    answer(client, charge, WINS)
    client.move_clock(2 * DISPUTED_AFTER_SECONDS + 4)
    line.deliver(client)
    # Then each was told, once, and names the dispute
    assert [(one["type"], one["data"]["status"]) for one in line.told] == [
        ("dispute.opened", "NEEDS_RESPONSE"),
        ("dispute.updated", "UNDER_REVIEW"),
        ("dispute.closed", "WON"),
    ]
    assert {one["data"]["dispute"] for one in line.told} == {name(charge)}
    assert len({one["id"] for one in line.told}) == 3
    assert line.waiting == []


def test_that_it_was_accepted_is_told(client: Client, line: Line) -> None:
    charge = charged(client)
    client.move_clock(DISPUTED_AFTER_SECONDS + 2)
    line.deliver(client)
    accept(client, charge)
    line.deliver(client)
    assert [one["data"]["status"] for one in line.told] == ["NEEDS_RESPONSE", "LOST"]


def test_a_refund_comes_back_and_is_told(client: Client, line: Line) -> None:
    charge = client.authorize("4000009900000186", capture=True)
    refund = client.follow("refund", charge)
    assert refund["status"] == "APPROVED"
    assert client.look_up(refund["reference"])["returned"] is None
    client.move_clock(22)
    # When somebody looks, and the message comes
    back = client.look_up(refund["reference"])
    assert (back["status"], back["returned"]["amount_cents"]) == ("APPROVED", 1000)
    line.deliver(client)
    # Then it is one line of the books, and is told
    assert beside(client, charge) == [
        ("REFUND", 1000, "APPROVED"),
        ("REFUND_RETURN", 1000, "APPROVED"),
    ]
    assert {one["type"] for one in line.told} == {"refund.returned"}
    # And it can be refunded again
    assert client.follow("refund", charge)["status"] == "APPROVED"
