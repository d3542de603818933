"""Somebody says that an operation has an outcome. The acquirer is asked; the word alone is nothing.

An acquirer's message may come before its books show what it says, or while somebody else is looking
into the operation: so what is still unknown afterwards is looked into once more, soon.
"""

from __future__ import annotations

from farthing.payments.follow import follow
from farthing.payments.operation import UNRESOLVED, Address, Operation
from farthing.payments.resolve import read_operation
from farthing.payments.services import Services

AGAIN_SECONDS = 15


def follow_up(address: Address, services: Services) -> Operation:
    """The operation after looking. Raises LookupError if there is none."""
    had_succeeded = read_operation(address, services).may_be_returned
    operation = follow(address, services)
    may_yet = had_succeeded and operation.due_at is not None
    if operation.state in UNRESOLVED or may_yet:
        services.later.look(address, AGAIN_SECONDS)
    return operation
