"""Looking into an operation, whatever is still to be learned of it.

What has no end is resolved. A debit that succeeded has one, and may still go back: its acquirer is
asked whether it did.
"""

from __future__ import annotations

from contextlib import suppress

from farthing.payments import returns
from farthing.payments.address import Address
from farthing.payments.operation import Operation
from farthing.payments.resolve import look_up, read_operation, resolve
from farthing.payments.services import SEND_SECONDS, Services
from farthing.store import StoreBusy


def follow(address: Address, services: Services) -> Operation:
    """The operation after looking. Raises LookupError if there is none."""
    operation = read_operation(address, services)
    if not operation.may_be_returned:
        return resolve(operation, services)
    if services.seconds_left() >= SEND_SECONDS:
        look_for_return(operation, services)
    return read_operation(address, services)


def look_for_return(operation: Operation, services: Services) -> None:
    """Ask whether a debit that succeeded went back, and write down what is learned."""
    looked = look_up(operation, services)
    answer = looked.answer if looked is not None else None
    with suppress(StoreBusy):
        if answer is not None and answer.returned is not None:
            returns.record(operation, answer.returned, services)
        else:
            returns.watch(operation, services, asked=answer is not None)
