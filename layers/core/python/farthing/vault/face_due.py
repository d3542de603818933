"""When the face of a card is looked at: its place in the due index of the payments table.

Each face has one from the beginning, so no card is forgotten. `retention` says what follows from a
look.
"""

from __future__ import annotations

from farthing.clock import from_text, later
from farthing.ids import shard_of
from farthing.store.item import Item

DUE_SHARDS = 8
GRACE_SECONDS = 15 * 60
"""How long a token's time must be over: whoever claims it may have a clock that is minutes slow."""


def due_pk(shard: int) -> str:
    """One shard of the card faces, by when they are looked at."""
    return f"CARD#{shard}"


def marker(token: str, at: str) -> Item:
    """The attributes that have a face looked at, at that time."""
    return {"due_pk": due_pk(shard_of(token, DUE_SHARDS)), "due_at": at}


def first_look(expires_at: str) -> str:
    """When the face of a new token is looked at first."""
    return later(from_text(expires_at), seconds=GRACE_SECONDS)
