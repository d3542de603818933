"""What the `charge` function does: an operation's row → the card → the acquirer → an outcome.

    row read ─► claim to send ─► card opened ─► still time? ─► ask the acquirer ─► CVC forgotten
         │            │               │             │
         │            │               └─────────────┴─ NOT_SENT: the claim is ours, no byte has left
         └────────────┴─ UNKNOWN: somebody else may be sending, or this very invocation runs twice

The claim is the vault's audit row for (reference, fence). It is written before the card is
decrypted, on the condition that it is not there: one fence sends once, and no decrypt is without
its row. If it cannot be written, nothing is decrypted. Only who holds it may say that nothing was
sent: Lambda may run an invocation twice, and what one twin did not send, the other may have.

The CVC is deleted as soon as the operation is never sent again: its outcome is definite, by an
answer, a look-up or a person, or it was decided to undo it. What was not sent may be tried with it
again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from farthing.acquiring.answer import NOT_SENT, TOKEN_NOT_SENT, UNKNOWN, Answer, Outcome
from farthing.acquiring.port import (
    Acquirer,
    Kind,
    LookUp,
    LookUpFailed,
    Reversal,
    TransactionPage,
    Undone,
)
from farthing.payments.address import Address
from farthing.payments.operation import Operation
from farthing.store import Item, Key
from farthing.vault.claim import AlreadyClaimed
from farthing.vault.source import Source

SEND_RESERVE_SECONDS = 2
"""What `charge` needs after the acquirer's timeout: the way back."""


class CannotSend(Exception):
    """Something that sending needs does not work. No byte has left this side."""


class NoNetworkToken(CannotSend):
    """The network token that is to pay cannot be presented. Something else may pay."""


@dataclass(frozen=True)
class ChargeServices:
    """What sending needs. All but `forget` may raise CannotSend.

    `forget` is of what may be used once: a CVC, a wallet's payload. It never raises: what stays is
    unreadable after its time, and an outcome that is known must not be lost over it.
    """

    read: Callable[[Key], Item | None]
    acquirer: Callable[[str], Acquirer]
    claim: Callable[[Operation], None]
    open_source: Callable[[Operation], Source]
    forget: Callable[[Operation], None]
    now: Callable[[], datetime]
    seconds_left: Callable[[], float]


def send(address: Address, services: ChargeServices) -> Answer:
    """Send the operation at `address`, if it is still to be sent and there is time."""
    try:
        operation = _read(address, services)
        if operation is None or not operation.may_be_sent(services.now()):
            return UNKNOWN
        services.claim(operation)
    except (AlreadyClaimed, CannotSend):
        return UNKNOWN
    try:
        acquirer = services.acquirer(operation.connector)
        source = services.open_source(operation) if operation.kind is Kind.AUTHORIZE else None
    except NoNetworkToken:
        return TOKEN_NOT_SENT
    except CannotSend:
        return NOT_SENT
    if services.seconds_left() < acquirer.capabilities.timeout_seconds + SEND_RESERVE_SECONDS:
        return NOT_SENT
    answer = acquirer.send(operation.instruction(), source)
    if answer.outcome in {Outcome.APPROVED, Outcome.DECLINED}:
        _forget_cvc(operation, services)
    return answer


def look_up(address: Address, services: ChargeServices) -> LookUp:
    """What the acquirer says of the operation's reference. Raises LookUpFailed."""
    try:
        operation = _read(address, services)
        if operation is None:
            raise LookUpFailed(f"there is no operation {address.operation_id}")
        acquirer = services.acquirer(operation.connector)
    except CannotSend as error:
        raise LookUpFailed from error
    found = acquirer.look_up(operation.instruction())
    if found.answer is not None:
        _forget_cvc(operation, services)
    return found


def reverse(address: Address, services: ChargeServices) -> Reversal:
    """Undo the authorization at `address`, if its row says that this was decided."""
    try:
        operation = _read(address, services)
        if operation is None or not operation.may_be_reversed():
            return Reversal(Undone.UNKNOWN)
        acquirer = services.acquirer(operation.connector)
    except CannotSend:
        return Reversal(Undone.UNKNOWN)
    _forget_cvc(operation, services)
    if services.seconds_left() < acquirer.capabilities.timeout_seconds + SEND_RESERVE_SECONDS:
        return Reversal(Undone.UNKNOWN)
    return acquirer.reverse(operation.instruction(), operation.reversal_reference)


def forget_cvc(address: Address, services: ChargeServices) -> bool:
    """Delete the CVC of an operation that is never sent again, as its row says. Whether it is one.

    For outcomes that do not come from here: a person has decided.
    """
    try:
        operation = _read(address, services)
    except CannotSend:
        return False
    if operation is None or not operation.is_never_sent_again:
        return False
    _forget_cvc(operation, services)
    return True


def transactions(
    acquirer: Callable[[], Acquirer], since: str, after: str | None
) -> TransactionPage:
    """What the acquirer's books say since an instant. Raises LookUpFailed."""
    try:
        return acquirer().transactions(since, after)
    except CannotSend as error:
        raise LookUpFailed from error


def _forget_cvc(operation: Operation, services: ChargeServices) -> None:
    """Only an authorization has a card, and so a CVC."""
    if operation.token is not None:
        services.forget(operation)


def _read(address: Address, services: ChargeServices) -> Operation | None:
    item = services.read(address.key)
    return Operation.from_item(item) if item is not None else None
