"""The ledger's ports, filled with AWS."""

from __future__ import annotations

from collections.abc import Callable

from farthing import runtime
from farthing.acquiring.connectors import CONNECTORS
from farthing.acquiring.declared import capabilities
from farthing.ledger import trial
from farthing.ledger.project import Projector
from farthing.ledger.sqs import TrialQueue
from farthing.ledger.trial_row import Run
from farthing.ledger.trial_turn import Turns
from farthing.observe import gauge, logger
from farthing.store import TenantScope

DIFFERENCES_METRIC = "LedgerDifferences"
HEALED_METRIC = "LedgerHealed"
BY_HAND_SECONDS = 20
"""How long a stretch by hand takes: who waits for it wants to see how far it is."""


def projector() -> Projector:
    """For one batch of the stream."""
    return Projector(runtime.system_store(), runtime.clock().now, runtime.pause)


def turns() -> Turns:
    """The trial balances of the night: each stretch takes all the time that there is."""
    return _turns(runtime.seconds_left)


def turns_by_hand() -> Turns:
    """Those that somebody waits for."""
    began = runtime.seconds_left()
    return _turns(lambda: runtime.seconds_left() - began + BY_HAND_SECONDS + trial.STOP_SECONDS)


def _turns(seconds_left: Callable[[], float]) -> Turns:
    store = runtime.system_store()
    queue = TrialQueue(runtime.client("sqs"), runtime.setting("TRIAL_BALANCE_QUEUE_URL"))

    def services_of(tenant: TenantScope) -> trial.Services:
        return trial.Services(
            tenant=tenant,
            store=runtime.store(tenant),
            projector=Projector(runtime.store(tenant), runtime.clock().now, runtime.pause),
            acquirers={name: capabilities(name).calendar for name in CONNECTORS},
            now=runtime.clock().now,
            new_id=runtime.new_id,
            seconds_left=seconds_left,
            tell=tell,
        )

    return Turns(store, queue, services_of)


def tell(run: Run) -> None:
    """A line for each difference, one for the run, and what the alarms count."""
    whose = {"merchant_id": run.tenant.merchant_id}
    for one in run.differences:
        named = {"transaction_id": one.transaction_id, "account": one.account, "where": one.row}
        logger().error("difference", extra={**whose, **named, "kind": one.kind.value})
    logger().info("tried", extra={**whose, "count": run.counts["journal_rows"]})
    for metric, name in ((DIFFERENCES_METRIC, "differences"), (HEALED_METRIC, "healed")):
        if run.counts[name]:
            gauge(metric, run.counts[name])
