"""The settlement's ports, filled with AWS."""

from __future__ import annotations

from collections.abc import Mapping

from farthing import runtime
from farthing.access.principal import Mode
from farthing.acquiring.connectors import CONNECTORS
from farthing.acquiring.declared import capabilities
from farthing.observe import count, log_unhandled, logger
from farthing.reconciliation.taking import Taking
from farthing.reconciliation.wiring import reconciler
from farthing.settlement import fan_out, sandbox, work
from farthing.settlement.batch import Status
from farthing.settlement.finish import Progress
from farthing.settlement.job import Job
from farthing.settlement.merchants import in_turn
from farthing.settlement.outcome import Outcome, job_put
from farthing.settlement.ports import SettlementAcquirer, Store, TakeReport
from farthing.settlement.sqs import JobQueue
from farthing.settlement.view import log_fields
from farthing.store import TenantScope

EXCEPTIONS_METRIC = "SettlementExceptions"


def firing() -> fan_out.Services:
    """The world as a firing of the schedule sees it."""
    store = runtime.system_store()
    return fan_out.Services(
        merchants=in_turn(store),
        calendars={name: capabilities(name).calendar for name in CONNECTORS},
        send=queue().send,
        store=store,
        clock=runtime.clock(),
        seconds_left=runtime.seconds_left,
        new_run=lambda: runtime.new_id("run"),
    )


def working() -> work.Services:
    """The world as one message of the queue sees it."""
    return work.Services(
        store_of=runtime.store,
        acquirers=acquirers,
        files=runtime.files(),
        clock=runtime.clock(),
        seconds_left=runtime.seconds_left,
        send=queue().send,
        note=note,
        take=taking,
        log_failure=log_unhandled,
        log_batch=report,
    )


def queue() -> JobQueue:
    """What is to be settled."""
    return JobQueue(runtime.client("sqs"), runtime.setting("SETTLE_QUEUE_URL"))


def acquirers(tenant: TenantScope) -> Mapping[str, SettlementAcquirer]:
    """Who settles for a merchant in a mode. Live money is never a simulator's."""
    from farthing.settlement.stripe_wiring import stripe

    if tenant.mode == Mode.TEST:
        return {"sandbox": sandbox.from_environment(), "stripe": stripe(tenant)}
    return {"stripe": stripe(tenant)}


def taking(_: Store) -> TakeReport:
    """What is done with a report: reconciliation takes it."""
    return Taking(lambda name: reconciler(name.tenant, name.acquirer)).take


def note(job: Job, outcome: Outcome) -> None:
    """Keep what came of a message, if anybody waits for it."""
    row = job_put(job, outcome, runtime.clock().now())
    if row is not None:
        runtime.system_store().write(row)


def report(progress: Progress) -> None:
    """One line for each batch; those that only a person can end are counted for an alarm."""
    logger().info("batch", extra=log_fields(progress))
    if progress.batch.status is Status.EXCEPTION:
        count(EXCEPTIONS_METRIC)
