"""What acquirers told us, and what became of it: each fact that we acknowledged is applied, or
waits where a person sees it.

What an item says is a hint, so the money cannot show that one was forgotten: whoever looks later
finds the truth anyway. Here it shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from tests.simulation.aws.dynamo import WriteRecord
from tests.simulation.violation import Violation

Rows = Sequence[tuple[float, str, str, str, str]]
Item = Mapping[str, Any]

FORGOTTEN = 9
APPLIED = {"S": "APPLIED"}
FIXED = ("acquirer", "account", "name", "body", "received_at", "event_type")
READS_ITEM = "dynamodb.get_item(webhooks)"
LOOKS = "(payments"


class InboxWatch:
    """Looks at every write of an item. `rows` are the steps of the run's trace, `process` says who
    writes, or None for what lands when its sender is gone."""

    def __init__(self, rows: Callable[[], Rows], process: Callable[[], str | None]) -> None:
        self._rows, self._process = rows, process

    def __call__(self, records: Sequence[WriteRecord]) -> None:
        """One transaction. Raises Violation."""
        for _, key, old, new in records:
            if (new or old or {}).get("entity") == {"S": "acquirer_item"}:
                self._item(key[0], old, new)

    def _item(self, subject: str, old: Item | None, new: Item | None) -> None:
        if new is None:
            raise Violation(FORGOTTEN, subject, "what an acquirer told was deleted")
        if old is None:
            return
        if fixed := [name for name in FIXED if old.get(name) != new.get(name)]:
            raise Violation(3, subject, f"what was told has changed: {fixed}")
        if int(new["claims"]["N"]) < int(old["claims"]["N"]):
            raise Violation(3, subject, "its claims fell")
        if old["state"] == APPLIED and new != old:
            raise Violation(3, subject, "it was applied, and then written again")
        if new["state"] == APPLIED and not self._looked():
            raise Violation(FORGOTTEN, subject, "marked, and nobody has looked")

    def _looked(self) -> bool:
        """Whether who marks an item has looked at what it is about since it read it."""
        process = self._process()
        if process is None:
            return True
        for _, name, point, _, _ in reversed(self._rows()):
            if name == process and LOOKS in point:
                return True
            if name == process and point == READS_ITEM:
                return False
        return False


def forgotten(
    rows: Collection[Item], acknowledged: Collection[tuple[str, str]], dead: Collection[str]
) -> Iterator[Violation]:
    """At rest: facts that an acquirer was told we have, and of which nothing came.

    `acknowledged` are acquirers and the names of their facts, `dead` the messages in the queue of
    what nobody could apply.
    """
    items = {(row["acquirer"]["S"], row["name"]["S"]): row for row in rows}
    given_up = {(one["acquirer"], one["name"]) for one in map(json.loads, dead)}
    for one in acknowledged:
        subject = "/".join(one)
        if one not in items:
            yield Violation(FORGOTTEN, subject, "acknowledged, and kept nowhere")
        elif items[one]["state"] != APPLIED and one not in given_up:
            yield Violation(FORGOTTEN, subject, "acknowledged, and neither applied nor given up")
