"""The simulator as a whole: a seed is a run; releases mix; what a backup lost is mended."""

from __future__ import annotations

import json
import multiprocessing
import os
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from farthing_cli.app import app
from tests.simulation import report, search
from tests.simulation.coverage import REACHED, Coverage
from tests.simulation.faults import Fault
from tests.simulation.planted import planted
from tests.simulation.planted import play as bug_found
from tests.simulation.planted_bugs import BUGS
from tests.simulation.profiles import PROFILED_EVERY
from tests.simulation.releases import rolling
from tests.simulation.restoring import restored
from tests.simulation.run import Run, begin, play
from tests.simulation.shrink import Fails, Kept, attempt, shrink
from tests.simulation.tally import Finding, Tally, joined, overlap, without
from tests.simulation.timeline import end, head, timeline
from tests.support.template import ROOT

SEEDS = range(12)


# --- a seed is a run ---------------------------------------------------------------------------


def digests() -> list[str]:
    return [play(seed).world.trace.digest() for seed in SEEDS]


def test_the_same_seed_is_the_same_run_in_any_process() -> None:
    here = digests()
    assert len(set(here)) == len(SEEDS)
    script = "import json; from tests.simulation.test_simulation import digests;"
    path = os.pathsep.join(str(ROOT / part) for part in ("layers/core/python", "cli", "."))
    ran = subprocess.run(
        [sys.executable, "-c", script + "print(json.dumps(digests()))"],
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout.splitlines()[-1]) == here


def test_what_ran_before_changes_nothing() -> None:
    alone = play(5).world.trace.digest()
    play(4)
    assert play(5).world.trace.digest() == alone


# --- old and new code on one table -------------------------------------------------------------


def test_a_deployment_in_the_middle_of_everything() -> None:
    written = 0
    for seed in range(60):
        with rolling(seed) as (rollout, handlers):
            run = begin(seed, handlers=handlers)
            rollout.world = run.world
            assert search.found_in(run) is None
            written += rollout.old_writes
    assert written > 40


# --- a backup ----------------------------------------------------------------------------------


def test_after_a_restore_the_books_agree_again() -> None:
    verdicts: Counter[str] = Counter()
    for seed in range(40):
        done = restored(seed)
        assert [str(violation) for violation in done.violations] == []
        verdicts.update(done.verdicts)
    assert verdicts["ADOPTED"] > 5 and verdicts["MATCHED"] > 5


# --- searching ---------------------------------------------------------------------------------


def test_a_search_in_parts_counts_what_a_search_at_once_counts(tmp_path: Path) -> None:
    into = tmp_path / "soak.json"
    search.search((0, 3), into=into, processes=1)
    parts = search.search((0, 6), into=into, processes=2)
    whole = search.examine((0, 6))
    assert Tally.load(into).seeds == parts.seeds == [(0, 6)]
    assert parts.coverage.counts == whole.coverage.counts
    assert (parts.calls, parts.others) == (whole.calls, whole.others)
    assert [part.schedules for part in parts.parts] == [3, 3]
    assert "schedules      6, of seeds 0 to 5" in report.markdown(Tally.load(into))


def test_a_complete_search_leaves_no_pair_of_call_point_and_crash(tmp_path: Path) -> None:
    into = tmp_path / "soak.json"
    tally = search.search((0, 8), into=into, processes=1, complete=True)
    points = len(tally.crash_points)
    assert (report.missing(tally), tally.findings) == ([], [])
    kept = Tally.load(into)
    assert (kept.aimed, kept.first) == (tally.aimed, tally.first) and tally.aimed > 0
    assert report.missing(kept) == []
    assert f"pairs hit      {2 * points} of {2 * points}: " in report.totals(tally)


def test_a_few_seeds_are_of_a_deployment_or_of_a_restore() -> None:
    seeds = [
        number for number in range(search.OVER_TIME_EVERY) if search.play_of(number) != Run.play
    ]
    assert seeds == [search.OLD_CODE_AT, search.BACKUP_AT]
    assert not any(seed % PROFILED_EVERY == 0 for seed in seeds)
    tally = search.examine((7, 8))
    tally.add(search.examine((27, 28)))
    assert "over time: backup brought back 1, old and new code 1" in report.elsewhere(tally)


def test_what_is_wrong_with_clocks_starts_and_indexes_is_counted() -> None:
    struck = {what for _, what in search.examine((0, 25)).coverage.counts}
    wanted = {Fault.SKEW, Fault.COLD_START, Fault.WARM_LOST, Fault.STALE_INDEX}
    assert {fault.value for fault in wanted} <= struck


def test_a_worker_that_dies_ends_the_search_and_says_so() -> None:
    def kill(tally: Tally) -> None:
        multiprocessing.active_children()[0].kill()

    with pytest.raises(search.WorkerDied, match=r"died.* schedules, 0 violations until then"):
        search.search((0, 1000), processes=1, progress=kill)


SAID = CliRunner()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (["--seeds", "0"], "--seeds"),
        (["--seconds", "0"], "--seconds"),
        ([], "say how many"),
        (["--seed", "1", "--from-scenario", "chrage"], "no scenario"),
        (["--seed", "1", "--crash", "kms.decrypt"], "is no crash"),
    ],
)
def test_what_makes_no_sense_is_refused(said: list[str], why: str) -> None:
    result = SAID.invoke(app, ["simulate", *said], env={"COLUMNS": "200"})
    assert (result.exit_code, why in result.output) == (2, True)


def test_a_search_that_ran_too_little_fails() -> None:
    result = SAID.invoke(app, ["simulate", "--seeds", "2", "--at-least", "3", "--processes", "1"])
    assert result.exit_code == 1
    assert "Only 2 schedules were run, 3 must be." in result.output


def test_a_search_with_holes_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_complete", lambda tally: None)
    result = SAID.invoke(app, ["simulate", "--seeds", "2", "--complete", "--processes", "1"])
    assert result.exit_code == 1
    assert "pairs of call point and crash were never hit." in result.output


def test_a_finding_of_an_aimed_crash_can_be_replayed() -> None:
    finding = Finding(3, "invariant 1", "pi_1", "", "crash before charge kms.decrypt")
    said = shlex.split(finding.replay)[1:]
    result = SAID.invoke(app, said)
    assert result.exit_code == 0
    assert "!! crash before" in result.output


def test_spans() -> None:
    assert joined([(5, 7), (0, 2), (2, 5), (9, 10)]) == [(0, 7), (9, 10)]
    assert without((0, 10), [(2, 4), (8, 20)]) == [(0, 2), (4, 8)]
    assert without((3, 4), [(0, 9)]) == []
    assert overlap([(0, 3)], [(2, 5)]) and not overlap([(0, 3)], [(3, 5)])
    with pytest.raises(ValueError, match="counted already"):
        Tally(seeds=[(0, 3)]).add(Tally(seeds=[(2, 5)]))


def test_the_table_says_what_was_hit_and_what_cannot_be() -> None:
    point = "charge dynamodb.get_item(payments)"
    tally = Tally(
        seeds=[(0, 1)],
        coverage=Coverage(
            {
                (point, REACHED): 4,
                (point, Fault.CRASH_BEFORE.value): 2,
                ("queue ResolveQueue", Fault.MESSAGE_TWICE.value): 3,
                ("POST /v1/refunds", Fault.GATEWAY_LOST.value): 5,
            }
        ),
        others=Counter({"acquirer AUTHORIZE LOST": 6}),
        findings=[Finding(0, "invariant 1", "pi_1", "a|b")],
    )
    assert report.missing(tally) == [f"{point}: crash after"]
    assert report.at_calls(tally.coverage).splitlines()[2].split()[:6] == [
        "charge",
        "dynamodb.get_item(payments)",
        "4",
        "2",
        "0",
        report.CANNOT,
    ]
    assert report.elsewhere(tally).splitlines() == [
        "acquirer AUTHORIZE: lost 6",
        "gateway: gateway answer lost 5",
        "queue ResolveQueue: message twice 3",
    ]
    assert report.number(123_456) == "123k"
    assert "--seed 0 --trace" in tally.findings[0].replay


# --- one seed ----------------------------------------------------------------------------------


def test_a_timeline_says_what_happened() -> None:
    run = begin(7)
    first = head(run)
    assert search.found_in(run) is None
    assert "seed      7" in first
    assert "payment_intents dynamodb.transact_write_items(payments)" in timeline(run)
    assert "outbox" not in timeline(run, ["acquirer"])
    assert "every invariant holds" in end(run, None)


def test_a_seed_that_does_not_fail_cannot_be_made_smaller() -> None:
    with pytest.raises(Fails):
        shrink(0)


def test_a_planted_bug_is_shrunk_to_few_faults_and_fails_in_the_same_way() -> None:
    bug = next(bug for bug in BUGS if bug.name == "new reference on retry")
    with planted(bug):
        seed = next(seed for seed in range(bug.limit) if bug_found(bug.profile, seed))
        arguments = lambda: bug.profile.arguments(seed)  # noqa: E731
        _, before, struck = attempt(seed, arguments, Kept())
        shrunk = shrink(seed, arguments)
        _, again, _ = attempt(seed, arguments, shrunk.kept)
    assert before is not None and again is not None
    assert before.what == again.what == shrunk.finding.what
    kept = len(shrunk.names) - len(shrunk.kept.skipped)
    assert kept <= max(3, len(struck.names) * 3 // 5)
    assert f"({kept})" in shrunk.describe()
