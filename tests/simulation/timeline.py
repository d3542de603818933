"""A run as somebody reads it: what it is, what happened in which order, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable

from tests.simulation.counters import counted
from tests.simulation.reviews import status_of
from tests.simulation.run import Run
from tests.simulation.tally import Finding
from tests.simulation.trace import Step


def head(run: Run) -> str:
    """What was drawn for it."""
    behaviour, manners = run.acquirer.behaviour, run.receiver.manners
    bad = ", ".join(sorted(fault.value for fault in behaviour.faults)) or "nothing"
    of = ", ".join(sorted(behaviour.of))
    by = "idempotent by reference" if behaviour.idempotent_by_reference else "not idempotent"
    faults = ", ".join(fault.value for fault in manners.faults) or "nothing"
    return "\n".join(
        (
            f"seed      {run.seed}",
            f"scenario  {run.scenario.name}, faults for {run.scenario.seconds:,.0f} s",
            f"faults    {run.world.faults.describe()}",
            f"acquirer  {by}; {behaviour.chance:.0%} of {of}: {bad}",
            f"receiver  {manners.chance:.0%}: {faults}",
        )
    )


def timeline(run: Run, only: Iterable[str] = ()) -> str:
    """Every call and fault, in order. `only` keeps what names one of the words."""
    words = list(only)
    world = run.world
    steps = [*world.trace.steps, *_of_the_acquirer(run)]
    steps.sort(key=lambda step: step.at)
    return "\n".join(
        step.line(world.trace.start)
        for step in steps
        if not words or any(word in step.process or word in step.point for word in words)
    )


def _of_the_acquirer(run: Run) -> list[Step]:
    """What the acquirer was sent, and what it or its network made of that."""
    return [
        Step(at, "acquirer", f"{what} {reference}", fault.lower().replace("_", " "), "ok")
        for at, what, reference, fault in run.acquirer.sent
    ]


def end(run: Run, finding: Finding | None) -> str:
    """The payments, the acquirer's books, and what is wrong."""
    lines = []
    for intent_id, payment in run.watch.payments.items():
        told = [event["type"]["S"] for event in payment.events.values()]
        lines.append(f"payment   {intent_id} {payment.status} {payment.detail}".rstrip())
        lines.append(f"          told {', '.join(told) or 'nothing'}")
        if review := status_of(payment.intent):
            lines.append(f"          review {review}")
        for operation in payment.operations.values():
            names = ("kind", "reference", "state")
            shown = " ".join(operation[name]["S"] for name in names if name in operation)
            lines.append(f"          {shown}")
    for counter, row in run.watch.counters.rows.items():
        lines.append(f"counter   {counter} {counted(row)}")
    for row in run.acquirer.books.rows:
        what = f"{row.operation} {row.reference} {row.amount_cents} {row.status}"
        lines.append(f"books     {what}")
    if finding is None:
        lines.append("\nAll at rest, and every invariant holds.")
    else:
        lines.append(f"\n{finding.what}, {finding.subject}: {finding.facts}")
    return "\n".join(lines)
