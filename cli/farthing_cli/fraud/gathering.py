"""A table's rows, in whatever order they come, put together to decisions in the order of time.

They are held in a file that SQLite deletes as it closes it, so a table may be larger than memory.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from farthing.disputes.dispute import ENTITY as DISPUTE
from farthing.payments.counted import is_failure
from farthing.payments.operation import Operation
from farthing.payments.review import ReviewStatus
from farthing.payments.told import NOTICE
from farthing_cli.fraud import decided_line
from farthing_cli.fraud.decided_line import HELD, Label, Source
from farthing_cli.fraud.scan import DECISION, REVIEW

FRAUDULENT = frozenset({"fraudulent", "fraud"})
"""The reason of a dispute or a refund that makes it a label. The first is Stripe's word."""

_TABLES = """
CREATE TABLE decisions
    (id TEXT PRIMARY KEY, at TEXT, intent TEXT, acquirer TEXT, sent INTEGER, item TEXT);
CREATE TABLE intents (id TEXT PRIMARY KEY, item TEXT);
CREATE TABLE labels (of TEXT, at TEXT, source TEXT);
CREATE INDEX by_time ON decisions (at, id);
CREATE INDEX of_intent ON decisions (intent, at);
CREATE INDEX by_payment ON labels (of, at);
"""
_OF_DECISION = (
    "merchant_id mode intent_id amount_cents currency created_at state failed token decision"
)
_OF_INTENT = "status customer_id ip_address instrument amount_cents currency"


class Gathering:
    """What was read so far."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self.without_features = self.without_payment = self.older = 0

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Gathering]:
        """An empty one; nothing of it is left afterwards."""
        connection = sqlite3.connect("")
        try:
            connection.executescript(_TABLES)
            yield cls(connection)
        finally:
            connection.close()

    def add(self, item: Mapping[str, Any]) -> None:
        """One row of the table."""
        match item["entity"]:
            case "operation":
                self._operation(item)
            case "intent":
                kept = _part(item, _OF_INTENT)
                self._db.execute(
                    "INSERT OR REPLACE INTO intents VALUES (?, ?)",
                    (item["intent_id"], json.dumps(kept)),
                )
            case "refund" if _says(item.get("reason")):
                self._label(item["intent_id"], item["created_at"], Source.REFUND)
            case one if one == DISPUTE and _says(item.get("reason")):
                self._label(item["intent_id"], item["opened_at"], Source.DISPUTE)
            case one if one == DECISION:
                self._unsent(item)
            case one if one == NOTICE:
                self._notice(item)
            case one if one == REVIEW:
                self._review(item)

    def lines(self, since: str = "", until: str = "~") -> Iterator[dict[str, Any]]:
        """A line for each decision from `since` on and before `until`, by time.

        What was held and sent after all is in the line of its operation. Counts what it leaves
        out: `older` decisions were kept in another form, and some are `without_payment`. Those
        `without_features` are in it.
        """
        rows = self._db.execute(
            "SELECT decisions.item, intents.item, (SELECT at || ' ' || source FROM labels"
            " WHERE of IN (decisions.intent, decisions.acquirer) ORDER BY at LIMIT 1)"
            " FROM decisions LEFT JOIN intents ON intents.id = decisions.intent"
            " WHERE decisions.at >= ? AND decisions.at < ? AND (decisions.sent OR NOT EXISTS"
            " (SELECT 1 FROM decisions AS later WHERE later.intent = decisions.intent"
            " AND later.sent AND later.at >= decisions.at))"
            " ORDER BY decisions.at, decisions.id",
            (since, until),
        )
        for stored, intent, told in rows:
            operation = json.loads(stored)
            if "known" not in operation["decision"]:
                self.older += 1
            elif intent is None:
                self.without_payment += 1
            else:
                self.without_features += not operation["decision"]["known"].get("features")
                at, _, source = (told or "").partition(" ")
                label = Label(at, Source(source)) if told else None
                yield decided_line.line(operation, json.loads(intent), label)

    def _operation(self, item: Mapping[str, Any]) -> None:
        """One that was asked again by the card's number says nothing: the other one does."""
        if item.get("decision") and not item.get("replaced_by"):
            failed = is_failure(Operation.from_item(item))
            self._decision(item["operation_id"], {**item, "failed": failed})

    def _unsent(self, item: Mapping[str, Any]) -> None:
        """A decision without an operation."""
        self._decision(item["decision_id"], {**item, "state": HELD, "failed": False})

    def _decision(self, operation_id: str, item: Mapping[str, Any]) -> None:
        kept = {**_part(item, _OF_DECISION), "operation_id": operation_id}
        values = operation_id, item["created_at"], item["intent_id"], item.get("acquirer_id")
        self._db.execute(
            "INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?, ?, ?)",
            (*values, item["state"] != HELD, json.dumps(kept)),
        )

    def _notice(self, item: Mapping[str, Any]) -> None:
        """A dispute that was kept as it was told names the payment by the acquirer's name of it:
        one of before disputes had rows."""
        told = item["facts"]
        if told.get("object") != "dispute" or not _says(told.get("reason")):
            return
        for name in ("payment_intent", "charge"):
            if told.get(name):
                self._label(told[name], item["received_at"], Source.DISPUTE)

    def _review(self, item: Mapping[str, Any]) -> None:
        """Who declined it said whether it was fraud."""
        shown = item["review"]
        if item["status"] == ReviewStatus.DECLINED and shown["is_fraud"]:
            self._label(item["intent_id"], shown["closed_at"], Source.REVIEW)

    def _label(self, of: str, at: str, source: Source) -> None:
        self._db.execute("INSERT INTO labels VALUES (?, ?, ?)", (of, at, source.value))


def _part(item: Mapping[str, Any], names: str) -> dict[str, Any]:
    return {name: item.get(name) for name in names.split()}


def _says(reason: Any) -> bool:
    return isinstance(reason, str) and reason.strip().lower() in FRAUDULENT
