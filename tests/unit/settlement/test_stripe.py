"""What Stripe's balance says of our lines becomes the report of their batch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from farthing.acquiring.answer import Outcome
from farthing.acquiring.charge import CannotSend
from farthing.acquiring.port import Instruction, Kind
from farthing.acquiring.stripe import balance as balance_module
from farthing.acquiring.stripe.api import Api
from farthing.acquiring.stripe.connector import StripeAcquirer
from farthing.business_calendar import UTC_DAYS
from farthing.settlement.batch import BatchName, Paid
from farthing.settlement.entry import Operation
from farthing.settlement.line import Line
from farthing.settlement.ports import OutcomeUnknown
from farthing.settlement.report import Report
from farthing.settlement.report_file import read_report
from farthing.settlement.stripe import READ_ANYWAY, StripeSettlement
from farthing.store import TenantScope
from farthing.vault.source import AcquirerToken
from tests.support.stripe.balance import Balance, changed
from tests.support.stripe.double import StripeDouble
from tests.unit.settlement.bank import adds_up

TENANT = TenantScope("mer_01jd0000000000000000000aaa", "test")
US = "mer_01jd0000000000000000000aaa:test"
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
NAME = BatchName(TENANT, "stripe", "eur", NOON.date())


@dataclass
class Account:
    """A merchant's account, with money moved through our own connector."""

    stripe: StripeDouble = field(default_factory=lambda: StripeDouble(now=NOON.timestamp()))
    lines: list[Line] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.balance = Balance(self.stripe)
        self.api = Api(self.balance, lambda: self.stripe.now)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.stripe.now, UTC)

    def later(self, gap: timedelta) -> None:
        self.stripe.now += gap.total_seconds()

    def charge(self, number: int, cents: int, *, captured: int | None = None, fee: int = 39) -> str:
        """A combined charge, or one that is captured later. Stripe's id of the PaymentIntent."""
        asked = Instruction(
            kind=Kind.AUTHORIZE,
            reference=f"A{number}",
            order_id=f"pi_{number}",
            amount_cents=cents,
            currency="eur",
            capture=captured is None,
            merchant_reference=US,
        )
        answer = self._send(asked, AcquirerToken("stripe", "pm_card_visa"))
        reference, amount = asked.reference, cents
        if captured is not None:
            reference, amount = f"C{number}", captured
            self._send(
                replace(
                    asked,
                    kind=Kind.CAPTURE,
                    reference=reference,
                    original_reference=asked.reference,
                    amount_cents=captured,
                    acquirer_id=answer.acquirer_id,
                ),
                None,
            )
        assert answer.acquirer_id is not None
        self.balance.charged(answer.acquirer_id, fee)
        self.line(reference, Operation.CAPTURE, amount, f"pi_{number}")
        return answer.acquirer_id

    def refund(self, number: int, of: str, cents: int) -> str:
        """A refund. Stripe's id of it."""
        asked = Instruction(
            kind=Kind.REFUND,
            reference=f"R{number}",
            order_id=f"pi_{number}",
            amount_cents=cents,
            currency="eur",
            original_reference=f"A{number}",
            merchant_reference=US,
            acquirer_id=of,
        )
        self._send(asked, None)
        refund_id = list(self.stripe.refunds)[-1]
        self.balance.refunded(refund_id)
        self.line(asked.reference, Operation.REFUND, cents, asked.order_id)
        return refund_id

    def line(self, reference: str, operation: Operation, cents: int, intent_id: str) -> None:
        entry_id = f"op_{reference}-{operation.value.lower()}"
        day = self.now().date().isoformat()
        self.lines.append(Line(entry_id, intent_id, reference, operation, cents, "eur", day))

    def settlement(self, **more: Any) -> StripeSettlement:
        return StripeSettlement(**{"connect": lambda: self.api, **self._fixed(), **more})

    def _fixed(self) -> dict[str, Any]:
        return {"merchant_reference": US, "calendar": UTC_DAYS, "clock": self}

    def report(self) -> Report | None:
        file = self.settlement().report(NAME, iter(self.lines))
        return None if file is None else read_report(file, NAME.reference)

    def shown(self) -> list[tuple[str, str, int, int, int]]:
        """(type, reference, amount, fee, net) of the report's lines."""
        report = self.report()
        assert report is not None and adds_up(report)
        return sorted(
            (one.operation.value, one.reference, one.amount_cents, one.fee_cents, one.net_cents)
            for one in report.lines
        )

    def _send(self, asked: Instruction, source: AcquirerToken | None) -> Any:
        answer = StripeAcquirer(self.api, self.now, US).send(asked, source)
        assert answer.outcome is Outcome.APPROVED
        return answer


@pytest.fixture
def account() -> Account:
    return Account()


def available(account: Account) -> Account:
    account.later(timedelta(days=3))
    return account


def test_nothing_is_submitted() -> None:
    assert Account().settlement().has(NAME.reference)


def test_charges_and_refunds_are_reported_with_stripes_fees_by_our_references(
    account: Account,
) -> None:
    payment = account.charge(1, 1000)
    account.refund(1, payment, 400)

    assert available(account).shown() == [
        ("CAPTURE", "A1", 1000, 39, 961),
        ("REFUND", "R1", 400, 0, -400),
    ]


def test_a_partial_capture_is_one_line_under_the_captures_reference(account: Account) -> None:
    account.charge(1, 1000, captured=600)

    assert available(account).shown() == [("CAPTURE", "C1", 600, 39, 561)]


def test_a_refund_that_the_bank_gave_back_is_a_line_of_its_own(account: Account) -> None:
    refund_id = account.refund(1, account.charge(1, 1000), 400)
    account.balance.refund_failed(refund_id)
    account.line("R1", Operation.REFUND_RETURN, 400, "pi_1")

    assert available(account).shown()[2] == ("REFUND_RETURN", "R1", 400, 0, 400)


def test_a_dispute_is_its_amount_and_its_fee_under_stripes_name_of_it(account: Account) -> None:
    account.charge(1, 1000)
    account.balance.disputed("dp_1", 1000, 2000)
    account.balance.disputed("dp_1", 1000, 0, won=True)
    for operation in (Operation.DISPUTE, Operation.DISPUTE_REVERSAL):
        account.line("dp_1", operation, 1000, "pi_1")
    account.line("dp_1", Operation.DISPUTE_FEE, 2000, "pi_1")

    assert available(account).shown()[1:] == [
        ("DISPUTE", "dp_1", 1000, 0, -1000),
        ("DISPUTE_FEE", "dp_1", 2000, 0, -2000),
        ("DISPUTE_REVERSAL", "dp_1", 1000, 0, 1000),
    ]


def test_what_is_no_line_of_ours_is_not_in_the_report(account: Account) -> None:
    """Given somebody else's charge, a fee of Stripe's, and a charge of another batch."""
    account.balance.stranger(5000)
    account.charge(1, 1000)
    account.charge(2, 700)
    account.lines.pop()
    account.line("A1", Operation.REFUND, 1, "pi_1")
    account.balance.disputed("dp_of_nobody", 100, 1500)
    account.lines.pop()

    assert [reference for _, reference, *_ in available(account).shown()] == ["A1"]


def test_a_charge_of_another_merchant_under_our_name_of_a_payment_is_not_ours(
    account: Account,
) -> None:
    account.charge(1, 1000)
    marks = account.balance.rows[0]["source"]["metadata"]
    account.balance.rows[0]["source"]["metadata"] = marks | {"farthing_merchant": "mer_2:test"}

    account.later(READ_ANYWAY + timedelta(days=2))
    assert account.shown() == []


def test_there_is_no_report_before_all_lines_are_available(account: Account) -> None:
    account.charge(1, 1000)
    account.later(timedelta(days=1))
    assert account.report() is None

    account.later(timedelta(days=1, hours=1))
    assert account.report() is not None


def test_what_is_missing_is_waited_for_a_week_and_then_shown_as_missing(account: Account) -> None:
    account.charge(1, 1000)
    account.line("A2", Operation.CAPTURE, 500, "pi_2")
    account.later(READ_ANYWAY)
    assert account.report() is None

    account.later(timedelta(days=1))
    assert account.shown() == [("CAPTURE", "A1", 1000, 39, 961)]


def test_a_line_that_stripe_booked_on_the_day_before_is_found(account: Account) -> None:
    """Given a charge of whose outcome we heard after midnight."""
    account.charge(1, 1000)
    late = NOON + timedelta(days=1)
    account.lines[0] = replace(account.lines[0], business_day=late.date().isoformat())

    file = account.settlement().report(replace(NAME, business_day=late.date()), account.lines)
    assert file is None  # not available yet
    account.later(timedelta(days=3))
    name = replace(NAME, business_day=late.date())
    file = account.settlement().report(name, account.lines)
    assert file is not None and len(read_report(file, name.reference).lines) == 1


def test_another_currency_of_the_account_is_shown_as_it_is(account: Account) -> None:
    account.charge(1, 1000)
    account.balance.rows[0] |= {"currency": "usd", "amount": 1100, "net": 1061}

    report = available(account).report()

    assert report is not None
    assert [(one.currency, one.amount_cents) for one in report.lines] == [("usd", 1100)]


def test_the_sums_are_of_the_lines_in_the_batchs_currency(account: Account) -> None:
    """Given one line in it and one in another: dollars are not added to euros."""
    account.charge(1, 1000)
    account.charge(2, 500)
    account.balance.rows[0] |= {"currency": "usd", "amount": 1100, "net": 1061}

    report = available(account).report()

    assert report is not None and adds_up(report)
    assert (report.currency, report.paid) == ("eur", Paid(500, 39, 461))


def test_long_lists_are_read_page_by_page(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balance_module, "ROWS", 2)
    for number in range(1, 6):
        account.charge(number, 1000)

    assert len(available(account).shown()) == 5
    assert account.balance.pages == 3


def test_more_than_can_be_read_is_unknown(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balance_module, "ROWS", 1)
    monkeypatch.setattr(balance_module, "PAGES_MAX", 2)
    for number in range(1, 4):
        account.charge(number, 1000)

    with pytest.raises(OutcomeUnknown, match="TooMany"):
        available(account).report()


@pytest.mark.parametrize(
    "change",
    [
        {"object": "charge"},
        {"amount": "1000"},
        {"fee": None},
        {"net": 1.5},
        {"status": ...},
        {"currency": ""},
        {"reporting_category": 7},
        {"id": ...},
    ],
)
def test_what_is_no_balance_transaction_is_unknown(
    account: Account, change: dict[str, Any]
) -> None:
    account.charge(1, 1000)
    account.balance.rows[0] = changed(account.balance.rows[0], **change)
    account.balance._listed = lambda fields: {  # type: ignore[method-assign]
        "object": "list",
        "data": account.balance.rows,
        "has_more": False,
    }

    with pytest.raises(OutcomeUnknown):
        account.report()


def test_a_capture_that_takes_money_is_unknown(account: Account) -> None:
    account.charge(1, 1000)
    account.balance.rows[0] |= {"amount": -1000, "net": -1039}

    with pytest.raises(OutcomeUnknown, match="other way"):
        available(account).report()


def test_a_merchant_without_a_key_is_unknown(account: Account) -> None:
    account.charge(1, 1000)

    def none() -> Api:
        raise CannotSend("there is no test key of this merchant")

    with pytest.raises(OutcomeUnknown, match="CannotSend"):
        account.settlement(connect=none).report(NAME, account.lines)
