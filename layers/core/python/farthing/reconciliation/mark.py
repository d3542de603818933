"""Marks of the few movements that are neither matched in their own batch nor in a break of it.

    AWAITED     our line, and no report has it yet         a late line matches it
    PROMISED    the same, and a person knows why           a late line matches it
    GIVEN_UP    our line, written off by a person          a late line is a STATE_MISMATCH
    EARLY       another batch's report had it              its own batch's report need not
    STRAY       a report had it and our ledger did not     it matches when our ledger has it
    PAID        it matched otherwise than with all others  once more, it is a DUPLICATE_LINE

A line that matched at once has no mark: it costs nothing to keep. Each movement has a partition of
its own. `settlement_id` says whose report had it, or whose line it is while none had.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from farthing.reconciliation.match import Ours
from farthing.reconciliation.reported import Movement, Reported
from farthing.settlement.batch import TABLE
from farthing.settlement.entry import Operation
from farthing.store.condition import NOT_CREATED, Condition
from farthing.store.item import Item, Key
from farthing.store.port import BatchGets
from farthing.store.scope import TenantScope
from farthing.store.write import Put, Write

ENTITY = "reconciliation_mark"
KEYS_PER_READ = 100


class State(StrEnum):
    """What a mark says."""

    AWAITED = "AWAITED"
    PROMISED = "PROMISED"
    GIVEN_UP = "GIVEN_UP"
    EARLY = "EARLY"
    STRAY = "STRAY"
    PAID = "PAID"


WAITING = frozenset({State.AWAITED, State.PROMISED})


@dataclass(frozen=True)
class Mark:
    """One row. `break_id` names the break that the movement is in, if it is in one."""

    state: State
    movement: Movement
    settlement_id: str
    ours: Ours | None = None
    reported: Reported | None = None
    break_id: str | None = None

    def to_item(self) -> Item:
        """The row, without its key."""
        ours, reported = self.ours, self.reported
        return {
            "entity": ENTITY,
            "state": self.state.value,
            "operation": self.movement[0].value,
            "reference": self.movement[1],
            "settlement_id": self.settlement_id,
            "break_id": self.break_id,
            "ours": None
            if ours is None
            else dict(vars(ours)) | {"operation": ours.operation.value},
            "reported": None if reported is None else reported_item(reported),
        }

    @classmethod
    def of(cls, item: Item) -> Mark:
        """The mark of a stored row."""
        operation = Operation(item["operation"])
        ours, reported = item["ours"], item["reported"]
        return cls(
            State(item["state"]),
            (operation, item["reference"]),
            item["settlement_id"],
            None if ours is None else Ours(**{**ours, "operation": operation}),
            None if reported is None else Reported(**{**reported, "operation": operation}),
            item["break_id"],
        )


def reported_item(line: Reported) -> Item:
    """A line of a report as a row keeps it."""
    return {
        "operation": line.operation.value,
        "reference": line.reference,
        "currency": line.currency,
        "amount_cents": line.amount_cents,
        "fee_cents": line.fee_cents,
        "net_cents": line.net_cents,
        "order_id": line.order_id,
        "seq": line.seq,
    }


def mark_key(tenant: TenantScope, acquirer: str, movement: Movement) -> Key:
    """Where a movement's mark is."""
    operation, reference = movement
    return Key(TABLE, tenant.pk("MARK", acquirer, reference), operation.value)


def still(state: State) -> Condition:
    """The mark says what it said when it was read."""
    return Condition(f"STILL_{state}", "#state = :state_was", {"state_was": state.value})


def marked(tenant: TenantScope, acquirer: str, before: Mark | None, after: Mark) -> Write:
    """The write that makes one mark of another, or of none."""
    when = NOT_CREATED if before is None else still(before.state)
    return Put(mark_key(tenant, acquirer, after.movement), after.to_item(), when)


def marks_of(
    store: BatchGets, tenant: TenantScope, acquirer: str, movements: Iterable[Movement]
) -> dict[Movement, Mark]:
    """The marks of those movements that have one, by consistent reads."""
    keys = [mark_key(tenant, acquirer, movement) for movement in dict.fromkeys(movements)]
    found: dict[Movement, Mark] = {}
    for at in range(0, len(keys), KEYS_PER_READ):
        for item in store.batch_get(keys[at : at + KEYS_PER_READ]).values():
            mark = Mark.of(item)
            found[mark.movement] = mark
    return found
