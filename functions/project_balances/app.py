"""Ledger transactions of the payments table's stream: into the balances."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.ledger import wiring
from farthing.ledger.records import project_records
from farthing.observe import log_unhandled


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A batch of the stream. What cannot be projected now comes again, with all that follows."""
    runtime.begin(context)
    return dict(project_records(event["Records"], wiring.projector(), log_unhandled))
