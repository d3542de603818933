"""Disputes that somebody is to look at, out of the due index: each hour.

    a deadline comes near     the merchant is reminded, 7, 3 and 1 days before
    it has passed             the acquirer is asked what it decided
    evidence is looked at     it is asked once a day, in case that its message was lost
    an answer is out          it is looked for

An index may lag: whoever gets a row from it reads the dispute itself. What could not be looked at
is put off for an hour, behind what is due by then: an acquirer that does not answer takes nobody's
reminder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from farthing.acquiring.inbound import NotYet
from farthing.acquiring.port import LookUpFailed
from farthing.clock import later, to_text
from farthing.disputes import schedule
from farthing.disputes.conditions import as_read
from farthing.disputes.converge import Contradicted, converge, remind
from farthing.disputes.dispute import DUE_SHARDS, Dispute, dispute_key, due_pk
from farthing.disputes.services import Services
from farthing.disputes.settle_answer import settle_open_answer
from farthing.disputes.writes import dispute_writes
from farthing.store import ConditionFailed, Item, StoreBusy, TenantScope, Update
from farthing.store.page import DUE
from farthing.store.port import Lists

STOP_SECONDS = 30
"""With less time left, nothing more is begun: the next run finds it."""
PAGE_ITEMS = 200
PAGES_PER_SHARD_MAX = 10
DUE_METRIC, FAILED_METRIC = "DisputesDueWithinADay", "DisputesNotLookedAt"


@dataclass(frozen=True)
class RunServices:
    """What one run needs of the world."""

    store: Lists
    services_of: Callable[[TenantScope], Services]
    now: datetime
    gauge: Callable[[str, int], None]
    seconds_left: Callable[[], float]
    log_failure: Callable[[Exception], None]


@dataclass
class Run:
    """What a run saw."""

    looked: int = 0
    reminded: int = 0
    due_within_a_day: int = 0
    failed: int = 0


def run(services: RunServices) -> Run:
    """Look at each dispute whose time has come."""
    seen = Run()
    for item in _rows(services):
        if services.seconds_left() < STOP_SECONDS:
            break
        names = item["pk"].split("#")
        tenant, dispute_id = TenantScope(names[0], names[1]), item["dispute_id"]
        try:
            _tend(tenant, dispute_id, seen, services)
        except (Contradicted, LookUpFailed, NotYet, StoreBusy, ConditionFailed) as error:
            seen.failed += 1
            services.log_failure(error)
            _put_off(services.services_of(tenant), dispute_id)
    services.gauge(DUE_METRIC, seen.due_within_a_day)
    services.gauge(FAILED_METRIC, seen.failed)
    return seen


def _tend(tenant: TenantScope, dispute_id: str, seen: Run, services: RunServices) -> None:
    mine = services.services_of(tenant)
    item = mine.store.get(dispute_key(tenant, dispute_id))
    if item is None or item.get("due_at") is None or item["due_at"] > to_text(services.now):
        return
    seen.looked += 1
    dispute = settle_open_answer(Dispute.from_item(item), mine)
    days = schedule.reminder(dispute.due_by, dispute.last_reminder_days, services.now)
    if dispute.waits_for_answer and days is not None:
        remind(dispute, days, mine)
        seen.reminded += 1
        seen.due_within_a_day += days <= 1
        return
    look(dispute, mine)


def look(dispute: Dispute, services: Services) -> Dispute:
    """Ask the acquirer how a dispute stands, and when to ask it next.

    Raises LookUpFailed, Contradicted, NotYet, StoreBusy.
    """
    case = services.desk.find_dispute(dispute.tenant, dispute.connector, dispute.reference)
    if case is None:
        raise LookUpFailed(dispute.dispute_id)
    after = converge(case, dispute.intent_id, dispute.connector, services)
    if after.version == dispute.version:
        services.store.write(*dispute_writes(dispute, after, services.now()))
    return after


def _put_off(services: Services, dispute_id: str) -> None:
    """Look at it again in an hour, unless somebody else changed it: then that says when."""
    item = services.store.get(dispute_key(services.tenant, dispute_id))
    if item is None or item.get("due_at") is None:
        return
    look_at = later(services.now(), seconds=schedule.HOUR_SECONDS)
    update = Update(
        dispute_key(services.tenant, dispute_id),
        as_read(item["version"]),
        set={"due_at": look_at},
    )
    with suppress(ConditionFailed, StoreBusy):
        services.store.write(update)


def _rows(services: RunServices) -> Iterator[Item]:
    until = to_text(services.now + timedelta(milliseconds=1))
    for shard in range(DUE_SHARDS):
        start: Item | None = None
        pk = due_pk((services.now.hour + shard) % DUE_SHARDS)
        for _ in range(PAGES_PER_SHARD_MAX):
            page = services.store.query_index(
                "payments", DUE, pk, sk_before=until, limit=PAGE_ITEMS, start=start
            )
            yield from page.items
            start = page.next_start
            if start is None:
                break
