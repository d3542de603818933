"""Recovery with the command line and the test clock: what takes days, and what a person does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from tests.stack.live import Answer, Live
from tests.stack.rows import Rows
from tests.stack.workers import crash_before_sending, halted, wait_until
from tests.support.threads import at_once

FIRST_REQUEST_LOST = "4000009900000038"
LANDS_LATE = "4000009900000046"
TERMINAL_SECONDS = 200
SETTING = "SANDBOX_IDEMPOTENT"


@pytest.fixture(scope="module")
def rows(live: Live) -> Rows:
    return Rows(live)


@contextmanager
def takes_a_reference_twice(live: Live) -> Iterator[None]:
    """An acquirer at which nothing may be sent again, and functions that know it."""
    client = live.aws("lambda")
    listed = client.get_paginator("list_functions").paginate()
    functions = [it for page in listed for it in page["Functions"]]
    before = {
        it["FunctionName"]: it["Environment"]["Variables"]
        for it in functions
        if SETTING in it.get("Environment", {}).get("Variables", {})
    }

    def configure(setting: dict[str, str]) -> None:
        for name, variables in before.items():
            environment = {"Variables": variables | setting}
            client.update_function_configuration(FunctionName=name, Environment=environment)

    configure({SETTING: "false"})
    try:
        yield
    finally:
        configure({})


def books(live: Live, intent_id: str) -> list[tuple[str, str]]:
    return [(row["operation"], row["status"]) for row in live.books(intent_id)]


def resolved_by_the_tick(live: Live, rows: Rows, *intent_ids: str) -> dict[str, int]:
    """What the tick saw, once what it queued is done."""
    seen: dict[str, int] = json.loads(live.farthing("resolve"))
    wait_until(lambda: not any(map(rows.is_unresolved, intent_ids)), "there is no outcome")
    return seen


def test_an_authorization_that_may_not_be_sent_twice_is_reversed_within_200_s(
    live: Live, rows: Rows
) -> None:
    # Given: one that never arrived, and one that arrives when its reversal found nothing
    with takes_a_reference_twice(live):
        cards = [FIRST_REQUEST_LOST, LANDS_LATE]
        answers = at_once(lambda card: live.pay(1234, card), cards)
        assert [answer.status for answer in answers] == [202, 202]
        never, late = (answer.body["intent_id"] for answer in answers)

        def reversal_sent(intent_id: str) -> bool:
            """And answered: from then on the wait for what may be on its way counts."""
            row = rows.operations(intent_id)[0]
            return row["reversal_at"] is not None and row.get("quiet_since") is not None

        wait_until(lambda: reversal_sent(never) and reversal_sent(late), "nothing was reversed")
        # When
        live.advance("62s")
        seen = resolved_by_the_tick(live, rows, never, late)
    # Then
    assert seen["oldest_unknown_seconds"] > 62
    for intent_id in (never, late):
        intent, operation = rows.intent(intent_id), rows.operations(intent_id)[0]
        assert (intent["status"], intent["status_detail"]) == ("FAILED", "REVERSED")
        assert seconds_between(operation["created_at"], failed_at(live, intent_id)) < (
            TERMINAL_SECONDS
        )
    assert books(live, never) == []
    assert books(live, late) == [
        ("AUTHORIZE", "REVERSED"),
        ("CAPTURE", "REVERSED"),
        ("VOID", "APPROVED"),
    ]


def failed_at(live: Live, intent_id: str) -> str:
    """When the merchant was told, once."""
    [event] = [it for it in live.told(intent_id) if it["type"] == "payment_intent.failed"]
    return str(event["created_at"])


def seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def test_a_sender_that_wakes_up_too_late_finds_its_payment_concluded(
    live: Live, rows: Rows
) -> None:
    # Given: the acquirer has charged, and who asked it stands still with the answer unread
    body = {"amount_cents": 1234, "currency": "eur", "token": live.token()}
    intent_id = live.post("payment_intents", body).body["intent_id"]
    with halted(
        live,
        "payment_intents",
        lambda: live.post(f"payment_intents/{intent_id}/confirm", {}),
        sent=lambda: rows.was_sent(intent_id),
        done=lambda: live.moved(intent_id, "CAPTURE") > 0,
    ) as at_work:
        # When: its lease runs out, and somebody else concludes
        live.advance("61s")
        said = live.farthing("resolve", "--operation", rows.address(intent_id))
        assert "is APPROVED" in said
        concluded = rows.intent(intent_id)
    # Then: it tells what the other one found, and writes nothing
    answer = at_work.asked.result()
    assert (answer.status, answer.body["status"]) == (200, "SUCCEEDED"), answer.text
    assert rows.intent(intent_id) == concluded
    assert books(live, intent_id) == [("AUTHORIZE", "APPROVED"), ("CAPTURE", "APPROVED")]
    assert [it["type"] for it in live.told(intent_id)].count("payment_intent.succeeded") == 1


def test_an_authorization_that_ran_out_is_given_back(live: Live, rows: Rows) -> None:
    # Given
    held = live.pay(1234, capture_method="MANUAL").body
    intent_id = held["intent_id"]
    assert held["status_detail"] == "REQUIRES_CAPTURE"
    # When
    live.advance("8d")
    live.farthing("resolve")
    # Then
    wait_until(lambda: rows.intent(intent_id)["status"] == "CANCELLED", "it is still held")
    assert rows.intent(intent_id)["status_detail"] == "EXPIRED"
    assert [row["operation"] for row in live.books(intent_id)] == ["AUTHORIZE", "VOID"]
    assert [it["type"] for it in live.told(intent_id)][-1] == "payment_intent.cancelled"


def test_a_person_decides_where_the_acquirer_cannot_tell(live: Live, rows: Rows) -> None:
    """A refund that may not be sent twice and is not found: nobody knows if it is on its way."""
    # Given: `charge` is killed before it sends
    intent_id = live.pay(1234).body["intent_id"]
    body = {"payment_intent_id": intent_id, "amount_cents": 1000}
    with takes_a_reference_twice(live):

        def refund() -> Answer:
            return live.post("refunds", body)

        crashed = crash_before_sending(
            live, refund, begun=lambda: len(rows.operations(intent_id)) == 2
        )
        assert (crashed.answer.status, crashed.answer.body["status"]) == (202, "PENDING")
        address = rows.address(intent_id)
        decided = ("decide", address, "--outcome", "absent", "--by", "Ada", "--yes")
        # When: it was looked for, and again when nothing can be on its way any more
        wait_until(lambda: rows.was_looked_for(intent_id), "nobody looked")
        live.advance("62s")
        live.farthing("resolve")
        wait_until(lambda: rows.asks_a_person(intent_id), "nobody is asked")
        assert asks(live, address)
        assert json.loads(live.farthing("resolve"))["requiring_decision"] >= 1
        live.advance("5s")  # a look keeps others out for 3 s
        said = live.farthing(*decided, "--reason", "they have nothing of it")
        again = live.run(*decided, "--reason", "they have nothing of it")
    # Then
    assert "is ABSENT" in said
    assert rows.refund(crashed.answer.body["refund_id"])["status"] == "FAILED"
    assert live.moved(intent_id, "REFUND") == 0
    assert again.returncode == 1 and "nothing to decide" in again.stdout + again.stderr
    # And the money can be refunded again
    assert live.post("refunds", body).body["status"] == "SUCCEEDED"


def asks(live: Live, address: str) -> bool:
    """Whether `farthing unknown` says that a person is to decide."""
    lines = [line for line in live.farthing("unknown").splitlines() if address in line]
    assert len(lines) == 1
    return "a person decides" in lines[0]


def test_the_books_are_rebuilt_after_a_restore(live: Live, rows: Rows) -> None:
    # Given: a backup, and what was done after it
    paid = live.pay(1234).body["intent_id"]
    held = live.pay(1234, capture_method="MANUAL").body["intent_id"]
    body = {"amount_cents": 1234, "currency": "eur", "token": live.token()}
    created = live.post("payment_intents", body).body
    confirmed, since = created["intent_id"], created["created_at"]
    backup = rows.backup()
    lost = live.pay(1234).body["intent_id"]
    assert live.post(f"payment_intents/{confirmed}/confirm", {}).status == 200
    refund = live.post("refunds", {"payment_intent_id": paid, "amount_cents": 1000}).body
    assert live.post(f"payment_intents/{held}/capture", {}).status == 200
    # When: the backup is all that there is
    rows.restore(backup)
    would = live.farthing("resolve", "--since", since)
    # Then: without --apply it only says what would be done
    assert counted(would) >= {("1", "WOULD_VOID"), ("3", "WOULD_ADOPT")}
    assert rows.backup() == backup
    # And with it the books are the acquirer's
    done = live.farthing("resolve", "--since", since, "--apply")
    assert counted(done) >= {("1", "VOIDED"), ("3", "ADOPTED")}
    assert rows.intent(lost)["status_detail"] == "REVERSED"
    assert live.moved(lost, "CAPTURE") == 0
    for intent_id in (confirmed, held):
        intent = live.get(f"payment_intents/{intent_id}").body
        assert (intent["status"], intent["amount_captured_cents"]) == ("SUCCEEDED", 1234)
    assert live.get(f"payment_intents/{paid}").body["amount_refunded_cents"] == 1000
    assert rows.refund(refund["refund_id"])["status"] == "SUCCEEDED"
    # And once is enough
    after = rows.backup()
    assert {what for _, what in counted(live.farthing("resolve", "--since", since, "--apply"))} == {
        "MATCHED"
    }
    assert rows.backup() == after


def counted(said: str) -> set[tuple[str, str]]:
    """The last line: how many transactions there are of each verdict."""
    return set(re.findall(r"(\d+) ([A-Z_]+)", said))
