"""Every single crash of every golden path; a slice of the pairs; and no call point without both."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.simulation.exhaustive import (
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
    works,
)
from tests.simulation.faults import CRASHES, Fault, Kind, Point
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


def test_paths_end_as_they_are_meant_to() -> None:
    for path in paths():
        results = Results()
        calls = crashed(path, [], results)
        assert (len(calls) > 20, results.failures) == (True, [])
    assert set(GOLDEN) <= set(paths())


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
