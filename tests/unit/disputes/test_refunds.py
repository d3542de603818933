"""Refunds and disputes of one payment: nobody gets money twice without its being seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from farthing.acquiring.dispute import Stage, Standing
from farthing.disputes.converge import Contradicted
from tests.unit.disputes.books import balances, intent_of, moved, require_sound, rows, told
from tests.unit.disputes.conftest import (
    DECIDES_SECONDS,
    OPENS_SECONDS,
    WINS,
    Court,
    Plan,
    bring,
    case,
)

PENDS = "4000009900000087"
COMES_BACK = "4000009900000186"
COMES_BACK_SECONDS = 21


def test_a_disputed_payment_is_not_refunded(court: Court) -> None:
    dispute = court.opened()
    refused = court.stack.refund(dispute["payment_intent_id"], 1)
    assert (refused.status, refused.body["code"]) == (409, "payment_disputed")
    assert refused.body["retry"] == "AFTER_RESOLUTION"
    assert rows(court.stack, "refund", dispute["payment_intent_id"]) == []


def test_nor_where_a_part_is_left(court: Court) -> None:
    # Given a dispute about a part of a payment
    intent_id = court.stack.pay(1000).body["intent_id"]
    told_case = case(intent_id, amount_cents=400)
    bring(told_case)
    assert intent_of(court.stack, intent_id).amount_refundable == 600
    # Then nothing is refunded while it is open
    assert court.stack.refund(intent_id, 100).body["code"] == "payment_disputed"
    # And the rest can be, when it was lost
    bring(replace(told_case, standing=Standing.LOST, due_by=None))
    assert court.stack.refund(intent_id, 601).body["code"] == "amount_too_large"
    assert court.stack.refund(intent_id).body["amount_cents"] == 600


def test_a_refund_that_races_with_a_dispute_is_refused_by_the_database(
    court: Court, meanwhile: Plan
) -> None:
    # Given a payment, of which a part is disputed between the reading and the writing of a refund
    intent_id = court.stack.pay(1000).body["intent_id"]
    meanwhile(1, lambda: meanwhile_dispute(intent_id))
    # When it is refunded
    refused = court.stack.refund(intent_id, 100)
    # Then it is not
    assert (refused.status, refused.body["code"]) == (409, "payment_disputed"), refused.text
    assert court.stack.moved(intent_id, "REFUND") == 0


def meanwhile_dispute(intent_id: str) -> None:
    bring(case(intent_id, amount_cents=400))


def test_a_refund_on_its_way_ends_and_what_the_payer_has_twice_is_shown(court: Court) -> None:
    # Given a refund whose outcome nobody knows yet
    intent_id = court.stack.pay(1000, number=PENDS).body["intent_id"]
    refund = court.stack.refund(intent_id, 300)
    assert (refund.status, refund.body["status"]) == (202, "PENDING")
    # When the payment is disputed, all of it
    dispute = bring(case(intent_id))
    # Then the payer may get so much twice
    assert dispute.amount_overdrawn == 300
    assert intent_of(court.stack, intent_id).amount_overdrawn == 300
    # And when the refund ends, they have
    court.stack.advance(11)
    court.wake()
    court.stack.advance(61)
    assert court.stack.get(f"refunds/{refund.body['refund_id']}").body["status"] == "SUCCEEDED"
    intent = intent_of(court.stack, intent_id)
    assert (intent.amount_refunded, intent.amount_overdrawn) == (300, 300)
    # And when the dispute is won, nothing is overdrawn
    bring(case(intent_id, standing=Standing.WON, due_by=None))
    intent = intent_of(court.stack, intent_id)
    assert (intent.amount_overdrawn, intent.amount_refundable) == (0, 700)
    assert intent.amount_disputed == 0


def test_a_refunded_payment_is_disputed_as_a_fact_of_its_own(court: Court) -> None:
    # Given a payment that was refunded, in part
    intent_id = court.paid()
    assert court.stack.refund(intent_id, 400).status == 201
    # When it is disputed, all of it
    court.stack.advance(OPENS_SECONDS)
    court.carry()
    # Then both are shown
    dispute = court.of(intent_id)
    assert dispute["amount_refunded_cents"] == 400
    assert (dispute["amount_cents"], dispute["amount_overdrawn_cents"]) == (1000, 400)
    payment = court.stack.get(f"payment_intents/{intent_id}").body
    assert (payment["amount_refunded_cents"], payment["amount_overdrawn_cents"]) == (400, 400)
    require_sound(court.stack, intent_id)
    # And won, the rest can be refunded
    court.answer(dispute, {**WINS, "submit": True})
    court.stack.advance(DECIDES_SECONDS)
    court.carry()
    assert court.stack.refund(intent_id).body["amount_cents"] == 600
    require_sound(court.stack, intent_id)


def test_what_cannot_follow_is_for_a_person(court: Court) -> None:
    intent_id = court.stack.pay(1000).body["intent_id"]
    lost = case(intent_id, standing=Standing.LOST, due_by=None)
    bring(lost)
    before = (moved(court.stack, intent_id), balances(court.stack, intent_id))
    for other in (
        replace(lost, standing=Standing.WON),
        replace(lost, reference="DSP-B", currency="usd"),
    ):
        with pytest.raises(Contradicted):
            bring(other)
    assert (moved(court.stack, intent_id), balances(court.stack, intent_id)) == before
    # While money is out, its amount does not change, nor its payment
    other_id = court.stack.pay(1000).body["intent_id"]
    bring(case(other_id, reference="DSP-C"))
    for other in (
        case(other_id, reference="DSP-C", amount_cents=999),
        case(intent_id, reference="DSP-C"),
    ):
        with pytest.raises(Contradicted):
            bring(other)
    # Nor is it of another acquirer than the payment
    with pytest.raises(Contradicted):
        bring(case(intent_id, reference="DSP-D"), connector="stripe")
    # And a payment that never succeeded cannot be disputed
    failed = court.stack.pay(1000, number="4000000000000002").body["payment_intent"]
    with pytest.raises(Contradicted):
        bring(case(failed["intent_id"]))


@pytest.mark.parametrize("taken", [400, 1200])
def test_what_is_taken_is_what_the_acquirer_took_and_not_what_was_asked_about(
    court: Court, taken: int
) -> None:
    # Given an inquiry about all of a payment
    intent_id = court.stack.pay(1000).body["intent_id"]
    inquiry = case(intent_id, stage=Stage.INQUIRY, fee_cents=0)
    assert bring(inquiry).amount_cents == 1000
    # When the issuer takes another amount, and once more after that was won
    charged = case(intent_id, amount_cents=taken)
    assert bring(charged).amount_cents == taken
    bring(replace(charged, standing=Standing.WON, due_by=None))
    again = replace(charged, stage=Stage.PRE_ARBITRATION, amount_cents=300)
    after = bring(replace(again, arbitration_reference="DSP-A-PA"))
    # Then the books have what it took each time, and the fee once
    assert (after.amount_cents, after.fee_cents) == (300, 1500)
    assert moved(court.stack, intent_id) == [
        ("CAPTURE", moved(court.stack, intent_id)[0][1], 1000),
        ("DISPUTE", "DSP-A", taken),
        ("DISPUTE", "DSP-A-PA", 300),
        ("DISPUTE_FEE", "DSP-A", 1500),
        ("DISPUTE_REVERSAL", "DSP-A", taken),
    ]
    assert balances(court.stack, intent_id)["dispute_receivable"] == 300
    assert intent_of(court.stack, intent_id).amount_refundable == 700


def test_a_refund_that_comes_back_is_a_fact_of_its_own(court: Court) -> None:
    # Given a refund that succeeded
    intent_id = court.stack.pay(1000, number=COMES_BACK).body["intent_id"]
    refund = court.stack.refund(intent_id, 400)
    assert (refund.status, refund.body["returned"]) == (201, None)
    # When the payer's bank sends it back, and the acquirer says so
    court.stack.advance(COMES_BACK_SECONDS)
    court.carry()
    # Then the refund stays what it was, and what came later is beside it
    after = court.stack.get(f"refunds/{refund.body['refund_id']}").body
    assert (after["status"], after["returned"]["amount_cents"]) == ("SUCCEEDED", 400)
    assert after["returned"]["reason_code"] == "ACCOUNT_CLOSED"
    payment = court.stack.get(f"payment_intents/{intent_id}").body
    assert payment["amount_refunded_cents"] == 0
    assert told(court.stack, intent_id)[-2:] == ["refund.succeeded", "refund.returned"]
    # and the books are corrected by a transaction that names the refund's
    ledger = rows(court.stack, "ledger_transaction", intent_id)
    (refunded,) = [row for row in ledger if row["kind"] == "REFUND"]
    (back,) = [row for row in ledger if row["kind"] == "REFUND_RETURN"]
    assert back["corrects"] == refunded["transaction_id"]
    assert balances(court.stack, intent_id) == {
        "acquirer_receivable:sandbox": 1000,
        "merchant_pending": -1000,
    }
    require_sound(court.stack, intent_id)
    # And it can be refunded again
    assert court.stack.refund(intent_id).body["amount_cents"] == 1000


def test_told_again_and_again_it_came_back_once(court: Court) -> None:
    intent_id = court.stack.pay(1000, number=COMES_BACK).body["intent_id"]
    court.stack.refund(intent_id, 400)
    court.stack.advance(COMES_BACK_SECONDS)
    court.wake()
    (notice,) = court.told
    for _ in range(3):
        assert court.hear(notice) == []
    assert told(court.stack, intent_id).count("refund.returned") == 1
    require_sound(court.stack, intent_id)


def test_two_who_learn_at_once_that_it_came_back_write_it_once(
    court: Court, meanwhile: Plan
) -> None:
    intent_id = court.stack.pay(1000, number=COMES_BACK).body["intent_id"]
    court.stack.refund(intent_id, 400)
    court.stack.advance(COMES_BACK_SECONDS)
    court.wake()
    (notice,) = court.told
    # The third write is that of the return: the inbox's put and claim are before it
    meanwhile(3, lambda: require_heard(court, notice))
    assert court.hear(notice) == []
    assert told(court.stack, intent_id).count("refund.returned") == 1
    assert len(court.stack.items("return")) == 1
    require_sound(court.stack, intent_id)


def require_heard(court: Court, notice: dict[str, object]) -> None:
    assert court.hear(notice) == []


def test_a_notice_before_it_came_back_changes_nothing(court: Court) -> None:
    intent_id = court.stack.pay(1000, number=COMES_BACK).body["intent_id"]
    court.stack.refund(intent_id, 400)
    court.stack.advance(COMES_BACK_SECONDS)
    court.wake()
    (notice,) = court.told
    other = court.stack.pay(1000, number=COMES_BACK).body["intent_id"]
    refund = court.stack.refund(other, 400).body["refund_id"]
    reference = refund.partition("_")[2].upper()
    early = {**notice, "data": {**notice["data"], "reference": reference, "order_id": other}}
    assert court.hear(early) == []
    (row,) = rows(court.stack, "refund", other)
    assert row["returned"] is None
