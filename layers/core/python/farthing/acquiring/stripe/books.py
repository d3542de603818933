"""What an account did for one merchant since an instant, oldest first, as operations of ours.

Stripe lists the newest first, so time is cut into windows, and each page is one of them: as long as
a day, and shorter while a list does not fit into one answer. A window is read from three lists:

    PaymentIntents made in it   authorizations and combined charges, as they stand now
    refunds made in it          refunds
    events of it                captures and voids, also of payments that are older

Lists are not behind, as search is. Events are kept for thirty days. What bears no mark of this
merchant is somebody else's and is not shown. A reversal is not shown either: the charge that it
undid is shown as reversed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from farthing.acquiring.answer import Answer, Outcome
from farthing.acquiring.exchange import NoUsableAnswer
from farthing.acquiring.port import Found, Kind, Transaction, TransactionPage
from farthing.acquiring.stripe import standing
from farthing.acquiring.stripe.api import Api
from farthing.acquiring.stripe.find import PAYMENTS, REFUNDS, page, refunds_of
from farthing.acquiring.stripe.form import Fields
from farthing.acquiring.stripe.payment import (
    AUTOMATIC,
    KIND,
    MANUAL,
    MARK_OF,
    MERCHANT,
    ORDER,
    ORIGINAL,
    REFERENCE,
    Payment,
    Refunded,
    instant,
    read_payment,
    read_refund,
)
from farthing.acquiring.stripe.units import NotRepresentable, from_stripe
from farthing.clock import epoch_seconds, from_text

EVENTS = "/v1/events"
DAY = 24 * 60 * 60
SHORTER = 8
ROWS_MAX = 40
"""Of each list in a window: a PaymentIntent with its charge has some kilobytes."""
PAGES_OF_A_SECOND_MAX = 20
CAPTURED, CANCELLED = "payment_intent.succeeded", "payment_intent.canceled"

_STATUS_OF = {
    Outcome.APPROVED: "APPROVED",
    Outcome.DECLINED: "DECLINED",
    Outcome.ABSENT: "REVERSED",
}
_STATUS_OF_REFUND = {
    "succeeded": "APPROVED",
    "pending": "PENDING",
    "requires_action": "PENDING",
    "failed": "DECLINED",
    "canceled": "DECLINED",
}


class DoesNotFit(Exception):
    """The window holds more than one answer takes."""


@dataclass(frozen=True)
class Window:
    """Seconds since 1970, `end` excluded. Its text is the cursor of a page."""

    start: int
    length: int

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.start + self.length

    def to_text(self) -> str:
        """`1780000000+3600`."""
        return f"{self.start}+{self.length}"

    @classmethod
    def of(cls, since: str, after: str | None) -> Window:
        """The window that a cursor names, or the first one. Raises ValueError."""
        if after is None:
            return cls(epoch_seconds(from_text(since)), DAY)
        start, length = (int(text) for text in after.split("+"))
        return cls(start, max(1, min(length, DAY)))

    def shorter(self) -> Window:
        """The same beginning, an eighth of the time."""
        return Window(self.start, max(1, self.length // SHORTER))

    def next(self) -> Window:
        """The one behind it; longer again, in case it was busy only there."""
        return Window(self.end, min(DAY, self.length * SHORTER))


def read(api: Api, merchant: str, since: str, after: str | None) -> TransactionPage:
    """One page. Raises ValueError for a cursor that is none, and what a request raises."""
    window = Window.of(since, after)
    while True:
        try:
            made, as_of = _listed(api, PAYMENTS, window, {"expand": ["data.latest_charge"]})
            refunded, _ = _listed(api, REFUNDS, window, {})
            told, _ = _listed(api, EVENTS, window, {"types": [CAPTURED, CANCELLED]})
            break
        except DoesNotFit:
            window = window.shorter()
    rows = [
        *_authorizations(api, merchant, made),
        *_refunds(merchant, refunded),
        *_follow_ups(merchant, told),
    ]
    rows.sort(key=lambda row: row.created_at)
    over = window.end > epoch_seconds(from_text(as_of))
    return TransactionPage(tuple(rows), None if over else window.next().to_text())


def _listed(api: Api, path: str, window: Window, more: Fields) -> tuple[list[Any], str]:
    """Everything of a window, oldest first, and Stripe's clock. Raises DoesNotFit."""
    created = {"gte": window.start, "lt": window.end}
    found: list[Any] = []
    for _ in range(PAGES_OF_A_SECOND_MAX):
        after = {"starting_after": found[-1]["id"]} if found else {}
        reply = api.get(path, {"created": created, "limit": ROWS_MAX, **more, **after})
        rows, unfinished = page(reply)
        if not all(isinstance(row, Mapping) and isinstance(row.get("id"), str) for row in rows):
            raise NoUsableAnswer("no list of objects")
        found += rows
        if not unfinished:
            if reply.as_of is None:
                raise NoUsableAnswer("no date")
            return found[::-1], reply.as_of
        if window.length > 1:
            raise DoesNotFit
    raise NoUsableAnswer("a second that never ends")


def _authorizations(api: Api, merchant: str, rows: list[Any]) -> Iterator[Transaction]:
    for payment in map(read_payment, rows):
        if payment.metadata.get(MERCHANT) != merchant:
            continue
        if payment.metadata.get(KIND) != Kind.AUTHORIZE:
            continue
        status = _status(payment, _reversals(api, payment))
        if status is not None:
            yield _transaction(payment, Kind.AUTHORIZE, payment.amount, status, payment.created)


def _status(payment: Payment, reversals: list[Refunded]) -> str | None:
    """How it stands; None for one that was opened and never confirmed."""
    found, answer = _standing(payment, reversals)
    if found is Found.PENDING:
        return "PENDING"
    return _STATUS_OF[answer.outcome] if answer is not None else None


def _standing(payment: Payment, reversals: list[Refunded]) -> tuple[Found, Answer | None]:
    if payment.status in standing.IDLE and payment.error is None:
        return Found.NOT_FOUND, None
    if payment.status in standing.IDLE:
        return Found.FOUND, Answer(Outcome.DECLINED)
    if payment.status == standing.AT_WORK:
        return Found.PENDING, None
    undone = standing.is_given_back(payment, reversals)
    gone = payment.status == standing.ENDED or undone
    return Found.FOUND, Answer(Outcome.ABSENT if gone else Outcome.APPROVED)


def _reversals(api: Api, payment: Payment) -> list[Refunded]:
    if payment.capture_method != AUTOMATIC or not payment.amount_refunded:
        return []
    refunds, _ = refunds_of(api, payment.acquirer_id)
    return standing.reversals_among(refunds, payment.metadata.get(REFERENCE, ""))


def _refunds(merchant: str, rows: list[Any]) -> Iterator[Transaction]:
    for row in rows:
        if row.get("payment_intent") is None:
            continue  # of a charge that was not made by a PaymentIntent: none of ours
        refund = read_refund(row)
        marks = refund.metadata
        if (marks.get(MERCHANT), marks.get(KIND)) != (merchant, Kind.REFUND.value):
            continue
        yield Transaction(
            reference=marks.get(REFERENCE, ""),
            order_id=marks.get(ORDER, ""),
            merchant_reference=merchant,
            kind=Kind.REFUND,
            capture=False,
            original_reference=marks.get(ORIGINAL),
            amount_cents=_cents(refund.amount, refund.currency),
            currency=refund.currency,
            status=_STATUS_OF_REFUND.get(refund.status, "PENDING"),
            created_at=instant(refund.created),
            acquirer_id=refund.payment_id,
        )


def _follow_ups(merchant: str, rows: list[Any]) -> Iterator[Transaction]:
    for event in rows:
        data = event.get("data")
        payment = read_payment(data.get("object") if isinstance(data, Mapping) else None)
        if payment.metadata.get(MERCHANT) != merchant:
            continue
        created = event.get("created")
        if type(created) is not int:
            raise NoUsableAnswer("an event without a time")
        if event.get("type") == CANCELLED and MARK_OF[Kind.VOID] in payment.metadata:
            yield _transaction(payment, Kind.VOID, payment.amount, "APPROVED", created)
        captured = payment.capture_method == MANUAL and event.get("type") == CAPTURED
        if captured and MARK_OF[Kind.CAPTURE] in payment.metadata:
            received = payment.amount_received
            yield _transaction(payment, Kind.CAPTURE, received, "APPROVED", created)


def _transaction(
    payment: Payment, kind: Kind, amount: int, status: str, created: int
) -> Transaction:
    first = kind is Kind.AUTHORIZE
    reference = payment.metadata.get(REFERENCE, "")
    return Transaction(
        reference=reference if first else payment.metadata[MARK_OF[kind]],
        order_id=payment.metadata.get(ORDER, ""),
        merchant_reference=payment.metadata.get(MERCHANT),
        kind=kind,
        capture=first and payment.capture_method == AUTOMATIC,
        original_reference=None if first else reference,
        amount_cents=_cents(amount, payment.currency),
        currency=payment.currency,
        status=status,
        created_at=instant(created),
        acquirer_id=payment.acquirer_id,
    )


def _cents(amount: int, currency: str) -> int:
    try:
        return from_stripe(amount, currency)
    except NotRepresentable as error:
        raise NoUsableAnswer(str(error)) from error
