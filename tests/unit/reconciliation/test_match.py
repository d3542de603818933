"""One line, against what of ours it is about: matched, or the one break that is true of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.reconciliation.effect import Effect
from farthing.reconciliation.kind import LINE_PRECEDENCE, Kind
from farthing.reconciliation.match import AlreadyPaid, Known, NotMoved, Ours, verdict
from farthing.reconciliation.reported import Reported, numbered
from farthing.reconciliation.terms import FeeSchedule, Terms, terms_of
from farthing.settlement.entry import Operation
from tests.unit.reconciliation.ours import FIRST_DAY, WEEKDAYS

TERMS = terms_of("sandbox")
OURS = Ours(Operation.CAPTURE, "REF", "pi_1", "op_1", "eur", 10_000, fee_cents=200)
LINE = Reported(Operation.CAPTURE, "REF", "eur", 10_000, 150, 9_850)
"""1.4 % of 100.00 and 10."""


def test_what_agrees_to_the_cent_is_matched_and_settles_the_merchants_share() -> None:
    now = verdict(LINE, OURS, TERMS, "eur")

    assert (now.kind, now.effect) == (None, Effect(150, 9_800))


FAILED = NotMoved("DECLINED", "pi_1", "op_1", may_be_refunded=True)


@pytest.mark.parametrize(
    ("changes", "known", "kind", "suspense"),
    [
        ({"seq": 2}, OURS, Kind.DUPLICATE_LINE, {"eur": 9_850}),
        ({}, AlreadyPaid(OURS), Kind.DUPLICATE_LINE, {"eur": 9_850}),
        ({}, FAILED, Kind.STATE_MISMATCH, {"eur": 9_850}),
        ({"operation": Operation.DISPUTE}, None, Kind.UNEXPECTED_DISPUTE, {"eur": 9_850}),
        ({"operation": Operation.DISPUTE_FEE}, None, Kind.UNEXPECTED_DISPUTE, {"eur": 9_850}),
        ({}, None, Kind.MISSING_IN_LEDGER, {"eur": 9_850}),
        ({"currency": "usd"}, OURS, Kind.CURRENCY_MISMATCH, {"usd": 9_850}),
        ({"amount_cents": 9_000, "net_cents": 8_850}, OURS, Kind.AMOUNT_MISMATCH, {"eur": -1_000}),
        ({"fee_cents": 151, "net_cents": 9_849}, OURS, Kind.FEE_MISMATCH, {"eur": -1}),
        ({"net_cents": 9_851}, OURS, Kind.FEE_MISMATCH, {"eur": 1}),
        ({"fee_cents": 151}, OURS, Kind.FEE_MISMATCH, {}),
    ],
)
def test_each_kind_and_what_it_leaves_unexplained(
    changes: dict[str, object], known: Known, kind: Kind, suspense: dict[str, int]
) -> None:
    now = verdict(replace(LINE, **changes), known, TERMS, "eur")  # type: ignore[arg-type]

    assert (now.kind, now.effect.suspense) == (kind, suspense)


def test_a_line_in_several_breaks_is_in_the_first_by_precedence() -> None:
    """Twice, in another currency, amount and fee: whose it is comes first, the fee last."""
    wrong = replace(LINE, currency="usd", amount_cents=1, fee_cents=3, net_cents=7)
    found = [
        verdict(replace(wrong, seq=2), FAILED, TERMS, "eur").kind,
        verdict(wrong, FAILED, TERMS, "eur").kind,
        verdict(replace(wrong, operation=Operation.DISPUTE), None, TERMS, "eur").kind,
        verdict(wrong, None, TERMS, "eur").kind,
        verdict(wrong, OURS, TERMS, "eur").kind,
        verdict(replace(wrong, currency="eur"), OURS, TERMS, "eur").kind,
        verdict(replace(LINE, fee_cents=3), OURS, TERMS, "eur").kind,
    ]
    assert tuple(found) == LINE_PRECEDENCE


def test_a_movement_of_another_currency_than_its_batch_is_no_match() -> None:
    now = verdict(replace(LINE, currency="usd"), replace(OURS, currency="usd"), TERMS, "eur")

    assert now.kind is Kind.CURRENCY_MISMATCH


def test_where_nobody_knows_the_fee_it_is_taken_as_reported_but_must_add_up() -> None:
    unknown = Terms(None)
    line = replace(LINE, fee_cents=33, net_cents=9_967)

    assert verdict(line, OURS, unknown, "eur").effect == Effect(33, 9_800)
    wrong = verdict(replace(line, net_cents=9_966), OURS, unknown, "eur")
    assert (wrong.kind, wrong.effect.suspense) == (Kind.FEE_MISMATCH, {"eur": -1})


@given(st.integers(1, 99_999_999))
def test_the_sandboxs_fee_is_rounded_half_to_even(amount: int) -> None:
    exact = (Decimal(amount) * Decimal("0.014")).quantize(Decimal(1), ROUND_HALF_EVEN)

    assert FeeSchedule(14, 10).fee_cents(Operation.CAPTURE, amount) == int(exact) + 10
    assert FeeSchedule(14, 10).fee_cents(Operation.REFUND, amount) == 0


amounts = st.integers(1, 10**8)


@given(amounts, amounts, st.integers(-1000, 1000), st.sampled_from(list(Operation)))
def test_what_is_paid_is_what_is_expected_and_what_is_in_suspense(
    ours: int, theirs: int, fee: int, operation: Operation
) -> None:
    """Whatever a line says: its net is our gross, less the fee that is booked, and the rest."""
    mine = Ours(operation, "REF", "pi_1", "op_1", "eur", ours)
    line = Reported(operation, "REF", "eur", theirs, fee, operation.sign * theirs - fee)

    now = verdict(line, mine, TERMS, "eur")

    unexplained = now.effect.suspense.get("eur", 0)
    assert line.net_cents == mine.gross_cents - now.effect.fee_cents + unexplained
    if now.kind is None:
        assert not unexplained


def test_equal_movements_of_one_report_are_numbered() -> None:
    other = replace(LINE, reference="OTHER")

    assert [line.seq for line in numbered([LINE, other, LINE, LINE, other])] == [1, 1, 2, 3, 2]


@pytest.mark.parametrize(
    ("days", "weekday"),
    [(0, 1), (2, 3), (4, 7), (9, 14)],
)
def test_a_line_is_due_so_many_business_days_after_its_own(days: int, weekday: int) -> None:
    due = Terms(None, days, WEEKDAYS).due(FIRST_DAY)

    assert (due - FIRST_DAY).days == weekday
