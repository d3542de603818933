"""What the settlement of one merchant's day costs, and whether it costs the same for each entry.

`make bench WHAT=settlement`. Days of 10,000, 100,000 and 1,000,000 entries are worked off by the
real messages, one after the other: a merchant's, then those of its eight lanes. The product's own
DynamoDB adapter is at work, on tables that keep two bytes of an entry (settlement_rows); so the
memory that is printed is the worker's, and the tables' own is nearly nothing. Each size runs in a
process of its own.

Processor time of the stand-ins, for DynamoDB and for the acquirer, is measured and left out.
"""

from __future__ import annotations

import argparse
import csv
import gc
import io
import json
import resource
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from bench.settlement_rows import NAMES, TENANT, Rows, amount_cents, entry_id
from bench.webhook_units import dollars_per_million
from farthing.reconciliation.take import Reconciler
from farthing.reconciliation.taking import Taking
from farthing.reconciliation.terms import FeeSchedule, Terms
from farthing.settlement.batch import BatchName, Status
from farthing.settlement.entry import Operation
from farthing.settlement.finish import Progress
from farthing.settlement.job import Job
from farthing.settlement.line import Line
from farthing.settlement.outcome import Outcome
from farthing.settlement.report import ReportLine
from farthing.settlement.report_file import write_report
from farthing.settlement.work import Services, work
from farthing.store.table import DynamoStore
from farthing_sandbox.settlement import FEE_FIXED_MINOR, FEE_PER_MILLE, capture_fee_minor

SIZES = (10_000, 100_000, 1_000_000)
ACQUIRER = "sandbox"
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW = AT + timedelta(days=1)
TERMS = Terms(FeeSchedule(per_mille=FEE_PER_MILLE, fixed_cents=FEE_FIXED_MINOR))
MEMORY_MAX_MB = 256
WITHIN = 0.10
"""By how much the cost of an entry may differ between the sizes."""


@dataclass
class Clock:
    """The morning after."""

    def now(self) -> datetime:
        return NOW


@dataclass
class StandIn:
    """An acquirer that reports what it was asked, with a fee; and where files are kept.

    `seconds` is its processor time.
    """

    asked: dict[str, bytes] = field(default_factory=dict)
    reports_within: timedelta = timedelta(hours=20)
    seconds: float = 0.0
    files: Counter[str] = field(default_factory=Counter)

    def has(self, reference: str) -> bool:
        return reference in self.asked

    def submit(self, reference: str, file: bytes) -> None:
        self.asked[reference] = file

    def report(self, name: BatchName, lines: Iterable[Line]) -> bytes | None:
        began = time.thread_time()
        rows = csv.DictReader(io.StringIO(self.asked.pop(name.reference).decode()))
        lines = [reported(row) for row in rows]
        made = write_report(name.reference, lines, name.currency, AT.date())
        self.seconds += time.thread_time() - began
        return made

    def put(self, key: str, content: bytes, content_type: str) -> None:
        self.files["put"] += 1
        self.files["bytes"] += len(content)

    def get(self, key: str) -> bytes:
        raise NotImplementedError


def reported(row: dict[str, str]) -> ReportLine:
    """What an acquirer says of one of our lines."""
    operation, cents = Operation(row["type"]), int(row["amount_cents"])
    fee = capture_fee_minor(cents) if operation is Operation.CAPTURE else 0
    net = operation.sign * cents - fee
    what = row["reference"], operation, cents, fee, net, row["order_id"], row["currency"]
    return ReportLine(*what, AT.date().isoformat())


def one(size: int) -> dict[str, Any]:
    """A day of `size` entries, worked off in this process."""
    rows, acquirer = Rows(size, ACQUIRER, AT), StandIn()
    gc.collect()
    before_mb = peak_mb()
    jobs = deque([Job(TENANT.merchant_id, AT.date(), {ACQUIRER: AT.date()}, (f"test/{ACQUIRER}",))])
    batches: list[Progress] = []
    services = services_of(rows, acquirer, jobs, batches.append)
    wall, messages = time.monotonic(), []
    while jobs:
        gc.collect()
        gc.freeze()  # a message's process has nothing of the others
        job, since = jobs.popleft(), time.thread_time()
        aside = rows.seconds + acquirer.seconds
        work(job, services)
        aside = rows.seconds + acquirer.seconds - aside
        messages.append(time.thread_time() - since - aside)
    ours = sum(messages)
    check(size, rows, batches)
    return {
        "entries": size,
        "cpu_us": 1e6 * ours / size,
        "wall_seconds": time.monotonic() - wall,
        "messages": len(messages),
        "batches": len(batches),
        "longest_cpu_seconds": max(messages),
        "units": dict(rows.all_units()),
        "calls": dict(rows.calls),
        "files": dict(acquirer.files),
        "before_mb": before_mb,
        "peak_mb": peak_mb(),
    }


def services_of(
    rows: Rows, acquirer: StandIn, jobs: deque[Job], log_batch: Callable[[Progress], None]
) -> Services:
    """What a message is worked off with."""
    clock = Clock()

    def fail(error: Exception) -> None:
        raise error

    def note(job: Job, outcome: Outcome) -> None:
        pass

    return Services(
        store_of=lambda tenant: DynamoStore(
            rows, NAMES, tenant, lambda seconds: None, lambda: 0.5, lambda: "token"
        ),
        acquirers=lambda tenant: {ACQUIRER: acquirer} if tenant == TENANT else {},
        files=acquirer,
        clock=clock,
        seconds_left=lambda: 300.0,
        send=jobs.extend,
        note=note,
        take=lambda store: Taking(partial(books, store, clock)).take,
        log_failure=fail,
        log_batch=log_batch,
    )


def books(store: DynamoStore, clock: Clock, name: BatchName) -> Reconciler:
    """Who takes a batch's report."""
    return Reconciler(name.tenant, name.acquirer, TERMS, store, clock)


def check(size: int, rows: Rows, batches: Sequence[Progress]) -> None:
    """Each entry is in one batch, every batch is settled, and the totals are the entries'."""
    assert all(rows.claims), "an entry was left"
    assert sum(map(len, rows.batches.values())) == size
    assert {one.batch.status for one in batches} == {Status.SETTLED}
    totals = [one.batch.totals for one in batches if one.batch.totals is not None]
    assert sum(total.entry_count for total in totals) == size
    gross = sum(
        amount_cents(n) * (-1 if entry_id(n).endswith("refund") else 1) for n in range(size)
    )
    assert sum(total.gross_cents for total in totals) == gross


def peak_mb() -> float:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def row(found: dict[str, Any]) -> str:
    """A line of the table."""
    size, units = found["entries"], found["units"]
    each = {name: value / size for name, value in units.items()}
    sent = Counter({"SQS requests": 3 * found["messages"]})
    dollars = sum(dollars_per_million(Counter(units) + sent).values()) / 1e6
    shown = (
        f"{size:>9,}",
        f"{found['batches']:>7}",
        f"{found['messages']:>8}",
        f"{found['cpu_us']:>8.1f}",
        f"{each['write units']:>7.3f}",
        f"{each['read units']:>7.3f}",
        f"{found['before_mb']:>7.0f}",
        f"{found['peak_mb']:>7.0f}",
        f"{found['wall_seconds']:>7.1f}",
        f"{found['longest_cpu_seconds']:>8.1f}",
        f"{dollars:>8.4f}",
    )
    return " ".join(shown)


HEAD = (
    "  entries batches messages   CPU us write u  read u  MB bef MB peak  wall s  longest        $"
)


def ratio(found: Sequence[dict[str, Any]], value: Callable[[dict[str, Any]], float]) -> float:
    """The largest cost of an entry over the smallest."""
    values = [value(one) for one in found]
    return max(values) / min(values)


def main() -> int:
    """Measure every size, print, and say whether the bounds hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one is not None:
        print(json.dumps(one(asked.one)))
        return 0
    print(HEAD)
    found = []
    for size in asked.sizes:
        command = [sys.executable, "-m", "bench.settlement", "--one", str(size)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found.append(json.loads(told.splitlines()[-1]))
        print(row(found[-1]), flush=True)
    print(f"\ncalls of the largest: {found[-1]['calls']}, files {found[-1]['files']}")
    ratios = {
        "CPU": ratio(found, lambda it: it["cpu_us"]),
        "write units": ratio(found, lambda it: it["units"]["write units"] / it["entries"]),
        "read units": ratio(found, lambda it: it["units"]["read units"] / it["entries"]),
    }
    peak = max(it["peak_mb"] for it in found)
    shown = ", ".join(f"{name} {value:.3f}" for name, value in ratios.items())
    print(f"largest cost of an entry over the smallest: {shown} (at most {1 + WITHIN})")
    print(f"peak memory of a worker's process: {peak:.0f} MB (at most {MEMORY_MAX_MB})")
    good = max(ratios.values()) <= 1 + WITHIN and peak < MEMORY_MAX_MB
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
