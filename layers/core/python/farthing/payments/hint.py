"""Somebody says that an operation has an outcome. The acquirer is asked; the word alone is nothing.

An acquirer's message may come before its books show what it says, or while somebody else is looking
into the operation: so what is still unknown afterwards is looked into once more, soon. What is
concluded stays so. That a refund came back afterwards is a fact of its own. If a message says
otherwise than we have concluded, the acquirer is asked again, and if it still does, a person has to
look: a charge that came up after all.
"""

from __future__ import annotations

from farthing.acquiring.answer import Outcome
from farthing.payments import refund_returns
from farthing.payments.address import Address
from farthing.payments.follow import follow
from farthing.payments.operation import UNRESOLVED, Operation, OperationState
from farthing.payments.resolve import read_operation
from farthing.payments.services import Services

AGAIN_SECONDS = 15


class Contradicted(Exception):
    """The acquirer says otherwise than we have concluded. Nothing is changed by it."""


def follow_up(address: Address, services: Services, approved: bool | None = None) -> Operation:
    """The operation after looking. `approved` is what the message says of it, None if nothing.

    Raises LookupError if there is none, Contradicted, or LookUpFailed if that cannot be told now.
    """
    before = read_operation(address, services)
    operation = follow(address, services)
    if refund_returns.may_come_back(before) and approved is not True:
        refund_returns.look(before, services)
        if refund_returns.is_known(before, services):
            return operation
    may_yet = before.may_be_returned and operation.due_at is not None
    if operation.state in UNRESOLVED or may_yet:
        services.later.look(address, AGAIN_SECONDS)
    elif approved is not None and approved is not _is_approved(operation):
        answer = services.sender.look_up(address).answer
        told = answer is not None and answer.outcome is Outcome.APPROVED
        if told is not _is_approved(operation):
            raise Contradicted(str(address))
    return operation


def _is_approved(operation: Operation) -> bool:
    return operation.state is OperationState.APPROVED
