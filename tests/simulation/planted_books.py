"""The bugs of the gate that are about disputes, the ledger and settlement: see planted_bugs.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from farthing.acquiring.dispute import Case, State
from farthing.clock import later
from farthing.disputes import schedule, step, writes
from farthing.disputes.answer import DisputeAnswer
from farthing.disputes.dispute import Dispute
from farthing.disputes.states import Money
from farthing.disputes.step import Stepped
from farthing.payments import refunds
from farthing.payments.intent import Intent
from farthing.payments.names import reference_of
from farthing.payments.operation import Operation
from farthing.settlement import entry
from farthing.store import Item, Write
from tests.simulation import profiles
from tests.simulation.planted import Patches
from tests.simulation.planted_bugs import ANYTHING, bug

# --- disputes ----------------------------------------------------------------------------------


@bug(
    "the fee of a dispute is posted with each taking of its money",
    invariant=5,
    limit=60,
    profile=profiles.DISPUTED,
)
def fee_posted_at_every_stage(patch: Patches) -> None:
    real = step.onward

    def onward(intent: Intent, before: Dispute, state: State, case: Case, now: datetime) -> Stepped:
        taken = real(intent, before, state, case, now)
        return replace(taken, fee_cents=case.fee_cents if taken.money is Money.TAKEN else 0)

    patch.attribute(step, "onward", onward)


@bug(
    "what is won comes back to the payment, and not in the ledger",
    invariant=5,
    profile=profiles.DISPUTED,
)
def won_and_not_posted(patch: Patches) -> None:
    real = writes._money_writes

    def money_writes(stepped: Stepped, *named: Any) -> list[Write]:
        return [] if stepped.money is Money.GIVEN_BACK else real(stepped, *named)

    patch.attribute(writes, "_money_writes", money_writes)


@bug(
    "what is left of a disputed payment can be refunded",
    invariant=2,
    limit=120,
    profile=profiles.REFUNDED_WHILE_DISPUTED,
)
def refund_of_a_disputed_payment(patch: Patches) -> None:
    reserve = refunds.reserve

    def reserved(intent: Intent, *asked: Any) -> Any:
        return reserve(replace(intent, open_disputes=0), *asked)

    patch.attribute(refunds, "reserve", reserved)
    patch.attribute(refunds, "NOT_DISPUTED", ANYTHING)


@bug(
    "an answer is looked for under another name than it was sent",
    invariant=1,
    profile=profiles.DISPUTED_SILENTLY,
)
def answer_under_a_new_name(patch: Patches) -> None:
    """Each lease has its own: so what was taken is sent again, and refused."""

    def reference(self: DisputeAnswer) -> str:
        return reference_of(f"dan_{self.lease_until}")

    patch.attribute(DisputeAnswer, "reference", property(reference))


@bug("that a merchant was reminded is not looked at", invariant=4, profile=profiles.DISPUTED)
def reminded_every_hour(patch: Patches) -> None:
    """Nor does a reminder say when the next one is due, which is a net under it."""
    real, watched = schedule.reminder, schedule.watched

    def reminder(due_by: str | None, _: int | None, now: datetime) -> int | None:
        return real(due_by, None, now)

    def hourly(*named: Any) -> str | None:
        an_hour_on = later(named[-1], seconds=schedule.HOUR_SECONDS)
        return an_hour_on if watched(*named) is not None else None

    patch.attribute(schedule, "reminder", reminder)
    patch.everywhere(watched, hourly)


# --- what is ours, and what is settled ---------------------------------------------------------


@bug(
    "whoever learns an outcome later has forgotten our fee",
    invariant=5,
    profile=profiles.SILENT,
)
def fee_forgotten_with_the_process(patch: Patches) -> None:
    real = Operation.from_item

    def from_item(item: Item) -> Operation:
        return replace(real(item), fees=None)

    patch.attribute(Operation, "from_item", staticmethod(from_item))


@bug(
    "what a dispute took is taken from the merchant once more when it is settled",
    invariant=5,
    profile=profiles.DISPUTED_AND_SETTLED,
)
def share_of_a_dispute_settled_twice(patch: Patches) -> None:
    def share_cents(moved: entry.Operation, amount_cents: int, fee_cents: int) -> int:
        return moved.sign * amount_cents - fee_cents

    patch.everywhere(entry.share_cents, share_cents)
