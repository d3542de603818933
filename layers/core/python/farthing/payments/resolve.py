"""An operation of unknown outcome: look it up under the next fence, adopt what is found.

Whoever reads or touches a payment whose operation's lease has run out comes here. Raising the
fence shuts out the first sender, should it wake up. What the acquirer does not have, or cannot
say, stays unknown: nothing is declared failed on silence.
"""

from __future__ import annotations

from contextlib import suppress

from farthing.acquiring.port import UNKNOWN, Answer, Kind, LookUpFailed
from farthing.clock import to_text
from farthing.http.response import Response
from farthing.payments import refund_outcome
from farthing.payments.answers import answer_of
from farthing.payments.conclude import conclude
from farthing.payments.conclusion import intent_writes
from farthing.payments.conditions import abandoned
from farthing.payments.intent import Intent, intent_key
from farthing.payments.operation import Address, Operation
from farthing.payments.refund import Refund, refund_key, show_refund
from farthing.payments.services import SEND_SECONDS, Services
from farthing.payments.views import show_intent
from farthing.store import ConditionFailed, StoreBusy, Update


def resolve(operation: Operation, services: Services) -> Operation:
    """The operation as it is after looking, if it was to be looked into; else as it is now."""
    now = services.now()
    if not operation.may_be_taken_over(now) or services.seconds_left() < SEND_SECONDS:
        return operation
    ours = operation.taken_over(now)
    try:
        services.store.write(
            Update(
                operation.address.key,
                abandoned(operation.fence, to_text(now)),
                set={"fence": ours.fence, "lease_until": ours.lease_until},
            )
        )
    except (ConditionFailed, StoreBusy):
        return read_operation(operation.address, services)
    adopt(ours, _look_up(ours, services), services)
    return read_operation(operation.address, services)


def adopt(operation: Operation, answer: Answer, services: Services) -> None:
    """Write what was found, unless somebody was faster: then theirs stands."""
    if operation.kind is Kind.REFUND:
        with suppress(StoreBusy):
            refund_outcome.conclude_refund(operation, answer, services)
        return
    intent = read_intent(operation, services)
    if intent.open_operation != operation.operation_id:
        return
    concluded = conclude(intent, operation, answer)
    _, writes, _ = intent_writes(concluded, services.new_id, services.now())
    with suppress(ConditionFailed, StoreBusy):
        services.store.write(*writes)


def current_answer(operation: Operation, services: Services) -> Response:
    """What the request behind the operation is told now."""
    if operation.kind is Kind.REFUND:
        item = services.store.get(refund_key(services.tenant, operation.operation_id))
        if item is None:
            raise LookupError(operation.operation_id)
        return answer_of(operation, show_refund(Refund.from_item(item)), "refund")
    return answer_of(operation, show_intent(read_intent(operation, services)), "payment_intent")


def read_operation(address: Address, services: Services) -> Operation:
    """The row at `address`, which must be there."""
    item = services.store.get(address.key)
    if item is None:
        raise LookupError(str(address))
    return Operation.from_item(item)


def read_intent(operation: Operation, services: Services) -> Intent:
    """The operation's intent, which must be there."""
    item = services.store.get(intent_key(operation.tenant, operation.intent_id))
    if item is None:
        raise LookupError(operation.intent_id)
    return Intent.from_item(item)


def _look_up(operation: Operation, services: Services) -> Answer:
    try:
        found = services.sender.look_up(operation.address)
    except LookUpFailed:
        return UNKNOWN
    return found.answer or UNKNOWN
