"""Planted bugs of bank accounts: what a debit is taken for, and what becomes of its return."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Any

from farthing.acquiring import sandbox
from farthing.acquiring.answer import Answer, Outcome, Returned
from farthing.acquiring.decline import decline
from farthing.ids import ENTROPY_BYTES, instant_of, make_id
from farthing.payments import conclusion, conditions, refund_outcome, returned, returns
from farthing.payments.conditions import same_version
from farthing.payments.intent import Intent, intent_key
from farthing.payments.operation import Operation
from farthing.payments.returned import Return
from farthing.store import Key, Update
from tests.simulation import profiles
from tests.simulation.planted import Bug, Patches

MARKER = ("due_pk", "due_at")


def _answers(patch: Patches, outcome: Outcome, **more: Any) -> None:
    """What is read of a debit that is pending."""
    real = sandbox.read_answer

    def read_answer(*asked: Any) -> Answer:
        answer = real(*asked)
        if answer.outcome is not Outcome.PENDING:
            return answer
        return replace(answer, outcome=outcome, **more)

    patch.attribute(sandbox, "read_answer", read_answer)


def pending_treated_as_declined(patch: Patches) -> None:
    _answers(patch, Outcome.DECLINED, decline=decline("PROCESSING_ERROR", "96"))


def pending_taken_for_money(patch: Patches) -> None:
    _answers(patch, Outcome.APPROVED, authorization_code="A", network_reference="N")


def return_counted_twice(patch: Patches) -> None:
    """Each telling is a return of its own: nobody asks whether it is written, no id is its own."""

    def return_id(self: Return) -> str:
        told = f"{self.operation.operation_id} {self.created_at}"
        digest = hashlib.sha256(told.encode()).digest()
        at = instant_of(self.operation.operation_id)
        return make_id(returned.PREFIX, at, digest[:ENTROPY_BYTES])

    def key(self: Return) -> Key:
        return Key("payments", self.operation.address.key.pk, f"RETURN#{self.return_id}")

    def record(operation: Operation, told: Returned, services: Any) -> None:
        item = services.store.get(intent_key(operation.tenant, operation.intent_id))
        before = Intent.from_item(item)
        after, fact = returned.decide(before, operation, told, services.now())
        after = replace(
            after,
            amount_returned=before.amount_returned + after.amount_returned,
            amount_overdrawn=before.amount_overdrawn + after.amount_overdrawn,
        )
        event_id = services.new_id("evt")
        day = services.business_day(operation.connector)
        now = services.now()
        services.store.write(*returns.return_writes(before, after, fact, event_id, now, day))

    patch.attribute(Return, "return_id", property(return_id))
    patch.attribute(Return, "key", property(key))
    patch.everywhere(conditions.returnable, same_version)
    patch.attribute(returns, "record", record)


def return_lost_when_a_refund_was_made(patch: Patches) -> None:
    real = returns.record

    def record(operation: Operation, told: Returned, services: Any) -> None:
        item = services.store.get(intent_key(operation.tenant, operation.intent_id))
        if Intent.from_item(item).amount_refundable >= told.amount_cents:
            real(operation, told, services)
        else:
            returns.watch(operation, services, asked=True)

    patch.attribute(returns, "record", record)


def return_heard_of_by_message_only(patch: Patches) -> None:
    real = conclusion.operation_update

    def operation_update(operation: Operation, now: datetime) -> Update:
        update = real(operation, now)
        if not operation.may_be_returned:
            return update
        kept = {name: value for name, value in update.set.items() if name not in MARKER}
        return replace(update, set=kept, remove=MARKER)

    patch.everywhere(real, operation_update)


def refund_given_back_after_the_return(patch: Patches) -> None:
    """A refund that comes to nothing is refundable again, though its debit went back meanwhile."""

    def given_back(intent: Intent, amount_cents: int) -> dict[str, int]:
        return {"amount_refundable": intent.amount_refundable + amount_cents}

    patch.attribute(refund_outcome, "given_back", given_back)


BUGS_OF_DEBITS = [
    Bug(
        "pending treated as declined",
        "a debit of which the bank has to decide is taken for a decline",
        1,
        30,
        pending_treated_as_declined,
        profiles.DEBIT,
    ),
    Bug(
        "pending taken for money",
        "a debit that the acquirer takes is taken for money",
        1,
        30,
        pending_taken_for_money,
        profiles.REFUSED_DEBIT,
    ),
    Bug(
        "return counted twice",
        "each telling of a return is written, and no id is of the debit",
        2,
        30,
        return_counted_twice,
        profiles.DEBIT_TOLD_BADLY,
    ),
    Bug(
        "return lost when a refund was made",
        "a debit that was refunded is not returned",
        1,
        30,
        return_lost_when_a_refund_was_made,
        profiles.REFUND_BEFORE_RETURN,
    ),
    Bug(
        "return heard of by message only",
        "nobody looks into a debit that succeeded",
        1,
        30,
        return_heard_of_by_message_only,
        profiles.DEBIT_TOLD_BADLY,
    ),
    Bug(
        "refund given back after the return",
        "a refund that fails is refundable again, though the debit went back",
        2,
        100,
        refund_given_back_after_the_return,
        profiles.REFUND_BESIDE_RETURN,
    ),
]
