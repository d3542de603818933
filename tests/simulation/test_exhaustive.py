"""Crashes of every golden path; a slice of the pairs; and no call point without both."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.simulation import aiming
from tests.simulation.aiming import aimed
from tests.simulation.coverage import Coverage
from tests.simulation.exhaustive import (
    NOT_IDEMPOTENT,
    Crash,
    Marked,
    Reached,
    Results,
    beside,
    crashed,
    different,
    do,
    every,
    main,
    paths,
    run_all,
    start,
    works,
)
from tests.simulation.faults import Fault, Kind, Point
from tests.simulation.report import missing
from tests.simulation.run import Run
from tests.simulation.scenarios import GOLDEN
from tests.simulation.search import commits, examine

SLICES = 1500
"""CI runs one of so many slices of the pairs, another one each commit."""
PARTS = 50
"""And one of so many parts of the first crashes that differ in nothing from another."""
SEEDS_AT_ONCE, SEEDS_MAX = 150, 3000
"""So many seeds, or more of them until each known call point was reached. All are crashed at."""
KNOWN = frozenset(Path(__file__).with_name("call_points.txt").read_text().splitlines())


def test_every_crash_that_differs_and_every_call_point_of_the_search() -> None:
    """Of crashes that differ in nothing one is run each time, and the others in turn."""
    firsts = works(pairs=True)
    same = [work for work in firsts if not work.pairs]
    wanted = [work for work in firsts if work.pairs] + same[commits() % PARTS :: PARTS]
    results = run_all([work._replace(pairs=False) for work in wanted])
    assert [str(failure) for failure in results.failures] == []
    assert set(results.coverage.points()) - KNOWN == set(), "add them to call_points.txt"

    for at in range(0, SEEDS_MAX, SEEDS_AT_ONCE):
        results.add(beside(results, (at, at + SEEDS_AT_ONCE)))
        assert [str(failure) for failure in results.failures] == []
        if set(results.coverage.points()) >= KNOWN:
            break
    assert KNOWN - set(results.coverage.points()) == set(), "nobody calls there any more"
    assert results.holes() == []


def test_a_crash_that_misses_leaves_a_hole() -> None:
    nowhere = "charge dynamodb.nothing"
    tally = aimed(Coverage(), {nowhere: 0})
    assert missing(tally) == [f"{nowhere}: crash before", f"{nowhere}: crash after"]
    assert (tally.aimed, tally.findings) == (2, [])


@pytest.mark.parametrize("seed", [12])
def test_a_crash_is_aimed_at_what_a_seed_reaches_also_one_of_a_profile(seed: int) -> None:
    first = examine((seed, seed + 1)).first
    tally = aimed(Coverage(), first)
    assert set(tally.coverage.points()) == set(first)
    assert (missing(tally), tally.findings) == ([], [])


def test_an_aimed_crash_is_said_and_read() -> None:
    crash = aiming.Crash(Fault.CRASH_AFTER, "charge kms.decrypt")
    assert aiming.Crash.of(str(crash)) == crash
    with pytest.raises(ValueError, match="is no crash"):
        aiming.Crash.of("charge kms.decrypt")


def test_a_slice_of_the_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    number = commits() % SLICES
    wanted = [work for work in works(pairs=True) if work.pairs][number::SLICES]
    with capsys.disabled():
        print(f"\npairs after {', '.join(f'{w.path}: {w.crash}' for w in wanted)}")
    results = Results()
    for work in wanted:
        results.add(do(work))
    assert results.pairs.total() > 0
    assert [str(failure) for failure in results.failures] == []


@pytest.mark.parametrize(
    "said", [["--path", "chrage"], ["--replay", "chrage"], ["--replay", "charge", "12 crash"]]
)
def test_what_is_not_known_is_refused(said: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(said)
    assert exit_.value.code == 2
    assert "charge" in capsys.readouterr().err or "a crash is such as" in capsys.readouterr().err


class End(NamedTuple):
    """How a payment of a golden path ends: its merchant's side and the acquirer's."""

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
TRIED = End(
    "FAILED DECLINED", ("intent.created", "intent.failed"), (("AUTHORIZE", 100, "DECLINED"),)
)
ENDS: dict[str, End | list[End]] = {
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
    "checkout": End("SUCCEEDED", ("intent.created", "intent.succeeded"), TAKEN, taken=1000),
    "debit": End(
        "SUCCEEDED",
        ("intent.created", "intent.processing", "intent.succeeded", "intent.returned"),
        (*TAKEN, ("RETURN", 1000, "APPROVED")),
        taken=1000,
    ),
    "expiry": End("CANCELLED EXPIRED", (*HELD, "intent.cancelled"), UNDONE),
    "keys": End("SUCCEEDED", ("intent.created", "intent.succeeded"), TAKEN, taken=1000),
    "network token": End("SUCCEEDED", (*HELD, "intent.succeeded"), TAKEN, taken=1000),
    "fallback": End(
        "SUCCEEDED",
        ("intent.created", "intent.succeeded"),
        (("AUTHORIZE", 1000, "DECLINED"), *TAKEN),
        taken=1000,
    ),
    "review": End(
        "SUCCEEDED",
        ("intent.created", "review.opened", "intent.succeeded", "review.closed"),
        TAKEN,
        taken=1000,
    ),
    "review before sending": End(
        "SUCCEEDED",
        ("intent.created", "review.opened", "intent.succeeded", "review.closed"),
        TAKEN,
        taken=1000,
    ),
    "card tester": [
        *[TRIED] * 4,
        End("FAILED BLOCKED_BY_FRAUD", ("intent.created", "intent.failed"), ()),
    ],
}


@pytest.mark.parametrize("path", paths())
def test_paths_end_as_they_are_meant_to(path: str) -> None:
    run, script = start(path)
    with run.world:
        run.play()

    end = ENDS[path.removesuffix(NOT_IDEMPOTENT)]
    assert ends_of(run) == (end if isinstance(end, list) else [end])
    batches = [batch["status"]["S"] for batch in run.watch.batches.values()]
    money = [row for row in run.acquirer.books.rows if row.operation in {"CAPTURE", "REFUND"}]
    assert run.settled is (path != "keys")
    assert batches == (["SETTLED"] if money and run.settled else [])
    assert all(row.settled_by for row in money) or not run.settled
    assert len(script.calls) > 20


def ends_of(run: Run) -> list[End]:
    """Of each payment, in their order."""
    urls = ("https://a.example/all", "https://b.example/all")
    told = [one.event_id for url in urls for one in run.receiver.told[url]]
    assert sorted(told) == sorted(event["event_id"]["S"] for _, event in run.watch.events())
    return [_end_of(run, intent_id) for intent_id in run.watch.payments]


def _end_of(run: Run, intent_id: str) -> End:
    payment = run.watch.payments[intent_id]
    written = [payment.events[sequence] for sequence in sorted(payment.events)]
    standing = run.acquirer.books.standing(intent_id, run.world.scheduler.now)
    assert (standing.held, standing.pending_refunds) == ((), 0)
    rows = [row for row in run.acquirer.books.rows if row.order_id == intent_id]
    return End(
        f"{payment.status} {payment.detail}".rstrip(),
        tuple(event["type"]["S"].removeprefix("payment_") for event in written),
        tuple((row.operation, row.amount_cents, row.status) for row in rows),
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
