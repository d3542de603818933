"""One step of a dispute: what becomes true of it and of its payment. Pure.

What the acquirer takes for a dispute cannot be refunded any more: so much is taken from what is
left. Where the payer has it by a refund already, or may yet get it by one that is on its way, they
have it twice, and the merchant owes it: `amount_overdrawn`. How much that is says the taking: an
issuer may ask about all of a payment and take a part, or the other way round. For a payment it
holds that

    captured + overdrawn = refundable + refunded + being refunded + returned + disputed
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from farthing.acquiring.dispute import Case, Stage, Standing, State
from farthing.clock import to_text
from farthing.disputes.dispute import Dispute
from farthing.disputes.states import TERMINAL, Money, money_of
from farthing.payments.intent import Intent
from farthing.payments.refund_outcome import given_back

OPENED, UPDATED, WON, LOST = "dispute.opened", "dispute.updated", "dispute.won", "dispute.lost"


@dataclass(frozen=True)
class Stepped:
    """A payment and its dispute before and after a step. `before` is None if it is the first."""

    intent_before: Intent
    intent: Intent
    before: Dispute | None
    dispute: Dispute
    money: Money
    event_type: str
    fee_cents: int = 0


def first(intent: Intent, new: Dispute, state: State, case: Case, now: datetime) -> Stepped:
    """The dispute's first step."""
    return _stepped(intent, None, replace(new, created_at=to_text(now)), state, case, now)


def onward(intent: Intent, before: Dispute, state: State, case: Case, now: datetime) -> Stepped:
    """Another step."""
    return _stepped(intent, before, before, state, case, now)


def told_again(intent: Intent, before: Dispute, changes: Mapping[str, object]) -> Stepped:
    """No step: something of it changed, and the merchant is told."""
    after = replace(before, version=before.version + 1, **changes)  # type: ignore[arg-type]
    return Stepped(intent, _told(intent), before, after, Money.STAYS, UPDATED)


def _stepped(
    intent: Intent,
    before: Dispute | None,
    current: Dispute,
    state: State,
    case: Case,
    now: datetime,
) -> Stepped:
    money = money_of(before.state if before else None, state)
    ended = state in TERMINAL or state[1] is Standing.WON
    after = current.moved(state, case, ended, now)
    fee_cents = 0
    if money is Money.TAKEN:
        overdrawn = max(0, case.amount_cents - intent.amount_refundable)
        after = replace(after, amount_cents=case.amount_cents, amount_overdrawn=overdrawn)
        if state[0] is Stage.CHARGEBACK:
            fee_cents = case.fee_cents
            refunded = intent.amount_refunded
            after = replace(after, fee_cents=fee_cents, amount_refunded=refunded)
    event_type = UPDATED if before is not None else OPENED
    event_type = {Standing.WON: WON, Standing.LOST: LOST}.get(state[1], event_type)
    paid = moved_in(intent, money, after.amount_cents)
    return Stepped(intent, _told(paid), before, after, money, event_type, fee_cents)


def moved_in(intent: Intent, money: Money, amount_cents: int) -> Intent:
    """The payment's counters after the disputed amount was taken, given back, or lost."""
    match money:
        case Money.STAYS:
            return intent
        case Money.TAKEN:
            taken = min(intent.amount_refundable, amount_cents)
            return replace(
                intent,
                open_disputes=intent.open_disputes + 1,
                amount_refundable=intent.amount_refundable - taken,
                amount_disputed=intent.amount_disputed + amount_cents,
                amount_overdrawn=intent.amount_overdrawn + amount_cents - taken,
            )
        case Money.GIVEN_BACK:
            return replace(
                intent,
                open_disputes=intent.open_disputes - 1,
                amount_disputed=intent.amount_disputed - amount_cents,
                **given_back(intent, amount_cents),  # type: ignore[arg-type]
            )
        case Money.LOST:
            return replace(intent, open_disputes=intent.open_disputes - 1)


def _told(intent: Intent) -> Intent:
    """One version and one event on."""
    return replace(intent, version=intent.version + 1, event_sequence=intent.event_sequence + 1)
