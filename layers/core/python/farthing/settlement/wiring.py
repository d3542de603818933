"""The settlement run's ports, filled with AWS."""

from __future__ import annotations

from farthing import runtime
from farthing.observe import count, log_unhandled, logger
from farthing.settlement import sandbox
from farthing.settlement.batch import Status
from farthing.settlement.finish import Progress
from farthing.settlement.run import Services, merchants
from farthing.settlement.turn import Turn
from farthing.settlement.view import log_fields

EXCEPTIONS_METRIC = "SettlementExceptions"


def services() -> Services:
    """The world as the settlement run sees it. Live mode has no acquirer yet."""
    store = runtime.system_store()
    turn = Turn(store)
    return Services(
        merchants=merchants(store, after=turn.last()),
        take_turn=turn.take,
        store_of=runtime.store,
        acquirers={"test": {"sandbox": sandbox.from_environment()}, "live": {}},
        clock=runtime.clock(),
        seconds_left=runtime.seconds_left,
        log_failure=log_unhandled,
        log_batch=report,
    )


def report(progress: Progress) -> None:
    """One line for each batch; those that only a person can end are counted for an alarm."""
    logger().info("batch", extra=log_fields(progress))
    if progress.batch.status is Status.EXCEPTION:
        count(EXCEPTIONS_METRIC)
