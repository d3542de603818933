"""Settlement at Stripe, which pays out by itself: nothing is submitted, its balance is read.

The report of a batch is made of the balance transactions of its lines, and is there when all of
them are available to be paid out. After READ_ANYWAY it is made of what there is, so that what is
missing is seen. What moved the balance and is in no line of ours, such as Stripe's own fees or
somebody else's charges at the same account, is not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from farthing.acquiring.charge import CannotSend
from farthing.acquiring.exchange import NoByteSent, NoUsableAnswer
from farthing.acquiring.stripe.api import Api, NotExecuted, Refusal
from farthing.acquiring.stripe.balance import Moved, TooMany, moved_between
from farthing.acquiring.stripe.payment import MERCHANT, ORDER, REFERENCE
from farthing.acquiring.stripe.units import NotRepresentable, from_stripe
from farthing.business_calendar import ONE_DAY, Calendar
from farthing.clock import Clock, epoch_seconds
from farthing.settlement.batch import BatchName
from farthing.settlement.entry import Operation
from farthing.settlement.line import Line
from farthing.settlement.ports import OutcomeUnknown
from farthing.settlement.report import ReportLine
from farthing.settlement.report_file import write_report

READ_ANYWAY = timedelta(days=8)
"""Counted from the end of the batch's day. Most balances are available within a week."""
REPORTS_WITHIN = timedelta(days=10)
NO_ANSWER = (NoByteSent, NoUsableAnswer, NotExecuted, Refusal, CannotSend, TooMany)

CHARGE, CAPTURED_LESS = "charge", "partial_capture_reversal"
DISPUTE, DISPUTE_REVERSAL = "dispute", "dispute_reversal"
BY_REFERENCE: Mapping[str, Operation] = {
    "refund": Operation.REFUND,
    "refund_failure": Operation.REFUND_RETURN,
}
"""What is known by our reference of the refund; a refund that failed gives its amount back."""

Named = tuple[Operation, str]


@dataclass(frozen=True)
class StripeSettlement:
    """One merchant's account. `connect` raises CannotSend where there is no key for it."""

    connect: Callable[[], Api]
    merchant_reference: str
    calendar: Calendar
    clock: Clock
    reports_within: timedelta = REPORTS_WITHIN

    def has(self, reference: str) -> bool:
        """It needs no batch: it pays whatever it took."""
        return True

    def submit(self, reference: str, file: bytes) -> None:
        """Never asked for, because it has every batch already."""
        raise NotImplementedError("Stripe takes no batches")

    def report(self, name: BatchName, lines: Iterable[Line]) -> bytes | None:
        """What the balance says of our lines. Raises OutcomeUnknown."""
        ours = list(lines)
        over = self.calendar.end_of(name.business_day)
        first = min(date.fromisoformat(line.business_day) for line in ours) - 2 * ONE_DAY
        window = epoch_seconds(self.calendar.end_of(first)), epoch_seconds(over + ONE_DAY)
        try:
            moved = list(moved_between(self.connect(), *window))
        except NO_ANSWER as error:
            raise OutcomeUnknown(f"{type(error).__name__}: {error}") from error
        found = self._lines(ours, moved)
        complete = len(found) == len(ours) and all(available for _, available in found)
        if not complete and self.clock.now() < over + READ_ANYWAY:
            return None
        read = [line for line, _ in found]
        return write_report(name.reference, read, name.currency, name.business_day)

    def _lines(self, ours: Sequence[Line], moved: Sequence[Moved]) -> list[tuple[ReportLine, bool]]:
        """Of each of our lines that moved the balance: what it did, and whether it is available."""
        wanted: dict[Named, Line] = {(line.operation, _key(line)): line for line in ours}
        found: dict[Named, tuple[ReportLine, bool]] = {}
        charges: dict[str, Named] = {}
        for one in sorted(moved, key=lambda it: it.category != CHARGE):
            for named, amount, fee in self._named(one, charges):
                line = wanted.get(named)
                if line is not None:
                    found[named] = _added(found.get(named), line, one, amount, fee)
        return list(found.values())

    def _named(self, one: Moved, charges: dict[str, Named]) -> list[tuple[Named, int, int]]:
        """Which lines a balance transaction is about, with its signed amount and fee for each."""
        if one.category in {DISPUTE, DISPUTE_REVERSAL}:
            operation = Operation[one.category.upper()]
            fee = ((Operation.DISPUTE_FEE, one.source_id), -one.fee, 0)
            moves = ((operation, one.source_id), one.amount, 0)
            return [moves, fee] if one.fee else [moves]
        if one.category == CAPTURED_LESS:
            charge = charges.get(str(one.source.get("charge") or one.source_id))
            return [(charge, one.amount, one.fee)] if charge is not None else []
        if one.marks.get(MERCHANT) != self.merchant_reference:
            return []
        if one.category == CHARGE:
            named = (Operation.CAPTURE, str(one.marks.get(ORDER)))
            charges[one.source_id] = named
            return [(named, one.amount, one.fee)]
        kind = BY_REFERENCE.get(one.category)
        name = str(one.marks.get(REFERENCE))
        return [((kind, name), one.amount, one.fee)] if kind is not None else []


def _key(line: Line) -> str:
    """What Stripe's objects name a line by. A charge bears its payment's name, and a payment is
    captured once; the capture's own reference is on the PaymentIntent alone."""
    return line.intent_id if line.operation is Operation.CAPTURE else line.reference


def _added(
    before: tuple[ReportLine, bool] | None, line: Line, one: Moved, amount: int, fee: int
) -> tuple[ReportLine, bool]:
    """The line with what one more balance transaction did. Raises OutcomeUnknown for an amount
    that is none of ours, or goes the other way."""
    try:
        gross, cost = from_stripe(amount, one.currency), from_stripe(fee, one.currency)
    except NotRepresentable as error:
        raise OutcomeUnknown(f"a balance transaction of {error}") from error
    on, available = datetime.fromtimestamp(one.available_on, UTC).date().isoformat(), True
    if before is not None:
        earlier, available = before
        gross, cost = gross + earlier.gross_cents, cost + earlier.fee_cents
        on = max(on, earlier.settled_on)
    if gross * line.operation.sign < 0:
        raise OutcomeUnknown(f"a {line.operation} that moved the balance the other way")
    read = ReportLine(
        reference=line.reference,
        operation=line.operation,
        amount_cents=abs(gross),
        fee_cents=cost,
        net_cents=gross - cost,
        order_id=line.intent_id,
        currency=one.currency,
        settled_on=on,
    )
    return read, available and one.available
