"""Somebody says that an operation has an outcome. The acquirer is asked; the word alone is nothing.

An acquirer's message may come before its books show what it says, or while somebody else is looking
into the operation: so what is still unknown afterwards is looked into once more, soon.
"""

from __future__ import annotations

from farthing.payments.operation import UNRESOLVED, Address, Operation
from farthing.payments.resolve import read_operation, resolve
from farthing.payments.services import Services

AGAIN_SECONDS = 15


def follow_up(address: Address, services: Services) -> Operation:
    """The operation after looking. Raises LookupError if there is none."""
    operation = resolve(read_operation(address, services), services)
    if operation.state in UNRESOLVED:
        services.later.look(address, AGAIN_SECONDS)
    return operation
