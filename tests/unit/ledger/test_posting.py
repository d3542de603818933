"""Every fact that moves money is posted as one transaction that balances, or as none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.ledger import posting
from farthing.ledger.accounts import (
    MERCHANT_PAYABLE,
    MERCHANT_PENDING,
    Side,
    normal_side,
)
from farthing.ledger.posting import capture, refund
from farthing.ledger.transaction import (
    Kind,
    LedgerTransaction,
    Posting,
    Unbalanced,
    booked,
    booked_alone,
    day_pk,
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
    return LedgerTransaction("ltx_1", OPERATION, Kind.CAPTURE, postings, AT, INTENT)


def test_a_capture_is_owed_by_the_acquirer_and_to_the_merchant() -> None:
    posted = capture(OPERATION, eur(10000), "sandbox", intent_id=INTENT, at=AT)

    assert rows(posted) == [
        ("acquirer_receivable:sandbox", "DEBIT", 10000),
        ("merchant_pending", "CREDIT", 10000),
    ]


def test_our_fee_comes_out_of_the_merchants_share() -> None:
    posted = capture(OPERATION, eur(10000), "sandbox", intent_id=INTENT, at=AT, fee=300)

    assert rows(posted) == [
        ("acquirer_receivable:sandbox", "DEBIT", 10000),
        ("merchant_pending", "CREDIT", 9700),
        ("processing_fee_income", "CREDIT", 300),
    ]


def test_a_fee_above_the_amount_leaves_the_merchant_owing_the_rest() -> None:
    posted = capture(OPERATION, eur(5), "sandbox", intent_id=INTENT, at=AT, fee=30)

    assert rows(posted) == [
        ("acquirer_receivable:sandbox", "DEBIT", 5),
        ("merchant_pending", "DEBIT", 25),
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
        ("merchant_pending", "DEBIT", 4000),
        ("acquirer_receivable:sandbox", "CREDIT", 4000),
    ]


@given(amount=amounts, fee=st.integers(0, AMOUNT_MINOR_MAX))
def test_whatever_the_amount_and_fee_debits_equal_credits(amount: int, fee: int) -> None:
    posted = capture(OPERATION, eur(amount), "sandbox", intent_id=INTENT, at=AT, fee=fee)

    assert sum(each.signed_minor for each in posted.postings) == 0
    assert all(each.amount.minor > 0 for each in posted.postings)


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


RETURNED = "rtn_01jd0000000000000000000rtn"
DISPUTE = "dp_01jd0000000000000000000dp1"
SETTLEMENT = "st_01jd0000000000000000000st1"
PAYOUT = "po_01jd0000000000000000000pa1"


def at_sandbox(fact: str) -> list[LedgerTransaction]:
    """All that is posted for a fact and what it goes on from, a payment of 100 EUR."""
    about, of = {"intent_id": INTENT, "at": AT}, eur(10000)
    opened = posting.dispute_opened(DISPUTE, of, "sandbox", fee=1500, **about)
    facts = {
        "refund returned": [
            refund(REFUND, of, "sandbox", **about),
            posting.refund_returned(RETURNED, of, "sandbox", REFUND, **about),
        ],
        "dispute": [opened],
        "won": [opened, posting.dispute_won(DISPUTE, of, "sandbox", **about)],
        "lost": [opened, posting.dispute_lost(DISPUTE, of, **about)],
        "reserve": [posting.reserve(PAYOUT, of, at=AT)],
        "released": [
            posting.reserve(PAYOUT, of, at=AT),
            posting.reserve_released(PAYOUT, of, at=AT),
        ],
        "payout": [posting.payout(PAYOUT, of, at=AT)],
        "arrived": [
            posting.payout(PAYOUT, of, at=AT),
            posting.payout_arrived(PAYOUT, of, "sandbox", at=AT),
        ],
        "deposit": [posting.deposit(SETTLEMENT, of, "sandbox", at=AT)],
        "debit": [posting.deposit(SETTLEMENT, eur(-10000), "sandbox", at=AT)],
        "correction": [
            posting.correction(
                SETTLEMENT,
                of,
                debit="suspense:sandbox",
                credit="merchant_payable",
                at=AT,
                corrects="ltx_1",
            )
        ],
    }
    return facts[fact]


def balances(transactions: list[LedgerTransaction]) -> dict[str, int]:
    """By account, on the side on which it grows; without those that are zero."""
    found: dict[str, int] = {}
    for transaction in transactions:
        for each in transaction.postings:
            sign = 1 if each.side is normal_side(each.account) else -1
            found[each.account] = found.get(each.account, 0) + sign * each.amount.minor
    return {account: balance for account, balance in found.items() if balance}


@pytest.mark.parametrize(
    ("fact", "left"),
    [
        ("refund returned", {}),
        (
            "dispute",
            {
                "dispute_receivable": 10000,
                "dispute_fee_expense": 1500,
                "acquirer_receivable:sandbox": -11500,
                "merchant_payable": -10000,
                "merchant_reserve": 10000,
            },
        ),
        ("won", {"dispute_fee_expense": 1500, "acquirer_receivable:sandbox": -1500}),
        (
            "lost",
            {
                "dispute_fee_expense": 1500,
                "acquirer_receivable:sandbox": -11500,
                "merchant_payable": -10000,
            },
        ),
        ("reserve", {"merchant_payable": -10000, "merchant_reserve": 10000}),
        ("released", {}),
        ("payout", {"merchant_payable": -10000, "payouts_in_transit": 10000}),
        ("arrived", {"merchant_payable": -10000, "bank_settlement:sandbox": -10000}),
        ("deposit", {"bank_settlement:sandbox": 10000, "acquirer_receivable:sandbox": -10000}),
        ("debit", {"bank_settlement:sandbox": -10000, "acquirer_receivable:sandbox": 10000}),
        ("correction", {"suspense:sandbox": -10000, "merchant_payable": 10000}),
    ],
)
def test_what_a_fact_leaves_on_the_accounts(fact: str, left: dict[str, int]) -> None:
    assert balances(at_sandbox(fact)) == left


signed_amounts = st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX)


@given(fee=signed_amounts, share=signed_amounts, unexplained=signed_amounts)
def test_whatever_a_report_says_it_balances_and_each_figure_is_on_its_account(
    fee: int, share: int, unexplained: int
) -> None:
    posted = posting.settled(
        SETTLEMENT, "sandbox", "eur", at=AT, fee=fee, share=share, unexplained=unexplained
    )

    wanted = {
        "acquirer_fee_expense": fee,
        MERCHANT_PENDING: -share,
        MERCHANT_PAYABLE: share,
        "suspense:sandbox": unexplained,
        "acquirer_receivable:sandbox": unexplained - fee,
    }
    assert balances([posted] if posted else []) == {k: v for k, v in wanted.items() if v}


def test_a_dispute_and_its_steps_have_ids_of_their_own_that_sort_by_its_time() -> None:
    opened, won = at_sandbox("won")
    again = posting.dispute_opened(DISPUTE, eur(1), "sandbox", intent_id=INTENT, at=AT, step="two")

    assert len({opened.transaction_id, won.transaction_id, again.transaction_id}) == 3
    assert {opened.transaction_id[:14], won.transaction_id[:14]} == {"ltx_" + DISPUTE[3:13]}
    assert opened.key(TENANT).sk == f"LTX#{DISPUTE}-opened"


def test_a_correction_names_what_it_makes_good() -> None:
    charged, back = at_sandbox("refund returned")

    assert back.corrects == charged.transaction_id
    assert back.transaction_id != charged.transaction_id


def test_what_is_about_no_payment_is_found_through_its_day() -> None:
    (paid,) = at_sandbox("payout")
    row, place = booked_alone(paid, TENANT)

    assert row.key == Key("payments", TENANT.pk("LEDGER", paid.transaction_id), "LTX")
    assert place.key.sk == paid.transaction_id
    assert place.key.pk in {day_pk(TENANT, AT.date(), shard) for shard in range(4)}


@pytest.mark.parametrize("fact", ["won", "payout", "correction"])
def test_a_stored_transaction_is_read_as_it_was_written(fact: str) -> None:
    for transaction in at_sandbox(fact):
        assert LedgerTransaction.of(booked(transaction, TENANT).item) == transaction


def test_a_negative_fee_or_amount_of_a_dispute_is_refused() -> None:
    with pytest.raises(Unbalanced):
        posting.dispute_opened(DISPUTE, eur(1), "sandbox", intent_id=INTENT, at=AT, fee=-1)
    with pytest.raises(Unbalanced):
        posting.dispute_lost(DISPUTE, eur(-1), intent_id=INTENT, at=AT)


def test_an_account_that_is_not_in_the_books_has_no_side() -> None:
    with pytest.raises(KeyError):
        normal_side("merchant_payables")


def test_the_row_holds_its_postings() -> None:
    item = refund(REFUND, eur(4000), "sandbox", intent_id=INTENT, at=AT).to_item()

    assert item == {
        "entity": "ledger_transaction",
        "transaction_id": "ltx_01jd0000000000000000000re1",
        "subject_id": REFUND,
        "intent_id": INTENT,
        "kind": "REFUND",
        "postings": [
            {
                "account": "merchant_pending",
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
