"""Answers of which nobody knows, and answers that race: each reaches the acquirer once."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from farthing.acquiring.exchange import NoByteSent, NoUsableAnswer
from farthing_sandbox import dispute_books, runtime
from farthing_sandbox.books import Books
from tests.unit.disputes.books import require_sound
from tests.unit.disputes.conftest import DECIDES_SECONDS, WINS, Court, Plan


def lose_the_answer(court: Court, path_end: str) -> None:
    """The next answer to a request of this path never comes, though it was done."""

    def lose(method: str, path: str, exchanged: Any) -> Any:
        if path.endswith(path_end) and method == "POST":
            court.stack.acquirer.after = lambda method, path, answer: answer
            raise NoUsableAnswer
        return exchanged

    court.stack.acquirer.after = lose


def lose_the_request(court: Court, path_end: str, how: type[Exception]) -> None:
    """The next request of this path does not arrive."""

    def lose(method: str, path: str) -> None:
        if path.endswith(path_end):
            court.stack.acquirer.before = lambda method, path: None
            raise how

    court.stack.acquirer.before = lose


def sandbox_books() -> Books:
    return runtime.services().acquirer.books


def sandbox_now() -> datetime:
    return runtime.services().now()


def require(fact: bool) -> None:
    assert fact


def test_an_answer_of_which_nobody_knows_is_not_failed_and_found(court: Court) -> None:
    # Given evidence that arrived, and whose answer was lost
    dispute = court.opened()
    lose_the_answer(court, "/evidence")
    sent = court.answer(dispute, {**WINS, "submit": True}, key="k")
    # Then nobody says that it failed
    assert (sent.status, sent.body["answer_pending"]) == (202, True), sent.text
    assert sent.body["status"] == "NEEDS_RESPONSE"
    # When somebody looks, Then it is found there, and is not sent again
    found = court.look(dispute)
    assert (found["status"], found["answer_pending"]) == ("UNDER_REVIEW", False)
    assert found["evidence_submitted_at"] is not None
    assert court.answers_sent() == ["evidence"]
    # And the key gets the answer that it would have got
    again = court.answer(dispute, {**WINS, "submit": True}, key="k")
    assert (again.status, again.body["status"]) == (200, "UNDER_REVIEW")
    require_sound(court.stack, dispute["payment_intent_id"])


def test_the_key_that_comes_again_looks_itself(court: Court) -> None:
    dispute = court.opened()
    lose_the_answer(court, "/acceptance")
    assert court.accept(dispute, key="k").status == 202
    again = court.accept(dispute, key="k")
    assert (again.status, again.body["status"]) == (200, "LOST")
    assert court.answers_sent() == ["acceptance"]


def test_an_answer_that_never_arrived_is_sent_again_under_its_reference(court: Court) -> None:
    dispute = court.opened()
    lose_the_request(court, "/acceptance", NoUsableAnswer)
    assert court.accept(dispute, key="k").status == 202
    # When the hour comes, Then it is sent again
    court.stack.advance(3700)
    assert court.run_deadlines()["failed"] == 0
    assert court.look(dispute)["status"] == "LOST"
    replayed = court.accept(dispute, key="k")
    assert (replayed.status, replayed.body["accepted_at"] is not None) == (200, True)
    (answer,) = court.stack.items("dispute_answer")
    theirs = dispute_books.find(sandbox_books(), dispute["acquirer_reference"])
    assert theirs is not None
    assert [reference for reference, _ in theirs.answers] == [answer["reference"]["S"]]


def test_what_never_left_is_tried_again_with_the_same_key(court: Court) -> None:
    dispute = court.opened()
    lose_the_request(court, "/evidence", NoByteSent)
    sent = court.answer(dispute, {**WINS, "submit": True}, key="k")
    assert (sent.status, sent.body["code"]) == (503, "acquirer_unreachable")
    assert court.look(dispute)["answer_pending"] is False
    assert court.answer(dispute, {**WINS, "submit": True}, key="k").status == 200
    assert court.answers_sent() == ["evidence"]


def test_a_process_that_dies_before_it_sends_leaves_an_answer_that_is_found(court: Court) -> None:
    dispute = court.opened()

    def die(moment: str) -> None:
        if moment == "before" and court.stack.charge.invocations[-1]["task"] == "ANSWER_DISPUTE":
            court.stack.charge.fail = lambda moment: None
            raise SystemExit

    court.stack.charge.fail = die
    with suppress(SystemExit):
        court.accept(dispute, key="k")
    # While its lease runs nobody sends it, nor another one
    assert court.accept(dispute, key="k").body["code"] == "request_in_progress"
    assert court.accept(dispute, key="other").body["code"] == "operation_in_progress"
    # When it has run out, Then who looks sends it
    court.stack.advance(61)
    assert court.look(dispute)["status"] == "LOST"
    assert court.answers_sent() == ["acceptance"]


def test_an_answer_that_comes_too_late_is_refused_by_the_acquirer(court: Court) -> None:
    # Given a dispute that was decided at the acquirer, of which we have not heard
    dispute = court.opened()
    reference = dispute["acquirer_reference"]
    dispute_books.answer(sandbox_books(), reference, ("x", "y"), None, sandbox_now())
    # When evidence is sent
    refused = court.answer(dispute, {**WINS, "submit": True}, key="k")
    # Then it is refused, and what was decided is known
    assert (refused.status, refused.body["code"]) == (409, "dispute_not_answerable"), refused.text
    assert refused.body["dispute"]["status"] == "LOST"
    assert court.answer(dispute, {**WINS, "submit": True}, key="k").status == 409
    require_sound(court.stack, dispute["payment_intent_id"])


def test_the_answer_is_learned_from_its_notice_too(court: Court) -> None:
    # Given evidence whose answer was lost, When the decision is told first
    dispute = court.opened()
    lose_the_answer(court, "/evidence")
    assert court.answer(dispute, {**WINS, "submit": True}, key="k").status == 202
    court.stack.advance(DECIDES_SECONDS)
    court.carry()
    # Then all is known
    found = court.look(dispute)
    assert (found["status"], found["answer_pending"]) == ("WON", False)
    assert found["evidence_submitted_at"] is not None
    assert court.answer(dispute, {**WINS, "submit": True}, key="k").body["status"] == "WON"
    require_sound(court.stack, dispute["payment_intent_id"])


def test_two_answers_at_once_are_one(court: Court, meanwhile: Plan) -> None:
    # Given evidence, while whose request is at work somebody accepts
    dispute = court.opened()
    meanwhile(1, lambda: require(court.accept(dispute).status == 200))
    # Then the second is refused, and one answer was sent
    second = court.answer(dispute, {**WINS, "submit": True})
    assert (second.status, second.body["code"]) == (409, "conflict"), second.text
    assert court.answers_sent() == ["acceptance"]
    assert court.look(dispute)["status"] == "LOST"


def test_two_drafts_at_once_lose_nothing(court: Court, meanwhile: Plan) -> None:
    dispute = court.opened()
    meanwhile(1, lambda: require(court.answer(dispute, {"customer_name": "Ada"}).status == 200))
    second = court.answer(dispute, {"shipping_carrier": "DHL"})
    assert (second.status, second.body["code"]) == (409, "conflict"), second.text
    assert court.look(dispute)["evidence"]["texts"] == {"customer_name": "Ada"}


def test_a_draft_is_not_kept_once_it_was_answered(court: Court, meanwhile: Plan) -> None:
    dispute = court.opened()
    court.answer(dispute, {"customer_name": "Ada"})
    meanwhile(1, lambda: require(court.accept(dispute).status == 200))
    late = court.answer(dispute, {"customer_name": "Eve"})
    assert (late.status, late.body["code"]) == (409, "conflict"), late.text
    assert court.look(dispute)["evidence"]["texts"] == {"customer_name": "Ada"}


def test_two_who_look_for_one_answer_send_it_once(court: Court, meanwhile: Plan) -> None:
    # Given an answer that never arrived
    dispute = court.opened()
    lose_the_request(court, "/acceptance", NoUsableAnswer)
    assert court.accept(dispute).status == 202
    # When two look for it at once
    meanwhile(1, lambda: require(court.look(dispute)["status"] == "LOST"))
    court.look(dispute)
    # Then it was sent once
    assert court.answers_sent() == ["acceptance"]
    (row,) = court.stack.items("dispute_answer")
    assert row["state"]["S"] == "DONE"


def test_one_who_comes_late_to_look_for_an_answer_does_not_send_it(
    court: Court, meanwhile: Plan
) -> None:
    # Given an answer that never arrived, and another that looked for it and lost it again
    dispute = court.opened()
    lose_the_request(court, "/acceptance", NoUsableAnswer)
    assert court.accept(dispute).status == 202
    lose_the_request(court, "/acceptance", NoUsableAnswer)
    meanwhile(1, lambda: require(court.look(dispute)["answer_pending"]))
    # Then who read it before that one took it over leaves it alone
    assert court.look(dispute)["answer_pending"] is True
    assert court.answers_sent() == []


def test_what_is_found_meanwhile_stays_found(court: Court, meanwhile: Plan) -> None:
    # Given a sender that waits for a lost answer so long that another one finds what it did
    dispute = court.opened()
    lose_the_answer(court, "/acceptance")

    def found() -> None:
        court.stack.advance(61)
        assert court.look(dispute)["status"] == "LOST"

    meanwhile(2, found)
    court.accept(dispute, key="k")
    # Then it does not say afterwards that nobody knows
    (row,) = court.stack.items("dispute_answer")
    assert row["state"]["S"] == "DONE"


def test_one_key_used_twice_at_once_sends_once(court: Court, meanwhile: Plan) -> None:
    dispute = court.opened()
    meanwhile(1, lambda: require(court.accept(dispute, key="k").status == 200))
    second = court.accept(dispute, key="k")
    assert (second.status, second.body["status"]) == (200, "LOST"), second.text
    assert court.answers_sent() == ["acceptance"]
