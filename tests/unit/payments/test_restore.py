"""Each transaction of the acquirer's books against ours: what would be done, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from farthing.acquiring.port import Books, Kind, Transaction
from farthing.method_type import MethodType
from farthing.payments import states
from farthing.payments.intent import Authorization, CaptureMethod, Intent
from farthing.payments.operation import Operation, OperationState
from farthing.payments.restore import Judged, Verdict, judge
from farthing.payments.services import Services
from farthing.payments.states import State
from farthing.store import Item, Key, TenantScope

TENANT = TenantScope("mer_a", "test")
BOOKS = Books("sandbox", "test")
AT = "2026-11-22T09:00:00.000Z"
REFERENCE = "01JD0000000000000000000AAA"
MATCHED, REPORTED = Verdict.MATCHED, Verdict.REPORTED
WOULD_ADOPT, WOULD_VOID = Verdict.WOULD_ADOPT, Verdict.WOULD_VOID


class Rows:
    """A store that can be read and not written."""

    def __init__(self, *items: tuple[Key, Item]) -> None:
        self.items = dict(items)

    def get(self, key: Key) -> Item | None:
        return self.items.get(key)


def theirs(kind: Kind = Kind.AUTHORIZE, **more: Any) -> Transaction:
    values: dict[str, Any] = {
        "reference": REFERENCE,
        "order_id": "pi_01jd0000000000000000000001",
        "merchant_reference": "mer_a:test",
        "kind": kind,
        "capture": False,
        "original_reference": None if kind is Kind.AUTHORIZE else "ORIGINAL",
        "amount_cents": 100,
        "currency": "eur",
        "status": "APPROVED",
        "created_at": AT,
    }
    return Transaction(**(values | more))


def ours(state: OperationState, **more: Any) -> tuple[Key, Item]:
    operation = Operation(
        tenant=TENANT,
        intent_id="pi_01jd0000000000000000000001",
        operation_id=f"op_{REFERENCE.lower()}",
        kind=Kind.AUTHORIZE,
        amount_cents=100,
        currency="eur",
        created_at=AT,
        lease_until=AT,
        idempotency_row="",
        success_status=200,
        request_id="r",
        state=state,
    )
    operation = replace(operation, **more)
    return operation.address.key, operation.to_item()


def payment(state: State, **more: Any) -> tuple[Key, Item]:
    intent = Intent(TENANT, "pi_01jd0000000000000000000001", 100, "eur", CaptureMethod.MANUAL, AT)
    values = {"status": state[0], "status_detail": state[1], **more}
    intent = replace(intent, **values)
    return intent.key, intent.to_item()


HELD = Authorization("ORIGINAL", "C", "N", AT, 100)
NEW = payment(states.NEW)
AUTHORIZED = payment(states.AUTHORIZED, authorization=HELD, amount_capturable=100)
PAID = payment(states.PAID, amount_captured=100, amount_refundable=60)
CANCELLED = payment(states.CANCELLED, authorization=HELD)
IN_FLIGHT = payment(states.IN_FLIGHT, open_operation="op_2")

RETURNED = payment(states.PAID, amount_captured=100, amount_returned=100, returned={"code": "X"})
BACK = (Key("payments", PAID[0].pk, "RETURN#op_01jd0000000000000000000aaa"), {"entity": "return"})

APPROVED, DECLINED = OperationState.APPROVED, OperationState.DECLINED
PENDING = OperationState.PENDING
DEBIT: dict[str, Any] = {"method_type": MethodType.BANK, "capture": True}


def debited(**more: Any) -> Transaction:
    return theirs(method=MethodType.BANK, capture=True, **more)


TABLE: list[tuple[str, Transaction, list[tuple[Key, Item]], Verdict]] = [
    # whose it is
    ("nobody's", theirs(merchant_reference=None), [NEW], REPORTED),
    ("no name of ours", theirs(merchant_reference="somebody"), [NEW], REPORTED),
    ("of another mode", theirs(merchant_reference="mer_a:live"), [NEW], REPORTED),
    ("a reversal", theirs(Kind.VOID, reference=f"{REFERENCE}R12"), [], MATCHED),
    ("no reversal", theirs(Kind.VOID, reference=f"{REFERENCE}X12"), [], REPORTED),
    # the operation is there
    ("as we have it", theirs(), [ours(APPROVED), PAID], MATCHED),
    ("declined, too", theirs(status="DECLINED"), [ours(DECLINED)], MATCHED),
    ("undone, too", theirs(status="REVERSED"), [ours(OperationState.ABSENT)], MATCHED),
    ("voided since", theirs(status="REVERSED"), [ours(APPROVED), CANCELLED], MATCHED),
    ("undone, held with us", theirs(status="REVERSED"), [ours(APPROVED), AUTHORIZED], REPORTED),
    ("undone, paid with us", theirs(status="REVERSED"), [ours(APPROVED), PAID], REPORTED),
    ("of no payment", theirs(order_id="order-1"), [], REPORTED),
    ("in capitals", theirs(currency="EUR"), [ours(APPROVED)], MATCHED),
    ("another amount", theirs(amount_cents=99), [ours(APPROVED)], REPORTED),
    ("another currency", theirs(currency="usd"), [ours(APPROVED)], REPORTED),
    ("approved, not with us", theirs(), [ours(DECLINED)], REPORTED),
    ("approved, absent with us", theirs(), [ours(OperationState.ABSENT)], REPORTED),
    ("pending, absent with us", theirs(status="PENDING"), [ours(DECLINED)], REPORTED),
    ("declined, not with us", theirs(status="DECLINED"), [ours(APPROVED)], REPORTED),
    ("unknown to us", theirs(), [ours(OperationState.UNKNOWN)], WOULD_ADOPT),
    ("open with us", theirs(status="DECLINED"), [ours(OperationState.OPEN)], WOULD_ADOPT),
    # the operation is lost
    ("declined", theirs(status="DECLINED"), [NEW], MATCHED),
    ("undone", theirs(status="REVERSED"), [], MATCHED),
    ("charge of a payment", theirs(), [NEW], WOULD_ADOPT),
    ("charge of another amount", theirs(amount_cents=99), [NEW], REPORTED),
    ("charge of more", theirs(amount_cents=101), [NEW], REPORTED),
    ("charge in another currency", theirs(currency="usd"), [NEW], REPORTED),
    ("second charge", theirs(), [PAID], REPORTED),
    ("charge beside another", theirs(), [IN_FLIGHT], REPORTED),
    ("capture", theirs(Kind.CAPTURE), [AUTHORIZED], WOULD_ADOPT),
    ("capture of a part", theirs(Kind.CAPTURE, amount_cents=60), [AUTHORIZED], WOULD_ADOPT),
    ("capture of more", theirs(Kind.CAPTURE, amount_cents=101), [AUTHORIZED], REPORTED),
    ("void", theirs(Kind.VOID), [AUTHORIZED], WOULD_ADOPT),
    ("capture of nothing", theirs(Kind.CAPTURE), [NEW], REPORTED),
    ("second capture", theirs(Kind.CAPTURE), [PAID], REPORTED),
    (
        "capture beside another",
        theirs(Kind.CAPTURE),
        [payment(states.AUTHORIZED, open_operation="op_2")],
        REPORTED,
    ),
    ("refund", theirs(Kind.REFUND, amount_cents=60), [PAID], WOULD_ADOPT),
    ("pending", theirs(Kind.REFUND, amount_cents=60, status="PENDING"), [PAID], WOULD_ADOPT),
    ("refund of more", theirs(Kind.REFUND, amount_cents=61), [PAID], REPORTED),
    (
        "refund of what was not paid",
        theirs(Kind.REFUND),
        [payment(states.AUTHORIZED, amount_refundable=100)],
        REPORTED,
    ),
    # a debit of a bank account
    ("decided by nobody yet", debited(status="PENDING"), [ours(PENDING, **DEBIT)], MATCHED),
    ("a decision lost", debited(), [ours(PENDING, **DEBIT)], WOULD_ADOPT),
    ("a decision not heard", debited(status="PENDING"), [ours(APPROVED, **DEBIT)], MATCHED),
    ("taken back, too", debited(returned=True), [ours(APPROVED, **DEBIT), RETURNED, BACK], MATCHED),
    ("a return lost", debited(returned=True), [ours(APPROVED, **DEBIT), PAID], WOULD_ADOPT),
    ("a return of nothing", debited(returned=True), [ours(DECLINED, **DEBIT), PAID], REPORTED),
    ("a debit lost", debited(status="PENDING"), [NEW], WOULD_ADOPT),
    ("a refund beside its return", theirs(Kind.REFUND, amount_cents=60), [RETURNED], WOULD_ADOPT),
    (
        "a refund beside others and a return",
        theirs(Kind.REFUND, amount_cents=60),
        [payment(states.PAID, amount_captured=100, amount_returned=100, amount_overdrawn=41)],
        REPORTED,
    ),
    # its payment is lost as well
    ("orphan", theirs(), [], WOULD_VOID),
    ("orphan's capture", theirs(Kind.CAPTURE), [], REPORTED),
    ("orphan's refund", theirs(Kind.REFUND), [], REPORTED),
]


def judged(transaction: Transaction, rows: list[tuple[Key, Item]]) -> Judged:
    services = SimpleNamespace(store=Rows(*rows), now=lambda: datetime(2026, 11, 22, tzinfo=UTC))
    return judge(transaction, BOOKS, lambda _: cast(Services, services), apply=False)


@pytest.mark.parametrize(
    ("transaction", "rows", "verdict"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_what_would_be_done(
    transaction: Transaction, rows: list[tuple[Key, Item]], verdict: Verdict
) -> None:
    found = judged(transaction, rows)
    assert found.verdict is verdict
    assert found.why


def test_a_report_says_what_does_not_fit() -> None:
    assert judged(theirs(amount_cents=99), [ours(APPROVED)]).why == "ours is of 100 eur"
    assert judged(theirs(), [ours(DECLINED)]).why == "ours is DECLINED, theirs APPROVED"
    assert judged(theirs(), [PAID]).why == "the payment is SUCCEEDED"
    refund = theirs(Kind.REFUND, amount_cents=61)
    assert judged(refund, [PAID]).why == "the payment has 60 left to refund"
