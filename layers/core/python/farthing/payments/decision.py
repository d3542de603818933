"""A person's decision about an operation of which nobody else can say what became of it.

It is taken under the next fence like every other conclusion, and written in one transaction with
the row that says who decided, when and why. If the acquirer can tell after all, that counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from farthing.acquiring.answer import ABSENT, Answer, Outcome
from farthing.acquiring.port import Kind, LookUp
from farthing.clock import to_text
from farthing.payments import recovery
from farthing.payments.address import Address
from farthing.payments.operation import UNRESOLVED, Operation, OperationState
from farthing.payments.recovery import Step
from farthing.payments.resolve import (
    adopt,
    carry_out,
    look_up,
    read_operation,
    take_over,
    wait,
)
from farthing.payments.services import SEND_SECONDS, Services
from farthing.store import NOT_CREATED, Item, Key, Put

ANSWERS = {"APPROVED": Answer(Outcome.APPROVED), "ABSENT": ABSENT}
"""What may be decided: it did happen, or it did not and will not."""


class NotForAPerson(Exception):
    """The operation waits for nobody's decision, or somebody is at it. The text says which."""


@dataclass(frozen=True)
class Decision:
    """What was decided, by whom, and why."""

    address: Address
    outcome: str
    by: str
    reason: str

    def __post_init__(self) -> None:
        if self.outcome not in ANSWERS:
            raise ValueError(f"outcome is one of {sorted(ANSWERS)}")
        if not self.by.strip() or not self.reason.strip():
            raise ValueError("a decision needs a name and a reason")


def decision_key(address: Address, fence: int) -> Key:
    """Where a decision is kept, beside the operation."""
    pk = address.tenant.pk("PI", address.intent_id)
    return Key("payments", pk, f"DECISION#{address.operation_id}#{fence:08d}")


def decide(decision: Decision, services: Services) -> Operation:
    """Conclude the operation as decided, unless the acquirer can tell. Raises NotForAPerson."""
    operation = read_operation(decision.address, services)
    if operation.state not in _WITHOUT_AN_END or not operation.requires_decision:
        raise NotForAPerson(f"it is {operation.state}, and asks for no decision")
    if not operation.may_be_taken_over(services.now()) or services.seconds_left() < SEND_SECONDS:
        raise NotForAPerson("somebody is looking into it: try again in a minute")
    ours = take_over(operation, services)
    if ours is None:
        raise NotForAPerson("somebody was faster: look again")
    looked = look_up(ours, services)
    answer = _checked(ANSWERS[decision.outcome], ours, looked, services)
    recorded = Put(
        decision_key(decision.address, ours.fence), _item(decision, ours, services), NOT_CREATED
    )
    adopt(ours, answer, services, [recorded])
    after = read_operation(decision.address, services)
    if after.state in UNRESOLVED:
        raise NotForAPerson("it could not be written down now: look again")
    if after.kind is Kind.AUTHORIZE:
        services.sender.forget_cvc(decision.address)
    return after


def _checked(decided: Answer, ours: Operation, looked: LookUp | None, services: Services) -> Answer:
    """What was decided, with what the acquirer adds to it.

    Raises NotForAPerson if the acquirer can tell after all, and then what it says is done; or if it
    is too early to say.
    """
    declared, now = services.capabilities(ours.connector), services.now()
    planned = recovery.plan(ours, looked, declared, now)
    known = looked.answer if looked is not None else None
    agreed = known is not None and known.outcome is decided.outcome
    if planned.step in _ACQUIRER_CAN_TELL and not agreed:
        carry_out(planned, looked, services)
        said = known.outcome.value if known is not None else "not there"
        raise NotForAPerson(f"the acquirer says that it is {said}")
    why = recovery.in_the_way(planned.operation, looked, decided.outcome, declared, now)
    if why is not None:
        wait(planned.operation, services)
        raise NotForAPerson(f"{why}: try again in a minute")
    return known if agreed and known is not None else decided


_WITHOUT_AN_END = frozenset({OperationState.UNKNOWN, OperationState.PENDING})
_ACQUIRER_CAN_TELL = frozenset({Step.ADOPT, Step.REVERSE, Step.RESEND})


def _item(decision: Decision, operation: Operation, services: Services) -> Item:
    return {
        "entity": "decision",
        "merchant_id": operation.tenant.merchant_id,
        "mode": operation.tenant.mode,
        "operation_id": operation.operation_id,
        "intent_id": operation.intent_id,
        "outcome": decision.outcome,
        "decided_by": decision.by,
        "reason": decision.reason,
        "decided_at": to_text(services.now()),
        "amount_cents": operation.amount_cents,
        "currency": operation.currency,
    }
