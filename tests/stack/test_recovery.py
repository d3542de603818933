"""What ends by itself: lost answers and killed processes, on a real wire and with real processes.

Everything is begun first, and then left alone: nobody reads a payment, for whoever does has it
looked into. The queue and the minute's tick have to do it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import pytest

from tests.stack.live import APPROVED, Answer, Live
from tests.stack.rows import Rows
from tests.stack.workers import Crash, crash, crash_while_it_waits, wait_until
from tests.support.threads import at_once

NEVER_ANSWERED = "4000009900000012"
CHARGED_UNHEARD = {
    NEVER_ANSWERED: "the answer never comes",
    "4000009900000020": "connection reset",
    "4000009900000038": "the first request is lost",
    "4000009900000046": "lands after 30 s",
    "4000009900000053": "502 after the charge",
    "4000009900000061": "another amount in the answer",
}
CAPTURE_UNHEARD = "4000009900000079"
REFUND_PENDS = "4000009900000087"
AT_ONCE = 4
TERMINAL_SECONDS = 200


@dataclass
class LeftAlone:
    """A payment of which nobody knew the end, and when it came."""

    intent_id: str
    answer: Answer
    left_at: float = field(default_factory=time.monotonic)
    took_seconds: float = 0.0
    crash: Crash | None = None
    again: Callable[[], Answer] | None = None


@pytest.fixture(scope="module")
def rows(live: Live) -> Rows:
    return Rows(live)


@pytest.fixture(scope="module")
def left(live: Live, rows: Rows) -> dict[str, LeftAlone]:
    """Every payment that is left alone, by what happened to it, after all came to their ends."""
    with ThreadPoolExecutor(len(CHARGED_UNHEARD) + 5) as watchers:

        def leave(one: LeftAlone) -> Future[LeftAlone]:
            return watchers.submit(ended, one, rows)

        watched = {
            "payment_intents": leave(killed_charge(live, rows, "payment_intents")),
            "charge": leave(killed_charge(live, rows, "charge")),
            "refunds": leave(killed_refund(live, rows)),
        }
        cards = [*CHARGED_UNHEARD, CAPTURE_UNHEARD, REFUND_PENDS]
        futures = at_once(lambda card: leave(unheard(live, card)), cards, AT_ONCE)
        watched |= zip(cards, futures, strict=True)
    live.advance("2m")  # a second charge would have landed by now
    for name, one in watched.items():
        print(f"\n{name}: ended {one.result().took_seconds:.1f} s after it was left", end="")
    return {name: one.result() for name, one in watched.items()}


def ended(one: LeftAlone, rows: Rows) -> LeftAlone:
    """The same, when nothing of it is unknown any more."""
    wait_until(lambda: not rows.is_unresolved(one.intent_id), "no end came", TERMINAL_SECONDS)
    one.took_seconds = time.monotonic() - one.left_at
    return one


def unheard(live: Live, card: str) -> LeftAlone:
    """A payment with a card at which something is not answered, or late."""
    if card == CAPTURE_UNHEARD:
        intent_id = live.pay(1234, card, capture_method="MANUAL").body["intent_id"]
        answer = live.post(f"payment_intents/{intent_id}/capture", {})
    elif card == REFUND_PENDS:
        intent_id = live.pay(1234, card).body["intent_id"]
        answer = live.post("refunds", {"payment_intent_id": intent_id, "amount_cents": 1000})
    else:
        answer = live.pay(1234, card)
        intent_id = answer.body["intent_id"]
    return LeftAlone(intent_id, answer)


def killed_charge(live: Live, rows: Rows, function: str) -> LeftAlone:
    """A charge of which `function` is killed when the acquirer has charged."""
    card = NEVER_ANSWERED if function == "charge" else APPROVED
    body = {"amount_cents": 1234, "currency": "eur", "token": live.token(card)}
    intent_id = live.post("payment_intents", body).body["intent_id"]

    def confirm() -> Answer:
        return live.post(f"payment_intents/{intent_id}/confirm", {}, key=f"confirm-{intent_id}")

    def charged() -> bool:
        return live.moved(intent_id, "CAPTURE") > 0

    if function == "charge":
        crashed = crash_while_it_waits(live, function, confirm, done=charged)
    else:
        sent = partial(rows.was_sent, intent_id)
        crashed = crash(live, function, confirm, sent=sent, done=charged)
    return LeftAlone(intent_id, crashed.answer, crash=crashed, again=confirm)


def killed_refund(live: Live, rows: Rows) -> LeftAlone:
    """A refund whose API function is killed when the acquirer has paid it back."""
    intent_id = live.pay(1234).body["intent_id"]
    body = {"payment_intent_id": intent_id, "amount_cents": 1000}

    def refund() -> Answer:
        return live.post("refunds", body, key=f"refund-{intent_id}")

    crashed = crash(
        live,
        "refunds",
        refund,
        sent=lambda: len(rows.operations(intent_id)) == 2 and rows.was_sent(intent_id),
        done=lambda: live.moved(intent_id, "REFUND") > 0,
    )
    return LeftAlone(intent_id, crashed.answer, crash=crashed, again=refund)


def books(live: Live, intent_id: str) -> list[tuple[str, int, str]]:
    """What the acquirer did, each line of it."""
    return [(it["operation"], it["amount_cents"], it["status"]) for it in live.books(intent_id)]


CHARGED_ONCE = [("AUTHORIZE", 1234, "APPROVED"), ("CAPTURE", 1234, "APPROVED")]


@pytest.mark.parametrize("card", CHARGED_UNHEARD, ids=lambda card: CHARGED_UNHEARD[card])
def test_a_charge_of_which_nobody_heard_ends_by_itself(
    live: Live, rows: Rows, left: dict[str, LeftAlone], card: str
) -> None:
    one = left[card]
    assert (one.answer.status, one.answer.body["status_detail"]) == (202, "OUTCOME_UNKNOWN")
    assert rows.intent(one.intent_id)["status"] == "SUCCEEDED"
    assert books(live, one.intent_id) == CHARGED_ONCE
    assert count_told(live, one.intent_id, "payment_intent.succeeded") == 1


def test_a_capture_of_which_nobody_heard_ends_by_itself(
    live: Live, rows: Rows, left: dict[str, LeftAlone]
) -> None:
    one = left[CAPTURE_UNHEARD]
    assert one.answer.status == 202
    assert rows.intent(one.intent_id)["status"] == "SUCCEEDED"
    assert books(live, one.intent_id) == CHARGED_ONCE
    assert count_told(live, one.intent_id, "payment_intent.succeeded") == 1


def test_a_refund_that_was_pending_ends_by_itself(
    live: Live, rows: Rows, left: dict[str, LeftAlone]
) -> None:
    one = left[REFUND_PENDS]
    assert (one.answer.status, one.answer.body["status"]) == (202, "PENDING")
    assert rows.refund(one.answer.body["refund_id"])["status"] == "SUCCEEDED"
    assert books(live, one.intent_id) == [*CHARGED_ONCE, ("REFUND", 1000, "APPROVED")]
    assert count_told(live, one.intent_id, "refund.succeeded") == 1


@pytest.mark.parametrize("function", ["payment_intents", "charge"])
def test_a_process_killed_between_the_charge_and_tx_2_charges_once(
    live: Live, rows: Rows, left: dict[str, LeftAlone], function: str
) -> None:
    # Given: its caller was told nothing, or that nobody knows
    one = left[function]
    assert one.crash is not None and one.crash.killed and one.again is not None
    assert one.answer.status == (202 if function == "charge" else 502), one.answer.text
    # Then
    assert rows.intent(one.intent_id)["status"] == "SUCCEEDED"
    assert books(live, one.intent_id) == CHARGED_ONCE
    assert count_told(live, one.intent_id, "payment_intent.succeeded") == 1
    # And who asks again with the same key gets the answer, and no second charge
    again = one.again()
    assert (again.status, again.body["status"]) == (200, "SUCCEEDED"), again.text
    assert again.headers["Idempotent-Replayed"] == "true"
    assert books(live, one.intent_id) == CHARGED_ONCE


def test_a_process_killed_during_a_refund_pays_back_once(
    live: Live, left: dict[str, LeftAlone]
) -> None:
    one = left["refunds"]
    assert one.crash is not None and one.crash.killed and one.again is not None
    assert one.answer.status == 502, one.answer.text
    assert live.get(f"payment_intents/{one.intent_id}").body["amount_refunded_cents"] == 1000
    assert books(live, one.intent_id) == [*CHARGED_ONCE, ("REFUND", 1000, "APPROVED")]
    assert count_told(live, one.intent_id, "refund.succeeded") == 1
    again = one.again()
    assert (again.status, again.body["status"]) == (201, "SUCCEEDED"), again.text
    assert len(books(live, one.intent_id)) == 3


def count_told(live: Live, intent_id: str, event_type: str) -> int:
    """How often the merchant was told, once it can be read."""
    wait_until(lambda: event_type in types_told(live, intent_id), "nobody was told")
    return types_told(live, intent_id).count(event_type)


def types_told(live: Live, intent_id: str) -> list[str]:
    return [event["type"] for event in live.told(intent_id)]
