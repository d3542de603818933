"""A transaction whose every write says what to answer if its condition does not hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from farthing.http.response import Response
from farthing.store import ConditionFailed, Item, Write
from farthing.store.port import Store

Refuse = Callable[[Item | None], Response | None]
"""Given the item that stood in the way: the answer, or the FarthingError that it raises.

None if the item is of this very transaction, which was applied although its answer was lost.
"""


@dataclass(frozen=True)
class Guarded:
    """One write of a transaction and its refusal."""

    write: Write
    refuse: Refuse


def commit(store: Store, guarded: Sequence[Guarded]) -> Response | None:
    """Write all or nothing. None if written, else what the failed condition's refusal answers.

    Raises what the refusal raises, or StoreBusy.
    """
    try:
        store.write(*(each.write for each in guarded))
    except ConditionFailed as failed:
        return guarded[failed.index].refuse(failed.item)
    return None
