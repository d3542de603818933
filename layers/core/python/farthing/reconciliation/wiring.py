"""Reconciliation's ports, filled with AWS."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from functools import lru_cache, partial
from urllib.parse import unquote, unquote_plus

from farthing import runtime
from farthing.access.principal import Principal
from farthing.acquiring.connectors import CONNECTORS
from farthing.acquiring.declared import capabilities
from farthing.observe import count, log_unhandled, logger
from farthing.reconciliation.act import Desk
from farthing.reconciliation.daily import Services as Daily
from farthing.reconciliation.file_row import FOLDER, FileKind, FileRow, FileState, file_key
from farthing.reconciliation.intake import Progress, Services, take_file
from farthing.reconciliation.queries import Breaks
from farthing.reconciliation.take import Reconciler, Source
from farthing.reconciliation.terms import terms_of
from farthing.reconciliation.undeposited import bank_read_since
from farthing.settlement.batch import TABLE
from farthing.settlement.files import sha256_of
from farthing.settlement.merchants import in_turn, turn_put
from farthing.store import Key, TenantScope

TURN_KEY = Key(TABLE, "TURN", "RECONCILE")
"""Whose turn it is in the daily pass."""
REFUSED_METRIC = "ReconciliationFilesRefused"
UNPLACED_METRIC = "ReconciliationLinesUnplaced"


def breaks(principal: Principal) -> Breaks:
    """One merchant's breaks, to be read."""
    return Breaks(principal.tenant, runtime.tenant_store(principal))


def desk(principal: Principal) -> Desk:
    """One merchant's breaks, to be worked on."""
    return Desk(principal.tenant, runtime.tenant_store(principal), runtime.clock().now)


def reconciler(tenant: TenantScope, acquirer: str) -> Reconciler:
    """One merchant's books at one acquirer."""
    terms = terms_of(acquirer)
    if acquirer in CONNECTORS:
        terms = replace(terms, calendar=capabilities(acquirer).calendar)
    return Reconciler(tenant, acquirer, terms, runtime.store(tenant), runtime.clock())


def daily() -> Daily:
    """Everybody's, for the daily pass."""
    store = runtime.system_store()
    return Daily(
        merchants=(one.merchant_id for one in in_turn(store, TURN_KEY)),
        acquirers=tuple(CONNECTORS),
        books=reconciler,
        bank_read_since=lru_cache(partial(bank_read_since, store)),
        seconds_left=runtime.seconds_left,
        go_on_behind=lambda merchant_id: store.write(turn_put(merchant_id, TURN_KEY)),
        log_failure=log_unhandled,
    )


def today() -> date:
    """The day of this invocation."""
    return runtime.clock().now().date()


def take_message(body: str) -> None:
    """One message of the queue: files that came into the bucket. What was not finished is asked for
    again. Raises whatever keeps a file from being taken: the message comes again."""
    message = json.loads(body)
    for record in message.get("Records", ()):
        if _take(unquote_plus(record["s3"]["object"]["key"])) is Progress.GO_ON:
            again = json.dumps({"Records": [record]})
            runtime.client("sqs").send_message(
                QueueUrl=runtime.setting("RECONCILE_QUEUE_URL"), MessageBody=again
            )


def _take(key: str) -> Progress:
    kind, source = source_of(key)
    content = runtime.files().get(key)
    store = runtime.system_store()
    came = take_file(
        kind,
        content,
        source,
        Services(
            store=store,
            books=lambda name: reconciler(name.tenant, name.acquirer),
            clock=runtime.clock(),
            seconds_left=runtime.seconds_left,
        ),
    )
    if came is Progress.DONE:
        item = store.get(file_key(sha256_of(content)))
        if item is not None:
            _tell(FileRow.of(item))
    return came


def _tell(row: FileRow) -> None:
    logger().info("file", extra={"kind": row.kind.value, "status": row.state.value})
    if row.state is FileState.REFUSED:
        count(REFUSED_METRIC)
    if row.unplaced:
        count(UNPLACED_METRIC)


def source_of(key: str) -> tuple[FileKind, Source]:
    """What a file is and who brought it, by its key: `…/{kind}/{by}/{sha256}/{name}`.

    Raises ValueError for a name that nobody gives.
    """
    kind, by, _, name = key.removeprefix(FOLDER).split("/")
    return FileKind(kind), Source(unquote(name)[:200], unquote(by)[:100])
