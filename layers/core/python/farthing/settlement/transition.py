"""A batch goes from one state to the next: the writes of each step, and what must still be true."""

from __future__ import annotations

from farthing.settlement.batch import NEXT, STILL, STILL_REFUSED, Batch, Reason, Status, Trouble
from farthing.store.condition import EXISTS, NOT_CREATED
from farthing.store.item import Value
from farthing.store.write import Delete, Put, Update, Write


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


def was_refused(batch: Batch) -> bool:
    """Whether the acquirer refused a batch, so that it never had it."""
    return (
        batch.status is Status.EXCEPTION
        and batch.trouble is not None
        and batch.trouble.reason is Reason.REFUSED_BY_ACQUIRER
    )


def submit_again(batch: Batch) -> list[Write]:
    """A refused batch is submitted by the next run, as if it had not been: a person wants it."""
    gone = ("exception_reason", "exception_detail")
    status = {"status": Status.CLOSING.value}
    return [
        Update(batch.name.key, STILL_REFUSED, set=status, remove=gone),
        Put(batch.name.marker_key, batch.name.marker(), NOT_CREATED),
    ]
