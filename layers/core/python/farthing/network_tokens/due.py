"""Where methods wait about whose network token something is to be done: shards of the due index."""

from __future__ import annotations

from farthing.ids import shard_of
from farthing.store.item import Item

DUE_SHARDS = 4


def due_pk(shard: int) -> str:
    """One shard."""
    return f"NETWORK_TOKEN#{shard}"


def due_marker(method_id: str, at: str) -> Item:
    """A method's place in the due index."""
    return {"due_pk": due_pk(shard_of(method_id, DUE_SHARDS)), "due_at": at}
