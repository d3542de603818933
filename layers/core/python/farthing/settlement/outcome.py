"""What came of a message, and of all messages of one run, for whoever waits for it.

Nobody waits for the schedule's runs: what they come to is in the log, the batches and the alarms.
A run that a person started leaves a row for each message, for a day:

    RUN#{run}    RUN           how many merchants there are
    RUN#{run}    JOB#{name}    what came of a merchant, or of a lane, and which lanes it set to work
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from farthing.clock import epoch_seconds
from farthing.settlement.batch import TABLE, Status
from farthing.settlement.finish import Progress
from farthing.settlement.job import Job, is_lane
from farthing.store.condition import Condition
from farthing.store.item import Item, Key
from farthing.store.port import Queries
from farthing.store.write import Put

RUN_ENTITY, JOB_ENTITY = "settlement_run", "settlement_job"
RUN_SK, JOB_SK = "RUN", "JOB#"
KEPT = timedelta(days=1)
COUNTED = ("settled", "exceptions", "waiting", "failed")

WHATEVER_IS_THERE = Condition(
    "WHATEVER_IS_THERE", "attribute_exists(#pk) OR attribute_not_exists(#pk)"
)
"""A message that came again came to something else: what it says last counts."""


@dataclass
class Outcome:
    """One message's. `told` counts what somebody has to hear of; `sent` names other messages."""

    counts: Counter[str] = field(default_factory=Counter)
    sent: set[str] = field(default_factory=set)

    def batch(self, progress: Progress, now: datetime) -> None:
        """A batch came so far."""
        ends = {Status.SETTLED: "settled", Status.EXCEPTION: "exceptions"}
        self.counts[ends.get(progress.batch.status, "waiting")] += 1
        self.counts["told"] += progress.must_be_told(now)

    def failure(self) -> None:
        """Something failed, and the rest went on."""
        self.counts["failed"] += 1
        self.counts["told"] += 1


def run_put(run: str, merchants: int, now: datetime) -> Put:
    """How many merchants a run has, written when all messages are sent."""
    row = {"entity": RUN_ENTITY, "merchants": merchants, "ttl": epoch_seconds(now + KEPT)}
    return Put(_key(run, RUN_SK), row, WHATEVER_IS_THERE)


def job_put(job: Job, outcome: Outcome, now: datetime) -> Put | None:
    """What came of a message; None if nobody waits for it."""
    if job.run is None:
        return None
    row: Item = {
        "entity": JOB_ENTITY,
        "name": job.name,
        "sent": sorted(outcome.sent),
        **{name: outcome.counts[name] for name in COUNTED},
        "ttl": epoch_seconds(now + KEPT),
    }
    return Put(_key(job.run, f"{JOB_SK}{job.name}"), row, WHATEVER_IS_THERE)


def result_of(run: str, store: Queries) -> dict[str, Any]:
    """What a run came to so far: `done` of `jobs` messages, and their batches.

    `jobs` grows while merchants turn out to need lanes; None until all were sent. A lane counts
    from when its merchant has said that it was set to work.
    """
    rows = _rows(run, store)
    head = next((row for row in rows if row["sk"] == RUN_SK), None)
    jobs = {row["name"]: row for row in rows if row["sk"] != RUN_SK}
    lanes = {name for row in jobs.values() for name in row["sent"]}
    done = [row for name, row in jobs.items() if name in lanes or not is_lane(name)]
    counts = {name: sum(row[name] for row in done) for name in COUNTED}
    total = None if head is None else head["merchants"] + len(lanes)
    return {"run": run, "jobs": total, "done": len(done), **counts}


def _rows(run: str, store: Queries) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    start: Item | None = None
    while True:
        page = store.query(TABLE, _key(run, RUN_SK).pk, start=start)
        found += page.items
        start = page.next_start
        if start is None:
            return found


def _key(run: str, sk: str) -> Key:
    return Key(TABLE, f"RUN#{run}", sk)
