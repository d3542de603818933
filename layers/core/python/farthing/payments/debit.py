"""Debits of bank accounts: when one is looked into while the bank decides, and afterwards. Pure.

    accepted ──► PENDING, for days ──► APPROVED ──► returned, or for good
                     └──► DECLINED

The acquirer's message says when there is something to see. A message may be lost, so each debit is
also looked into at the times below, until it can change no more.
"""

from __future__ import annotations

from datetime import datetime

from farthing.clock import from_text, later, to_text
from farthing.ids import shard_of
from farthing.payments.operation import DUE_SHARDS, Operation, due_pk
from farthing.store import Item

MINUTE, HOUR, DAY = 60, 60 * 60, 24 * 60 * 60

DEBIT_SHARDS = 4
LOOK_PAUSE_SECONDS = 10
"""How long after a look at a pending debit nobody looks again, however often they ask us."""

PENDING_LOOKS_SECONDS = (15 * MINUTE, HOUR, 6 * HOUR)
"""When a pending debit is looked into, in seconds from its beginning. Then once a day."""

PENDING_GIVEN_UP_SECONDS = 21 * DAY
"""After so long a person is asked. A bank has answered after a fortnight of working days."""

RETURN_LOOKS_DAYS = (1, 2, 3, 5, 8, 14, 28, 42, 57, 64)
"""When a debit that succeeded is looked into, in days from its beginning.

A payer may claim it back for eight weeks (SEPA Core), or say within 60 days that they never agreed
(ACH); a few days more for the way. What comes even later is known only by the acquirer's message:
under SEPA's rules, up to 13 months, if the payer never agreed at all.
"""

FAILED_LOOK_SECONDS = HOUR
"""When the acquirer could not be asked about a return, it is asked again so much later."""


def debit_pk(shard: int) -> str:
    """One shard of the debits that are pending, or that may still come back, by the next look."""
    return f"DEBIT#{shard}"


def next_look(operation: Operation, now: datetime) -> str:
    """When a pending debit is looked into again, by its age."""
    created = from_text(operation.created_at)
    age_seconds = int((now - created).total_seconds())
    following = (at for at in PENDING_LOOKS_SECONDS if at > age_seconds + 1)
    return later(created, seconds=next(following, age_seconds + DAY))


def is_given_up(operation: Operation, now: datetime) -> bool:
    """Whether the bank had its time, so that a person is to ask."""
    age = now - from_text(operation.created_at)
    return age.total_seconds() >= PENDING_GIVEN_UP_SECONDS


def pending(operation: Operation, now: datetime) -> Item:
    """What a debit waits for that the acquirer took at once: its first look."""
    return {
        "lease_until": to_text(now),
        "due_pk": waits_in(operation),
        "due_at": next_look(operation, now),
    }


def waits_in(operation: Operation) -> str:
    """Where a pending debit waits: apart from what is unknown, unless a person is asked."""
    if operation.requires_decision:
        return due_pk(shard_of(operation.operation_id, DUE_SHARDS))
    return _debit_pk(operation)


def watched(operation: Operation, now: datetime) -> Item:
    """The place in the due index of a debit that succeeded: it may come back."""
    at = next_return_look(operation, now) or later(now, seconds=DAY)
    return {"due_pk": _debit_pk(operation), "due_at": at}


def next_return_look(operation: Operation, now: datetime) -> str | None:
    """When a debit that succeeded is looked into again; None when it cannot come back any more."""
    created = from_text(operation.created_at)
    age_seconds = (now - created).total_seconds()
    days = next((day for day in RETURN_LOOKS_DAYS if day * DAY > age_seconds + 1), None)
    return None if days is None else later(created, seconds=days * DAY)


def _debit_pk(operation: Operation) -> str:
    return debit_pk(shard_of(operation.operation_id, DEBIT_SHARDS))
