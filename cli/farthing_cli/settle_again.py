"""`farthing settle --again`: a batch that the acquirer refused is given back to the daily run.

The operator writes it with their own credentials, once what was refused is mended. The next run
looks the batch up at the acquirer and submits it under the same reference, with the same lines.
"""

from __future__ import annotations

from farthing.access.principal import Mode
from farthing.ids import is_id
from farthing.settlement.batch import PREFIX, Batch, Status, batch_key
from farthing.settlement.transition import submit_again, was_refused
from farthing.store.errors import ConditionFailed
from farthing.store.scope import TenantScope
from farthing_cli.failure import Failure
from farthing_cli.place import Place
from farthing_cli.reconciliation.found import Files


def again(place: Place, merchant_id: str, mode: Mode, settlement_id: str) -> None:
    """Give a merchant's refused batch back. Raises Failure, and changes nothing then."""
    if not is_id(PREFIX, settlement_id):
        raise Failure(f"{settlement_id} is no settlement's id, such as st_….")
    if not is_id("mer", merchant_id):
        raise Failure(f"{merchant_id} is no merchant's id, such as mer_….")
    store, tenant = Files(place).store(), TenantScope(merchant_id, mode.value)
    item = store.get(batch_key(tenant, settlement_id))
    if item is None:
        raise Failure(f"{merchant_id} has no {settlement_id} in {mode.value} mode.")
    batch = Batch.of(tenant, item)
    if not was_refused(batch):
        raise Failure(f"{settlement_id} is {_told(batch)}: only a refused one is submitted again.")
    try:
        store.write(*submit_again(batch))
    except ConditionFailed:
        raise Failure(f"{settlement_id} moved meanwhile: look at it again.") from None


def _told(batch: Batch) -> str:
    if batch.status is Status.EXCEPTION and batch.trouble is not None:
        return f"{batch.status} ({batch.trouble.reason})"
    return batch.status.value
