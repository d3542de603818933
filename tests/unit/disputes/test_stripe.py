"""Disputes at Stripe: what its statuses mean, how they are answered, and whose they are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from farthing.acquiring.dispute import Stage, Standing
from farthing.acquiring.exchange import NoUsableAnswer
from farthing.acquiring.stripe import messages
from farthing.acquiring.stripe.disputes import STATES, evidence, read_case
from tests.support import inbox
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT
from tests.support.stack import Stack
from tests.support.stripe import disputes
from tests.support.stripe.stack import WEBHOOKS, OnDouble, put_secret, start_on
from tests.unit.disputes.books import balances, moved, told
from tests.unit.disputes.conftest import PDF


@pytest.fixture
def shop(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> OnDouble:
    made = OnDouble(stack, None)  # type: ignore[arg-type]
    made.wire = start_on(stack, made.stripe, monkeypatch).wire
    put_secret(f"{WEBHOOKS}/{OTHER_MERCHANT}/test", {"secrets": ["whsec_other"]})
    return made


def hear(shop: OnDouble, account: str = f"{MERCHANT}:test") -> list[str]:
    """Every event of Stripe's about disputes, as it comes; the numbers of what comes again."""
    failed: list[str] = []
    for event in shop.stripe.events:
        if event["type"].startswith("charge.dispute"):
            body = messages.digest(json.dumps(event).encode())
            name = f"{event['id']}-{len(inbox.rows())}"
            failed += inbox.work_off(inbox.heard("stripe", body, account=account, event_id=name))
    return failed


def disputed(shop: OnDouble, status: str = "needs_response") -> tuple[str, dict[str, Any]]:
    """A payment, and its dispute at Stripe, of which we have heard."""
    intent_id = shop.pay().body["intent_id"]
    row = disputes.dispute(shop.stripe, list(shop.stripe.payments)[-1], status=status)
    assert hear(shop) == []
    return intent_id, row


def of(shop: OnDouble, intent_id: str) -> dict[str, Any]:
    query = {"payment_intent_id": intent_id}
    (found,) = shop.stack.get("disputes", query=query).body["data"]
    body: dict[str, Any] = found
    return body


def test_it_opens_is_answered_and_won(shop: OnDouble) -> None:
    intent_id, row = disputed(shop)
    dispute = of(shop, intent_id)
    assert (dispute["stage"], dispute["fee_cents"]) == ("CHARGEBACK", 1500)
    path = f"disputes/{dispute['dispute_id']}/evidence"
    body = {"customer_communication": "hello", "uncategorized_text": "more", "submit": True}
    sent = shop.post(path, body)
    assert (sent.status, sent.body["status"]) == (200, "UNDER_REVIEW"), sent.text
    assert row["evidence"] == {"uncategorized_text": "more\n\nhello"}
    disputes.decide(shop.stripe, row, "won")
    assert hear(shop) == []
    assert of(shop, intent_id)["status"] == "WON"
    assert told(shop.stack, intent_id)[2:] == ["dispute.opened", "dispute.updated", "dispute.won"]
    assert [(op, cents) for op, _, cents in moved(shop.stack, intent_id)] == [
        ("CAPTURE", 1000),
        ("DISPUTE", 1000),
        ("DISPUTE_FEE", 1500),
        ("DISPUTE_REVERSAL", 1000),
    ]
    assert balances(shop.stack, intent_id)["acquirer_receivable:stripe"] == 1000 - 1500


def test_a_warning_is_an_inquiry_that_may_become_a_chargeback(shop: OnDouble) -> None:
    intent_id, row = disputed(shop, "warning_needs_response")
    assert (of(shop, intent_id)["stage"], len(moved(shop.stack, intent_id))) == ("INQUIRY", 1)
    disputes.decide(shop.stripe, row, "needs_response")
    assert hear(shop) == []
    assert of(shop, intent_id)["stage"] == "CHARGEBACK"
    assert len(moved(shop.stack, intent_id)) == 3


def test_it_is_accepted_once_whatever_is_lost(shop: OnDouble) -> None:
    # Given an acceptance whose answer never came
    intent_id, row = disputed(shop)
    path = f"disputes/{of(shop, intent_id)['dispute_id']}/accept"

    def lose(method: str, path: str) -> Any:
        if path.endswith("/close"):
            shop.stripe.fail_after = lambda method, path: None
            raise NoUsableAnswer
        return None

    shop.stripe.fail_after = lose
    assert shop.post(path, {}, key="k").status == 202
    # When the key comes again, Then it is found to be done
    again = shop.post(path, {}, key="k")
    assert (again.status, again.body["status"]) == (200, "LOST"), again.text
    closes = [one for _, one in shop.stripe.requests if one.endswith("/close")]
    assert (len(closes), row["status"]) == (1, "lost")


def test_a_mark_alone_is_no_acceptance(shop: OnDouble) -> None:
    # Given an acceptance that marked the dispute, and never arrived itself
    intent_id, row = disputed(shop)
    path = f"disputes/{of(shop, intent_id)['dispute_id']}/accept"

    def lose(method: str, path: str) -> Any:
        if path.endswith("/close"):
            shop.stripe.fail = lambda method, path: None
            raise NoUsableAnswer
        return None

    shop.stripe.fail = lose
    assert shop.post(path, {}, key="k").status == 202
    assert (row["status"], len(row["metadata"])) == ("needs_response", 1)
    # Then it is sent again, and the merchant's evidence was never submitted by that
    assert shop.post(path, {}, key="k").body["status"] == "LOST"
    assert row["evidence_details"]["submission_count"] == 0


def test_an_answer_that_stripe_refuses_is_refused(shop: OnDouble) -> None:
    intent_id, row = disputed(shop)
    row["status"] = "lost"
    path = f"disputes/{of(shop, intent_id)['dispute_id']}/evidence"
    refused = shop.post(path, {"customer_name": "Ada", "submit": True})
    assert (refused.status, refused.body["code"]) == (409, "dispute_not_answerable"), refused.text
    assert of(shop, intent_id)["status"] == "LOST"


def test_documents_are_refused_before_they_are_kept(shop: OnDouble) -> None:
    intent_id, _ = disputed(shop)
    path = f"disputes/{of(shop, intent_id)['dispute_id']}/evidence"
    file = {"purpose": "receipt", "name": "a.pdf", "content_type": "application/pdf"}
    refused = shop.post(path, {"files": [file | {"content": PDF}]})
    assert (refused.status, refused.body["fields"][0]["field"]) == (400, "files")


def test_an_account_tells_of_its_own_merchants_disputes_and_of_no_others(shop: OnDouble) -> None:
    shop.pay()
    disputes.dispute(shop.stripe, list(shop.stripe.payments)[-1])
    # The other merchant has no key for this account: nothing can be asked, and nothing is written
    assert hear(shop, f"{OTHER_MERCHANT}:test") == ["0"]
    assert shop.stack.items("dispute") == []
    # One whose marks name another merchant is nobody's here
    list(shop.stripe.payments.values())[-1]["metadata"]["farthing_merchant"] = (
        f"{OTHER_MERCHANT}:test"
    )
    assert hear(shop) == ["0"]
    assert shop.stack.items("dispute") == []


@pytest.mark.parametrize("status", sorted(STATES))
def test_each_status_has_its_state(shop: OnDouble, status: str) -> None:
    row = disputes.dispute(shop.stripe, "pi_others", status=status)
    case = read_case(row)
    assert case.state == STATES[status]
    assert (case.due_by is not None) == (case.standing is Standing.NEEDS_RESPONSE)
    assert (case.fee_cents > 0) == (case.stage is Stage.CHARGEBACK or status == "prevented")


@pytest.mark.parametrize(
    "wrong",
    [
        {"object": "charge"},
        {"status": "charge_refunded"},
        {"amount": "1000"},
        {"amount": None},
        {"created": None},
        {"currency": 7},
        {"balance_transactions": [{"amount": -1}]},
        {"evidence_details": {"due_by": "tomorrow"}},
    ],
)
def test_what_is_no_dispute_of_a_kind_that_we_know_is_not_believed(
    shop: OnDouble, wrong: dict[str, Any]
) -> None:
    row = disputes.dispute(shop.stripe, "pi_others") | wrong
    with pytest.raises(NoUsableAnswer):
        read_case(row)


def test_a_fee_in_another_currency_is_not_taken_for_one_in_this(shop: OnDouble) -> None:
    row = disputes.dispute(shop.stripe, "pi_others")
    row["balance_transactions"][0]["currency"] = "usd"
    assert read_case(row).fee_cents == 0


def test_texts_have_stripes_names() -> None:
    assert evidence({"customer_name": "Ada"}) == {"customer_name": "Ada"}
    assert evidence({"customer_communication": "x"}) == {"uncategorized_text": "x"}
