"""A batch goes from one state to the next: the writes of each step, and what must still be true."""

from __future__ import annotations

from farthing.settlement.batch import NEXT, STILL, Batch, Status, Trouble
from farthing.store.condition import EXISTS
from farthing.store.item import Value
from farthing.store.write import Delete, Update, Write


def moved(batch: Batch, status: Status, **changes: Value) -> list[Write]:
    """One transition; with the last one the batch leaves the list of unfinished ones.

    Raises ValueError for a transition that there is not.
    """
    if status not in NEXT[batch.status]:
        raise ValueError(f"{batch.status} does not lead to {status}")
    changed = {"status": status.value, **changes}
    writes: list[Write] = [Update(batch.name.key, STILL[batch.status], set=changed)]
    if not NEXT[status]:
        writes.append(Delete(batch.name.marker_key, when=EXISTS))
    return writes


def excepted(trouble: Trouble) -> dict[str, Value]:
    """The attributes of a batch that somebody has to look at."""
    return {"exception_reason": trouble.reason.value, "exception_detail": trouble.detail}
