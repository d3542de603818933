"""A batch of the payments table's stream, for the projection: which of its records come again.

What no retry heals is logged and acknowledged, so that it does not hold its shard of the stream:
the trial balance finds its transaction, and names it if it cannot be projected.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from farthing.ledger.project import Projector
from farthing.ledger.transaction import ENTITY, LedgerTransaction
from farthing.store.item import item_from_wire
from farthing.store.scope import TenantScope

Record = Mapping[str, Any]

NO_RETRY_HEALS = (KeyError, TypeError, ValueError)
"""The record itself is wrong, the head is, or our code is."""


def project_records(
    records: Sequence[Record], projector: Projector, log_failure: Callable[[Exception], None]
) -> dict[str, list[dict[str, str]]]:
    """Project a batch, all of one merchant's together; the answer that Lambda expects."""
    waiting: dict[TenantScope, list[tuple[str, LedgerTransaction]]] = defaultdict(list)
    for record in records:
        try:
            item = item_from_wire(record["dynamodb"]["NewImage"])
            if item["entity"] == ENTITY:
                position = str(record["dynamodb"]["SequenceNumber"])
                waiting[tenant_of(item["pk"])].append((position, LedgerTransaction.of(item)))
        except NO_RETRY_HEALS as error:
            log_failure(error)
    failed: list[str] = []
    for tenant, found in waiting.items():
        try:
            projector.project(tenant, [transaction for _, transaction in found])
        except Exception as error:  # noqa: BLE001 - one merchant must not stop the others
            log_failure(error)
            if not isinstance(error, NO_RETRY_HEALS):
                failed += [position for position, _ in found]
    return {"batchItemFailures": [{"itemIdentifier": position} for position in failed]}


def tenant_of(pk: str) -> TenantScope:
    """Whose partition it is. Raises ValueError for a key that begins with no merchant."""
    merchant_id, mode, _ = pk.split("#", 2)
    return TenantScope(merchant_id, mode)
