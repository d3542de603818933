"""A dispute's life, as a merchant sees it, and what the books say at each step."""

from __future__ import annotations

import pytest

from farthing.ids import is_id
from tests.unit.disputes.books import balances, intent_of, moved, require_sound, theirs, told
from tests.unit.disputes.conftest import (
    ARBITRATED,
    DAY,
    DECIDES_SECONDS,
    INQUIRED,
    LOSES,
    OPENS_SECONDS,
    WINS,
    Court,
)

FEE = 1500


def after_payment(court: Court, intent_id: str) -> list[str]:
    """What was told after the payment itself."""
    return told(court.stack, intent_id)[2:]


def test_it_opens_and_the_money_is_held(court: Court) -> None:
    # Given a payment that its payer disputes, When the acquirer says so
    dispute = court.opened()
    intent_id = dispute["payment_intent_id"]
    # Then the merchant sees what and until when
    assert is_id("dp", dispute["dispute_id"])
    assert (dispute["stage"], dispute["status"]) == ("CHARGEBACK", "NEEDS_RESPONSE")
    assert (dispute["amount_cents"], dispute["fee_cents"]) == (1000, FEE)
    assert (dispute["reason"], dispute["amount_overdrawn_cents"]) == ("fraudulent", 0)
    assert dispute["due_by"] is not None and dispute["answer_pending"] is False
    assert after_payment(court, intent_id) == ["dispute.opened"]
    # and the payment stays what it was
    payment = court.stack.get(f"payment_intents/{intent_id}").body
    assert (payment["status"], payment["amount_captured_cents"]) == ("SUCCEEDED", 1000)
    assert (payment["is_disputed"], payment["amount_disputed_cents"]) == (True, 1000)
    # and the money is neither the merchant's nor the acquirer's to pay
    assert balances(court.stack, intent_id) == {
        "acquirer_receivable:sandbox": -FEE,
        "merchant_pending": -1000,
        "merchant_payable": 1000,
        "merchant_reserve": -1000,
        "dispute_receivable": 1000,
        "dispute_fee_expense": FEE,
    }
    reference = dispute["acquirer_reference"]
    assert moved(court.stack, intent_id)[1:] == [
        ("DISPUTE", reference, 1000),
        ("DISPUTE_FEE", reference, FEE),
    ]
    require_sound(court.stack, intent_id)


def test_evidence_that_convinces_wins(court: Court) -> None:
    dispute = court.opened()
    intent_id = dispute["payment_intent_id"]
    # When evidence is sent
    sent = court.answer(dispute, {**WINS, "product_description": "a book", "submit": True})
    # Then it is looked at
    assert (sent.status, sent.body["status"]) == (200, "UNDER_REVIEW"), sent.text
    assert sent.body["evidence_submitted_at"] is not None
    assert sent.body["due_by"] is None
    # When it is decided, and the acquirer tells
    court.stack.advance(DECIDES_SECONDS)
    court.carry()
    # Then all is as before, but for the fee
    won = court.look(dispute)
    assert (won["status"], won["closed_at"] is not None) == ("WON", True)
    assert won["evidence"]["texts"]["product_description"] == "a book"
    assert after_payment(court, intent_id) == ["dispute.opened", "dispute.updated", "dispute.won"]
    assert balances(court.stack, intent_id) == {
        "acquirer_receivable:sandbox": 1000 - FEE,
        "merchant_pending": -1000,
        "dispute_fee_expense": FEE,
    }
    require_sound(court.stack, intent_id)
    # And it can be refunded again
    assert court.stack.refund(intent_id).status == 201


def test_evidence_that_does_not_convince_loses(court: Court) -> None:
    dispute = court.opened()
    intent_id = dispute["payment_intent_id"]
    assert court.answer(dispute, {**LOSES, "submit": True}).status == 200
    court.stack.advance(DECIDES_SECONDS)
    court.carry()
    assert court.look(dispute)["status"] == "LOST"
    assert after_payment(court, intent_id)[-1] == "dispute.lost"
    assert balances(court.stack, intent_id) == {
        "acquirer_receivable:sandbox": -FEE,
        "merchant_pending": -1000,
        "merchant_payable": 1000,
        "dispute_fee_expense": FEE,
    }
    require_sound(court.stack, intent_id)
    # The payer has the money: nothing is left to refund
    refused = court.stack.refund(intent_id, 1)
    assert (refused.status, refused.body["code"]) == (409, "amount_too_large")


def test_it_is_accepted(court: Court) -> None:
    dispute = court.opened()
    lost = court.accept(dispute)
    assert (lost.status, lost.body["status"]) == (200, "LOST"), lost.text
    assert lost.body["accepted_at"] is not None
    assert after_payment(court, dispute["payment_intent_id"]) == ["dispute.opened", "dispute.lost"]
    require_sound(court.stack, dispute["payment_intent_id"])
    again = court.accept(dispute)
    assert (again.status, again.body["code"]) == (409, "dispute_not_answerable")


def test_nothing_is_answered_and_the_deadline_passes(court: Court) -> None:
    dispute = court.opened()
    court.stack.advance(10 * DAY + 3600)
    assert court.run_deadlines()["looked"] == 1
    assert court.look(dispute)["status"] == "LOST"
    require_sound(court.stack, dispute["payment_intent_id"])


def test_an_inquiry_moves_no_money_and_may_close(court: Court) -> None:
    dispute = court.opened(INQUIRED)
    intent_id = dispute["payment_intent_id"]
    assert (dispute["stage"], dispute["fee_cents"]) == ("INQUIRY", 0)
    assert court.stack.get(f"payment_intents/{intent_id}").body["is_disputed"] is False
    refused = court.accept(dispute)
    assert (refused.status, refused.body["code"]) == (409, "dispute_not_answerable")
    assert court.answer(dispute, {**WINS, "submit": True}).body["status"] == "UNDER_REVIEW"
    court.stack.advance(DECIDES_SECONDS)
    court.carry()
    assert court.look(dispute)["status"] == "CLOSED"
    assert set(after_payment(court, intent_id)) == {"dispute.opened", "dispute.updated"}
    assert [row[0] for row in moved(court.stack, intent_id)] == ["CAPTURE"]
    require_sound(court.stack, intent_id)


def test_an_inquiry_becomes_a_chargeback(court: Court) -> None:
    dispute = court.opened(INQUIRED)
    intent_id = dispute["payment_intent_id"]
    assert court.answer(dispute, {**LOSES, "submit": True}).status == 200
    court.stack.advance(DECIDES_SECONDS)
    court.carry()
    after = court.look(dispute)
    assert (after["stage"], after["status"]) == ("CHARGEBACK", "NEEDS_RESPONSE")
    assert after["fee_cents"] == FEE
    require_sound(court.stack, intent_id)
    assert court.answer(after, {**WINS, "submit": True}).status == 200
    court.stack.advance(DECIDES_SECONDS)
    court.carry()
    assert court.look(dispute)["status"] == "WON"
    require_sound(court.stack, intent_id)


@pytest.mark.parametrize(("text", "ends"), [(WINS, "WON"), (LOSES, "LOST")])
def test_pre_arbitration_takes_the_money_once_more(
    court: Court, text: dict[str, str], ends: str
) -> None:
    dispute = court.opened(ARBITRATED)
    intent_id = dispute["payment_intent_id"]
    court.answer(dispute, {**WINS, "submit": True})
    court.stack.advance(2 * DECIDES_SECONDS)
    court.carry()
    after = court.look(dispute)
    assert (after["stage"], after["status"]) == ("PRE_ARBITRATION", "NEEDS_RESPONSE")
    assert intent_of(court.stack, intent_id).amount_disputed == ARBITRATED
    require_sound(court.stack, intent_id)
    court.answer(after, {**text, "submit": True})
    court.stack.advance(DECIDES_SECONDS)
    court.carry()
    ended = court.look(dispute)
    assert (ended["stage"], ended["status"]) == ("PRE_ARBITRATION", ends)
    references = {row[1] for row in moved(court.stack, intent_id) if row[0] == "DISPUTE"}
    assert len(references) == 2
    require_sound(court.stack, intent_id)
    assert after_payment(court, intent_id)[-1] == f"dispute.{ends.lower()}"


def test_all_is_learned_from_one_late_look(court: Court) -> None:
    # Given a payment whose dispute was opened and lost, and nothing of it was heard
    intent_id = court.paid()
    court.stack.advance(11 * DAY)
    # When the last notice comes, alone
    court.wake()
    assert court.hear(court.told[-1]) == []
    # Then each step was gone, and each was told
    assert court.of(intent_id)["status"] == "LOST"
    assert after_payment(court, intent_id) == ["dispute.opened", "dispute.lost"]
    require_sound(court.stack, intent_id)


def test_a_dispute_of_a_payment_that_we_do_not_have_waits(court: Court) -> None:
    intent_id = court.paid()
    court.stack.advance(OPENS_SECONDS)
    court.wake()
    (notice,) = court.told
    other = {**notice, "data": {**notice["data"], "dispute": "DSP-NONE"}}
    assert court.hear(other) == []
    assert court.stack.get("disputes").body["data"] == []
    nobody = {**notice, "data": {**notice["data"], "dispute": "DSP/../x"}}
    assert court.hear(nobody) == ["0"]
    assert court.hear(notice) == []
    assert court.of(intent_id)["status"] == "NEEDS_RESPONSE"
    assert theirs(court.stack, intent_id) == moved(court.stack, intent_id)
