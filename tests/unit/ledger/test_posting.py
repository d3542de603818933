"""Every fact that moves money is posted as one transaction that balances, or as none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.ledger.posting import (
    Kind,
    LedgerTransaction,
    Posting,
    Side,
    Unbalanced,
    capture,
    refund,
)
from farthing.money import AMOUNT_MINOR_MAX, Money
from farthing.store.item import Key
from farthing.store.scope import TenantScope

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
OPERATION = "op_01jd0000000000000000000op1"
REFUND = "re_01jd0000000000000000000re1"
INTENT = "pi_01jd0000000000000000000pi1"
TENANT = TenantScope("mer_01jd0000000000000000000aaa", "test")

amounts = st.integers(1, AMOUNT_MINOR_MAX)


def eur(minor: int) -> Money:
    return Money(minor, "eur")


def rows(transaction: LedgerTransaction) -> list[tuple[str, str, int]]:
    return [(p.account, p.side.value, p.amount.minor) for p in transaction.postings]


def make(*postings: Posting) -> LedgerTransaction:
    return LedgerTransaction("ltx_1", OPERATION, INTENT, Kind.CAPTURE, postings, AT)


def test_a_capture_is_owed_by_the_acquirer_and_to_the_merchant() -> None:
    posted = capture(OPERATION, eur(10000), "sandbox", intent_id=INTENT, at=AT)

    assert rows(posted) == [
        ("acquirer_receivable:sandbox", "DEBIT", 10000),
        ("merchant_payable", "CREDIT", 10000),
    ]


def test_our_fee_comes_out_of_the_merchants_share() -> None:
    posted = capture(OPERATION, eur(10000), "sandbox", intent_id=INTENT, at=AT, fee=300)

    assert rows(posted) == [
        ("acquirer_receivable:sandbox", "DEBIT", 10000),
        ("merchant_payable", "CREDIT", 9700),
        ("processing_fee_income", "CREDIT", 300),
    ]


def test_a_fee_above_the_amount_leaves_the_merchant_owing_the_rest() -> None:
    posted = capture(OPERATION, eur(5), "sandbox", intent_id=INTENT, at=AT, fee=30)

    assert rows(posted) == [
        ("acquirer_receivable:sandbox", "DEBIT", 5),
        ("merchant_payable", "DEBIT", 25),
        ("processing_fee_income", "CREDIT", 30),
    ]


def test_a_fee_of_the_whole_amount_posts_nothing_to_the_merchant() -> None:
    posted = capture(OPERATION, eur(30), "sandbox", intent_id=INTENT, at=AT, fee=30)

    assert rows(posted) == [
        ("acquirer_receivable:sandbox", "DEBIT", 30),
        ("processing_fee_income", "CREDIT", 30),
    ]


def test_a_refund_is_taken_from_what_the_merchant_is_owed() -> None:
    posted = refund(REFUND, eur(4000), "sandbox", intent_id=INTENT, at=AT)

    assert rows(posted) == [
        ("merchant_payable", "DEBIT", 4000),
        ("acquirer_receivable:sandbox", "CREDIT", 4000),
    ]


@given(amount=amounts, fee=st.integers(0, AMOUNT_MINOR_MAX))
def test_whatever_the_amount_and_fee_debits_equal_credits(amount: int, fee: int) -> None:
    posted = capture(OPERATION, eur(amount), "sandbox", intent_id=INTENT, at=AT, fee=fee)

    assert sum(posting.signed_minor for posting in posted.postings) == 0
    assert all(posting.amount.minor > 0 for posting in posted.postings)


@given(left=amounts, right=amounts)
def test_only_equal_sides_make_a_transaction(left: int, right: int) -> None:
    postings = (Posting("a", Side.DEBIT, eur(left)), Posting("b", Side.CREDIT, eur(right)))

    if left == right:
        assert make(*postings).postings == postings
    else:
        with pytest.raises(Unbalanced):
            make(*postings)


def test_currencies_do_not_balance_each_other() -> None:
    with pytest.raises(Unbalanced):
        make(
            Posting("a", Side.DEBIT, Money(100, "eur")),
            Posting("b", Side.CREDIT, Money(100, "usd")),
        )


@pytest.mark.parametrize("postings", [(), (Posting("a", Side.DEBIT, Money(1, "eur")),)])
def test_fewer_than_two_postings_are_no_transaction(postings: tuple[Posting, ...]) -> None:
    with pytest.raises(Unbalanced, match="fewer"):
        make(*postings)


@pytest.mark.parametrize("minor", [0, -1])
def test_a_posting_is_positive(minor: int) -> None:
    with pytest.raises(Unbalanced):
        Posting("a", Side.DEBIT, eur(minor))
    with pytest.raises(Unbalanced):
        capture(OPERATION, eur(minor), "sandbox", intent_id=INTENT, at=AT)
    with pytest.raises(Unbalanced):
        refund(REFUND, eur(minor), "sandbox", intent_id=INTENT, at=AT)


def test_a_negative_fee_is_refused() -> None:
    with pytest.raises(Unbalanced):
        capture(OPERATION, eur(100), "sandbox", intent_id=INTENT, at=AT, fee=-1)


def test_one_operation_has_one_transaction_id_and_one_key() -> None:
    first = capture(OPERATION, eur(1), "sandbox", intent_id=INTENT, at=AT)
    again = capture(OPERATION, eur(1), "sandbox", intent_id=INTENT, at=AT)

    assert first == again
    assert first.transaction_id.removeprefix("ltx_") == OPERATION.removeprefix("op_")
    assert first.key(TENANT) == Key("payments", TENANT.pk("PI", INTENT), f"LTX#{OPERATION}")


def test_the_row_holds_its_postings() -> None:
    item = refund(REFUND, eur(4000), "sandbox", intent_id=INTENT, at=AT).to_item()

    assert item == {
        "entity": "ledger_transaction",
        "transaction_id": "ltx_01jd0000000000000000000re1",
        "operation_id": REFUND,
        "intent_id": INTENT,
        "kind": "REFUND",
        "postings": [
            {
                "account": "merchant_payable",
                "side": "DEBIT",
                "amount_cents": 4000,
                "currency": "eur",
            },
            {
                "account": "acquirer_receivable:sandbox",
                "side": "CREDIT",
                "amount_cents": 4000,
                "currency": "eur",
            },
        ],
        "created_at": "2026-11-22T09:00:00.000Z",
    }
