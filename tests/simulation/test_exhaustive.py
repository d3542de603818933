"""Every single crash of every golden path; a slice of the pairs; and no call point without both."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from tests.simulation.exhaustive import (
    NOT_IDEMPOTENT,
    Crash,
    Marked,
    Reached,
    Results,
    aimed,
    crashed,
    different,
    do,
    every,
    paths,
    start,
    works,
)
from tests.simulation.faults import CRASHES, Fault, Kind, Point
from tests.simulation.run import Run
from tests.simulation.scenarios import GOLDEN

SLICES = 200
"""CI runs one of so many slices of the pairs, another one each day; `make exhaustive` runs all."""
SEARCHED = range(150)
"""The seeds whose call points must all have been crashed at, before and after."""
EITHER_SIDE = tuple(fault.value for fault in CRASHES)


def test_every_crash_of_every_path_and_every_call_point_of_the_search() -> None:
    results = Results()
    for work in works(pairs=False):
        results.add(do(work))
    assert [str(failure) for failure in results.failures] == []
    results.add(aimed(results.coverage, SEARCHED))
    assert [str(failure) for failure in results.failures] == []
    assert results.coverage.missing(EITHER_SIDE) == []


def test_a_slice_of_the_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    today = datetime.now(UTC).date()
    number = today.toordinal() % SLICES
    wanted = [work for work in works(pairs=True) if work.pairs][number::SLICES]
    with capsys.disabled():
        print(f"\npairs after {', '.join(f'{w.path}: {w.crash}' for w in wanted)}")
    results = Results()
    for work in wanted:
        results.add(do(work))
    assert results.pairs.total() > 0
    assert [str(failure) for failure in results.failures] == []


class End(NamedTuple):
    """How a golden path ends: of its one payment, the merchant's side and the acquirer's."""

    status: str
    events: tuple[str, ...]
    """Without their prefix, in order. The endpoint for all of them was told each one once."""
    books: tuple[tuple[str, int, str], ...]
    """Operation, minor units and status."""
    taken: int = 0
    given_back: int = 0


HELD = ("intent.created", "intent.authorized")
TAKEN = (("AUTHORIZE", 1000, "APPROVED"), ("CAPTURE", 1000, "APPROVED"))
UNDONE = (("AUTHORIZE", 1000, "REVERSED"), ("VOID", 1000, "APPROVED"))
REFUNDED = End(
    "SUCCEEDED",
    ("intent.created", "intent.succeeded", "refund.succeeded"),
    (*TAKEN, ("REFUND", 400, "APPROVED")),
    taken=1000,
    given_back=400,
)
ENDS = {
    "charge": End("SUCCEEDED", ("intent.created", "intent.succeeded"), TAKEN, taken=1000),
    "manual capture": End(
        "SUCCEEDED",
        (*HELD, "intent.succeeded"),
        (("AUTHORIZE", 1000, "APPROVED"), ("CAPTURE", 600, "APPROVED")),
        taken=600,
    ),
    "refund": REFUNDED,
    "cancel": End("CANCELLED", (*HELD, "intent.cancelled"), UNDONE),
    "webhook": End("CANCELLED", ("intent.created", "intent.cancelled"), ()),
    "settlement": REFUNDED,
    "expiry": End("CANCELLED EXPIRED", (*HELD, "intent.cancelled"), UNDONE),
}


@pytest.mark.parametrize("path", paths())
def test_paths_end_as_they_are_meant_to(path: str) -> None:
    run, script = start(path)
    with run.world:
        run.play()

    assert end_of(run) == ENDS[path.removesuffix(NOT_IDEMPOTENT)]
    batches = [batch["status"]["S"] for batch in run.watch.batches.values()]
    money = [row for row in run.acquirer.books.rows if row.operation in {"CAPTURE", "REFUND"}]
    assert batches == (["SETTLED"] if money else [])
    assert all(row.settled_by for row in money)
    assert len(script.calls) > 20


def end_of(run: Run) -> End:
    """Of a run with one payment."""
    ((intent_id, payment),) = run.watch.payments.items()
    written = [payment.events[sequence] for sequence in sorted(payment.events)]
    told = [one.event_id for one in run.receiver.told["https://a.example/all"]]
    assert sorted(told) == sorted(event["event_id"]["S"] for event in written)
    standing = run.acquirer.books.standing(intent_id, run.world.scheduler.now)
    assert (standing.held, standing.pending_refunds) == ((), 0)
    return End(
        f"{payment.status} {payment.detail}".rstrip(),
        tuple(event["type"]["S"].removeprefix("payment_") for event in written),
        tuple((r.operation, r.amount_cents, r.status) for r in run.acquirer.books.rows),
        standing.captured,
        standing.refunded,
    )


def test_every_golden_path_is_crashed_and_its_end_is_known() -> None:
    assert set(ENDS) == set(GOLDEN) == {path.removesuffix(NOT_IDEMPOTENT) for path in paths()}


def test_a_second_crash_may_strike_the_recovery_from_the_first() -> None:
    golden = crashed("charge", [], Results())
    first = next(
        Crash(at, Fault.CRASH_AFTER)
        for at, (point, _) in enumerate(golden, start=1)
        if point.name == "charge acquirer.POST /v1/authorizations"
    )
    after = crashed("charge", [first], Results())
    recovering = {call.process.partition("#")[0] for call in after} - {
        call.process.partition("#")[0] for call in golden
    }
    assert recovering == {"resolve_unknown"}
    seconds = {crash.at for crash in different(after, first.at)}
    assert any(after[at - 1].process.startswith("resolve_unknown") for at in seconds)


READ, WRITE = (
    Point("f dynamodb.get_item(t)", Kind.READ),
    Point("f dynamodb.put_item(t)", Kind.WRITE),
)
DECRYPT = Point("f kms.decrypt", Kind.AWS)
ASK = Point("f acquirer.POST /v1/captures", Kind.ACQUIRER)


def test_crashes_that_differ_in_nothing_are_one() -> None:
    calls = [Reached(point, "f#1") for point in (READ, WRITE, READ, DECRYPT, ASK, READ)]
    assert [str(crash) for crash in different(calls)] == [
        "1 crash before",
        "2 crash after",
        "5 crash after",
        "5 crash during",
    ]
    assert [str(crash) for crash in different(calls, after=2)] == [
        "3 crash before",
        "5 crash after",
        "5 crash during",
    ]
    assert len(list(every(calls))) == 13


def test_a_crash_is_said_and_read() -> None:
    crash = Crash(12, Fault.CRASH_AFTER)
    assert Crash.of(str(crash)) == crash


def test_calls_after_the_faults_are_over_are_not_counted() -> None:
    script = Marked([Crash(1, Fault.CRASH_BEFORE)])
    assert script.at(READ) is Fault.CRASH_BEFORE
    script.heal()
    assert script.at(READ) is None
    assert len(script.calls) == 1
