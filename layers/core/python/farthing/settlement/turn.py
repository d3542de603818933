"""Whose turn it is: the merchant that a firing took up last, so that the next one goes on behind.

A firing that runs out of time, or is killed with a merchant that never ends, must not begin again
with the same merchants for ever. They stand in a ring, and each firing goes round it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from farthing.store import Condition, Key, Update
from farthing.store.port import Gets, Writes

KEY = Key("settlement", "TURN", "TURN")

WHOEVER_HAD_IT = Condition(
    "WHOEVER_HAD_IT", "attribute_not_exists(#merchant_id) OR attribute_exists(#merchant_id)"
)
"""Two firings at once only tell each other where to go on; either answer is good."""


class TurnStore(Gets, Writes, Protocol):
    """What is needed of the settlement table."""


@dataclass(frozen=True)
class Turn:
    """One row for the whole installation, written once for each merchant and firing."""

    store: TurnStore

    def last(self) -> str:
        """The merchant that was taken up last; nothing before the first firing."""
        item = self.store.get(KEY)
        return str(item["merchant_id"]) if item else ""

    def take(self, merchant_id: str) -> None:
        """This merchant's turn has come. Written before its work, which may end the process."""
        turn = {"entity": "settlement_turn", "schema_version": 1, "merchant_id": merchant_id}
        self.store.write(Update(KEY, WHOEVER_HAD_IT, set=turn))
