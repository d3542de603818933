"""Who gets money and who does not: pure decisions over facts from the books.

    authorize ──► left_to_capture ──capture──► left_to_refund ──refund──► 0
                        └──────────── void ───────────┘ (only if taken at once)

A charge carries two counters that say what is left. The rules here give the
client a reason; the same rules guard the write (`Change`), and that guard is
what holds when two requests race.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from farthing_sandbox import cards
from farthing_sandbox.asks import Ask, Authorize, Due, FollowUp, Operation, Reversal
from farthing_sandbox.refusals import Paying, expiry, refuse_follow_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farthing_sandbox.cards import Decline, Fault, Settles
    from farthing_sandbox.debits import Debit


DISPUTED_AFTER_SECONDS: Final = 10
"""After the capture."""
REFUND_COMES_BACK_SECONDS: Final = 20


class Status(StrEnum):
    """What became of a row in the books."""

    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    REVERSED = "REVERSED"
    PENDING = "PENDING"


@dataclass(frozen=True)
class Numbers:
    """Random values for one request, made at the edge."""

    entry_id: str
    authorization_code: str
    network_reference: str


@dataclass(frozen=True)
class Row:
    """One line of the public books."""

    reference: str
    order_id: str
    operation: Operation
    amount_cents: int
    currency: str
    status: Status
    created_at: str
    via: str | None = None
    """What paid for an authorization: a CARD's number, or a NETWORK_TOKEN."""


@dataclass(frozen=True)
class Booked:
    """A row where the books keep it, and the settlement that paid it.

    Nobody can see it before `visible_at`. A refund that was pending has `ended_at`. `due_at` is
    when a debit will be decided or taken back, or a refund come back. `may_be_disputed`: it is a
    charge that was captured and is of the kind that is.
    """

    row: Row
    key: dict[str, Any]
    settled_by: str | None
    visible_at: str | None
    merchant_reference: str | None
    ended_at: str | None
    due_at: str | None = None
    settles: Settles | None = None
    may_be_disputed: bool = False

    def is_public(self, now: datetime) -> bool:
        """Whether the public books show it: by now, and if something is decided."""
        return landed(self.visible_at, now) and self.row.status is not Status.PENDING


@dataclass(frozen=True)
class Charge:
    """An authorization and what is left of it. `entry` is where the books keep it.

    Nobody can see it, or do anything with it, before `visible_at`.
    """

    entry: str
    order_id: str
    currency: str
    status: Status
    authorized_cents: int
    left_to_capture_cents: int
    left_to_refund_cents: int
    taken_at_once: bool
    last_four: str
    behaviour: str
    authorization_code: str | None
    network_reference: str | None
    created_at: datetime
    visible_at: str | None

    @property
    def is_pending(self) -> bool:
        """Whether it is a debit of which the bank has not decided."""
        return self.status is Status.PENDING


@dataclass(frozen=True)
class Change:
    """What an approved follow-up does to its charge; the books refuse it if the charge moved on."""

    operation: Operation
    charge: Charge
    amount_cents: int
    at: str


@dataclass(frozen=True)
class Entry:
    """A decision: everything that goes into the books at once, or not at all.

    `fault` happens to each answer that tells of it. `spends` is the cryptogram that it uses up.
    """

    entry: str
    ask: Ask | Reversal
    answer: dict[str, Any]
    rows: tuple[Row, ...]
    opens: Charge | None = None
    change: Change | None = None
    fault: Fault | None = None
    visible_at: str | None = None
    spends: str | None = field(default=None, repr=False)
    debit: Debit | None = None

    @property
    def settles(self) -> Settles | None:
        """How a capture among its rows is settled, if not as it is booked."""
        charge = self.opens or (self.change.charge if self.change is not None else None)
        return cards.behaviour_tagged(charge.behaviour).settles if charge is not None else None

    @property
    def is_pending(self) -> bool:
        """Whether it waits for an end."""
        return self.rows[0].status is Status.PENDING

    def goes_on(self) -> Iterator[tuple[Due, int]]:
        """What happens later by itself, in how many seconds: a captured charge is disputed, a
        refund comes back."""
        charge = self.opens or (self.change.charge if self.change else None)
        if charge is None:
            return
        does = cards.behaviour_tagged(charge.behaviour)
        last = self.rows[-1].operation
        if does.disputed and last is Operation.CAPTURE:
            due = Due(charge.order_id, charge.entry, self.ask.reference, "DISPUTE")
            yield due, DISPUTED_AFTER_SECONDS + 1
        if does.refunds_come_back and last is Operation.REFUND and self.change is not None:
            due = Due(charge.order_id, self.entry, self.ask.reference, "REFUND_RETURN")
            yield due, REFUND_COMES_BACK_SECONDS + 1


def decide_authorize(ask: Authorize, paying: Paying, now: datetime, numbers: Numbers) -> Entry:
    """Approve or decline what pays, as the facts about it say."""
    decline, behaviour = paying.decline, paying.behaviour
    late = behaviour.lands_after_seconds > 0 and decline is None
    at = now + timedelta(seconds=behaviour.lands_after_seconds if late else 0)
    entry, status = entry_name(at, numbers), Status.DECLINED if decline else Status.APPROVED
    taken = ask.amount_cents if ask.capture and decline is None else 0
    charge = Charge(
        entry=entry,
        order_id=ask.order_id,
        currency=ask.currency,
        status=status,
        authorized_cents=ask.amount_cents,
        left_to_capture_cents=0 if decline or ask.capture else ask.amount_cents,
        left_to_refund_cents=taken,
        taken_at_once=taken > 0,
        last_four=paying.last_four,
        behaviour=behaviour.tag,
        authorization_code=None if decline else numbers.authorization_code,
        network_reference=None if decline else numbers.network_reference,
        created_at=at,
        visible_at=rfc3339(at) if late else None,
    )
    rows = [row(ask, Operation.AUTHORIZE, status, at, paying.via)]
    if taken:
        rows.append(row(ask, Operation.CAPTURE, Status.APPROVED, at, paying.via))
    return Entry(
        entry,
        ask,
        answer(ask, charge, status, decline, at),
        tuple(rows),
        opens=charge,
        fault=behaviour.answer_fault,
        visible_at=charge.visible_at,
        spends=paying.spends,
    )


def decide_follow_up(
    ask: FollowUp, charge: Charge | None, now: datetime, numbers: Numbers
) -> Entry:
    """Approve or decline a capture, void or refund of `charge` (None if there is no such one)."""
    decline = refuse_follow_up(ask, charge, now)
    if decline is not None or charge is None:
        return follow_up_entry(ask, charge, Status.DECLINED, decline, now, numbers)
    behaviour = cards.behaviour_tagged(charge.behaviour)
    pends = behaviour.refunds_pend and ask.operation is Operation.REFUND
    status = Status.PENDING if pends else Status.APPROVED
    return replace(
        follow_up_entry(ask, charge, status, None, now, numbers),
        change=Change(ask.operation, charge, ask.amount_cents, rfc3339(now)),
        fault=behaviour.capture_fault if ask.operation is Operation.CAPTURE else None,
    )


def follow_up_entry(
    ask: FollowUp,
    charge: Charge | None,
    status: Status,
    decline: Decline | None,
    now: datetime,
    numbers: Numbers,
) -> Entry:
    """The line and the answer of a follow-up that changes nothing."""
    return Entry(
        entry_name(now, numbers),
        ask,
        answer(ask, charge, status, decline, now),
        (row(ask, ask.operation, status, now),),
    )


def answer(
    ask: Ask, charge: Charge | None, status: Status, decline: Decline | None, now: datetime
) -> dict[str, Any]:
    """The body of the answer. A declined one carries no code and no network reference."""
    approved = charge if decline is None else None
    holds = approved is not None and ask.operation is Operation.AUTHORIZE
    taken = holds and isinstance(ask, Authorize) and ask.capture
    return {
        "reference": ask.reference,
        "order_id": ask.order_id,
        "operation": ask.operation.value,
        "status": status.value,
        "amount_cents": ask.amount_cents,
        "captured_cents": ask.amount_cents if taken else 0,
        "method": ask.method if isinstance(ask, Authorize) else None,
        "currency": ask.currency,
        "authorization_code": approved.authorization_code if approved else None,
        "network_reference": approved.network_reference if approved else None,
        "expires_at": rfc3339(expiry(now)) if holds else None,
        "decline_code": decline.code if decline else None,
        "decline_message": decline.message if decline else None,
        "created_at": rfc3339(now),
    }


def row(
    ask: Ask, operation: Operation, status: Status, now: datetime, via: str | None = None
) -> Row:
    """The line of the public books for `operation`."""
    return Row(
        ask.reference,
        ask.order_id,
        operation,
        ask.amount_cents,
        ask.currency,
        status,
        rfc3339(now),
        via,
    )


def entry_name(now: datetime, numbers: Numbers) -> str:
    """Sorts by time within an order."""
    return f"{rfc3339(now)}#{numbers.entry_id}"


def landed(visible_at: str | None, now: datetime) -> bool:
    """Whether what was booked can be seen by now."""
    return visible_at is None or visible_at <= rfc3339(now)


def rfc3339(at: datetime) -> str:
    """UTC to the millisecond."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
