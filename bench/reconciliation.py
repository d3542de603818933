"""A month of payments against an acquirer's reports and a bank's statements, with every kind of
break put in at random: `make bench WHAT=reconciliation`.

    precision    of the breaks that were opened, how many were put in
    recall       of those that were put in, how many were opened, each by its kind, batch and line
    speed        lines a second and core, on the simulator's tables: boto3's own time is not in it
    memory       of one worker, for the largest file that it takes in one run
    units        of DynamoDB, by its own rules, for reports and statements

The generator and the acquirer are the tests': the acquirer keeps books of its own and knows nothing
of this code. The run fails if one break is named too much or too little.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.webhook_units import Counted, dollars_per_million
from farthing.reconciliation.file_row import FileKind
from farthing.reconciliation.intake import take_file
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.report_file import reports_of
from tests.unit.reconciliation.month import SOURCE, Month

PAYMENTS, PER_KIND, SEED = 100_000, 40, 7


@dataclass(frozen=True)
class Score:
    """Of one kind: put in, opened, and both."""

    injected: int
    named: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / self.named if self.named else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.injected if self.injected else 1.0


def scores(month: Month) -> dict[str, Score]:
    """By kind, and in total."""
    named, injected = month.named(), month.injected
    right = named & injected
    found = {
        kind.value: Score(*(count_of(one, kind.value) for one in (injected, named, right)))
        for kind in Kind
    }
    return found | {"in total": Score(injected.total(), named.total(), right.total())}


def count_of(breaks: Counter[tuple[str, str, str]], kind: str) -> int:
    """How many of a kind."""
    return sum(count for (one, _, _), count in breaks.items() if one == kind)


def largest_file(month: Month) -> tuple[int, float, float]:
    """All reports of the month in one file: its lines, the seconds and the MB that it takes."""
    content = month.theirs.report(*(name.reference for name in month.ours.batches))
    lines = content.count(b"\n") - 1
    gc.collect()
    tracemalloc.start()
    reports_of(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    started = time.process_time()
    take_file(FileKind.REPORT, content, SOURCE, month.ours.services())
    return lines, time.process_time() - started, peak / 1e6


def units(payments: int, per_kind: int, seed: int) -> None:
    """What a smaller month of the same asks of DynamoDB, by its own rules for items' sizes."""
    month = Month(payments, per_kind, seed=seed)
    month.live()
    month.inject()
    counted = Counted(month.ours.tables, None)
    counted.forget()
    month.ours.client = counted
    month.reconcile()
    dollars = dollars_per_million(counted.units)
    price = sum(dollars.values()) / month.lines
    asked = ", ".join(
        f"{1000 * count / month.lines:,.0f} {name}" for name, count in sorted(counted.units.items())
    )
    print(f"DynamoDB for 1,000 lines: {asked}; {price:.2f} USD for a million lines")


def run(payments: int, per_kind: int, seed: int) -> bool:
    """One month. Whether every break was named and none but those."""
    month = Month(payments, per_kind, seed=seed)
    month.live()
    month.inject()
    batches = month.ours.batches
    merchants = len({name.tenant for name in batches})
    print(f"{payments:,} payments, {len(batches)} batches, {merchants} merchants, seed {seed}")
    started = time.process_time()
    month.reconcile()
    seconds = time.process_time() - started
    found = scores(month)
    print(f"\n{'':22}{'put in':>8}{'opened':>8}{'precision':>11}{'recall':>8}")
    for kind, one in found.items():
        row = f"{one.injected:>8}{one.named:>8}{one.precision:>11.3f}{one.recall:>8.3f}"
        print(f"{kind:22}{row}")
    lines, again, memory = largest_file(month)
    print(f"\n{month.lines:,} lines in {seconds:.1f} s of one core: {month.lines / seconds:,.0f}/s")
    print(f"one file of {lines:,} lines: {memory:.0f} MB, read again in {again:.1f} s")
    return month.named() == month.injected


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if precision and recall are 1."""
    parser = argparse.ArgumentParser(prog="bench.reconciliation")
    parser.add_argument("--payments", type=int, default=PAYMENTS)
    parser.add_argument("--per-kind", type=int, default=PER_KIND)
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args(arguments)
    is_right = run(chosen.payments, chosen.per_kind, chosen.seed)
    units(chosen.payments // 5, chosen.per_kind // 5, chosen.seed)
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
