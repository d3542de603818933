"""A network token was refused: the card's number is asked instead, once.

    the first closed · the second written · intent and key go over to it       one transaction
    the second sent                                                            as any other

What is wrong is the token and not the card, and that is certain: the acquirer declined the token
itself, or there was no cryptogram and nothing was sent. An outcome that is not known never falls
back: the token may have paid.

The second is an operation of its own, with a reference of its own, and a function of the first:
there can be one, whoever falls back, and whoever does so again after a restore asks under the same
reference. It is as old as the first, so both together have the time of one: after it, the number
is not asked any more, and only looked up, in case that it was.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from farthing.acquiring.answer import TOKEN_NOT_SENT, Answer, Outcome
from farthing.acquiring.connectors import RESEND_SECONDS
from farthing.acquiring.decline import TOKEN_ERRORS
from farthing.acquiring.port import Kind
from farthing.clock import from_text, later, to_text
from farthing.ids import ALPHABET
from farthing.payments import idempotency, states
from farthing.payments.conclusion import intent_update
from farthing.payments.conditions import held_under_fence, holds_operation, key_held_by
from farthing.payments.intent import Intent
from farthing.payments.operation import (
    FIRST_FENCE,
    LEASE_SECONDS,
    Operation,
    OperationState,
    Via,
)
from farthing.store import NOT_CREATED, Put, Update, Write

TIME_LENGTH = 10
"""The part of an id that says when it was made."""


@dataclass(frozen=True)
class FallenBack:
    """What becomes true. `second` is to be sent if it is OPEN."""

    before: Intent
    intent: Intent
    first: Operation
    second: Operation

    @property
    def is_sent(self) -> bool:
        """Whether there is time left to ask the number."""
        return self.second.state is OperationState.OPEN


def falls_back(operation: Operation, answer: Answer) -> bool:
    """Whether this answer to this operation says that the card's number may be asked instead.

    That nothing was sent is certain of the first sending alone. What is to be undone, or is a
    person's to decide, is not begun anew.
    """
    if operation.kind is not Kind.AUTHORIZE or operation.via is not Via.NETWORK_TOKEN:
        return False
    if operation.reversal_at is not None or operation.requires_decision:
        return False
    if answer.decline is None or answer.decline.reason_code not in TOKEN_ERRORS:
        return False
    unsent = answer.outcome is Outcome.NOT_SENT and operation.fence == FIRST_FENCE
    return unsent or answer.outcome is Outcome.DECLINED


def fall_back(intent: Intent, operation: Operation, answer: Answer, now: datetime) -> FallenBack:
    """The intent, which waits for `operation`, waiting for the card's number instead."""
    age = now - from_text(operation.created_at)
    in_time = age < timedelta(seconds=RESEND_SECONDS)
    second = replace(
        operation,
        operation_id=fallback_id(operation.operation_id),
        via=Via.PAN,
        fallback_of=operation.operation_id,
        state=OperationState.OPEN if in_time else OperationState.UNKNOWN,
        fence=FIRST_FENCE,
        answer=None,
        lease_until=later(now, seconds=LEASE_SECONDS) if in_time else to_text(now),
        due_at=None,
        quiet_since=None,
        asked_at=None,
    )
    first = replace(operation.concluded(answer), replaced_by=second.operation_id)
    after = intent.moved(
        states.IN_FLIGHT if in_time else states.UNRESOLVED,
        open_operation=second.operation_id,
        outcome=None if in_time else Outcome.UNKNOWN.value,
    )
    return FallenBack(intent, after, first, second)


def fallback_id(operation_id: str) -> str:
    """The id of the operation that may follow another one: of its time, and the same each time."""
    prefix, _, random = operation_id.partition("_")
    digest = hashlib.sha256(f"fallback of {operation_id}".encode()).digest()
    rest = "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest)
    return f"{prefix}_{(random[:TIME_LENGTH] + rest)[: len(random)]}"


def fallback_writes(fallen: FallenBack) -> list[Write]:
    """The one transaction. The first is closed only while it is held under its fence, the intent
    goes over only while it waits for it, and so does the key."""
    first, second = fallen.first, fallen.second
    if first.answer is None:
        raise ValueError("nothing falls back without an answer")
    closed = {
        "state": first.state.value,
        "answer": first.answer.to_item(),
        "replaced_by": second.operation_id,
    }
    when = held_under_fence(first.fence)
    return [
        Update(first.address.key, when, set=closed, remove=["due_pk", "due_at"]),
        Put(second.address.key, second.to_item(), NOT_CREATED),
        *intent_update(fallen.before, fallen.intent, holds_operation(first.operation_id)),
        *_key_handed_over(first, second),
    ]


def _key_handed_over(first: Operation, second: Operation) -> list[Write]:
    if not first.idempotency_row:
        return []
    key = idempotency.row_key(first.tenant, first.idempotency_row)
    handed = {"operation_id": second.operation_id}
    return [Update(key, key_held_by(first.operation_id), set=handed)]


def found_after_it(
    intent: Intent, waiting: Operation, second_id: str, now: datetime
) -> FallenBack | None:
    """After a restore: `second_id` is at the acquirer, and the intent still waits for the operation
    before it. That one was refused then, or never sent: nothing else makes a second one."""
    if waiting.via is not Via.NETWORK_TOKEN or fallback_id(waiting.operation_id) != second_id:
        return None
    held = replace(waiting, created_at=min(waiting.created_at, _too_late(now)))
    return fall_back(intent, held, TOKEN_NOT_SENT, now)


def _too_late(now: datetime) -> str:
    return to_text(now - timedelta(seconds=RESEND_SECONDS))
