"""A batch is submitted once and settled only by a report that agrees with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from farthing.settlement.batch import NEXT, STILL, Paid, Reason, Status
from farthing.settlement.entry import Operation
from farthing.settlement.fan_out import RunIncomplete
from farthing.settlement.finish import Finisher, Wait
from farthing.settlement.ports import Refused
from farthing.settlement.progress import progress_key
from farthing.settlement.report import Report
from farthing.settlement.transition import moved
from farthing.store import ConditionFailed, Write
from tests.unit.settlement.bank import FakeAcquirer, silence, summed, with_paid
from tests.unit.settlement.memory import MemoryFiles, MemoryStore
from tests.unit.settlement.steps import Steps, TurnTaking
from tests.unit.settlement.world import ACQUIRER, TENANT, Clock, World, at, day, taking


def store_of(world: World) -> MemoryStore:
    return MemoryStore(world.tables, TENANT, Steps())


def finisher(world: World) -> Finisher:
    store, clock = store_of(world), Clock(at(2))
    acquirer, files = FakeAcquirer(world.bank, Steps()), MemoryFiles(world.files, Steps())
    take = taking(store, clock)
    return Finisher(TENANT, ACQUIRER, acquirer, store, files, clock, take)


def test_a_settled_batch_shows_gross_fee_and_net_of_the_acquirers_report() -> None:
    world = World()
    world.enter(0, 1000)
    world.enter(0, 400, Operation.REFUND)

    world.run(0)

    batch = world.batch()
    assert batch.status is Status.SETTLED
    assert batch.paid == Paid(gross_cents=600, fee_cents=10, net_cents=590)
    assert batch.totals is not None
    assert (batch.totals.captured_cents, batch.totals.refunded_cents) == (1000, 400)
    assert batch.submitted_at == batch.settled_at == "2026-11-02T01:00:00.000Z"


def test_net_is_negative_when_more_was_given_back_than_taken() -> None:
    world = World()
    world.enter(0, 100)
    world.enter(0, 5000, Operation.REFUND)

    world.run(0)

    assert world.batch().paid == Paid(gross_cents=-4900, fee_cents=10, net_cents=-4910)
    world.check()


def test_a_submission_whose_answer_is_lost_is_looked_up_and_not_sent_again() -> None:
    world = World()
    world.enter(0)

    with pytest.raises(RunIncomplete, match="1 of 1"):
        world.run(0, hear=silence)

    (logged,) = world.logged
    assert (logged.batch.status, logged.wait) == (Status.CLOSING, Wait.OUTCOME_UNKNOWN)
    assert world.batch().status is Status.CLOSING

    world.run(0)

    assert world.batch().status is Status.SETTLED
    world.check(submitted_once=True)


def test_a_submission_that_never_arrived_is_sent_again_under_the_same_reference() -> None:
    world = World()
    world.enter(0)

    unheard_run(world)
    assert world.bank.accepted == {}
    world.run(0)

    assert world.batch().status is Status.SETTLED
    world.check()


def test_a_batch_that_waits_does_not_hold_up_the_next_day() -> None:
    world = World()
    world.enter(0)
    unheard_run(world)
    world.enter(1)

    world.run(1)

    assert [batch.status for batch in world.batches()] == [Status.SETTLED, Status.SETTLED]
    world.check()


def test_a_report_that_is_not_written_yet_is_read_by_a_later_run() -> None:
    world = World()
    world.enter(0)
    world.bank.report_ready = False

    assert world.run(0)["waiting"] == 1
    assert world.batch().status is Status.SUBMITTED
    assert world.batch().submitted_at is not None
    world.bank.report_ready = True
    world.run(0)

    world.check()


def test_a_report_that_is_not_there_a_day_later_fails_the_run() -> None:
    """Given a batch submitted, when the next day's firing comes a minute early, it fails."""
    world = World()
    world.enter(0)
    world.bank.report_ready = False
    world.run(0)
    submitted_at = at(1, hour=1)

    summary = world.run(0, now=submitted_at + timedelta(hours=19))
    with pytest.raises(RunIncomplete, match="1 of 1"):
        world.run(1, now=submitted_at + timedelta(hours=23, minutes=59))

    assert summary["waiting"] == 1
    assert world.logged[-1].wait is Wait.NOT_REPORTED


def test_one_batch_that_fails_does_not_keep_the_others() -> None:
    world = World()
    world.enter(0, currency="eur")
    world.enter(0, currency="usd")
    unheard_run(world)
    (broken,) = (one for one in world.batches() if one.name.currency == "eur")
    del world.tables.items[broken.name.key]["created_at"]
    failures: list[Exception] = []

    with pytest.raises(RunIncomplete, match="1 of 1"):
        world.run(0, failures=failures)

    assert [type(failure) for failure in failures] == [KeyError]
    rows = {row["currency"]: row["status"] for row in world.rows("settlement_batch")}
    assert rows == {"eur": "CLOSING", "usd": "SETTLED"}


def test_older_batches_are_finished_though_nothing_can_be_claimed() -> None:
    world = World()
    world.enter(0)
    unheard_run(world)
    progress = {"through_day": "not a day"}
    key = progress_key(TENANT, ACQUIRER)
    world.tables.items[key] = {**world.tables.items[key], **progress}
    failures: list[Exception] = []

    with pytest.raises(RunIncomplete, match="1 of 1"):
        world.run(1, failures=failures)

    assert [type(failure) for failure in failures] == [ValueError]
    assert world.batch().status is Status.SETTLED


def test_a_batch_that_loses_every_race_fails_the_run() -> None:
    world = World()
    world.enter(0)
    world.bank.report_ready = False
    world.run(0)
    world.bank.report_ready = True

    def lose(*writes: Write) -> None:
        raise ConditionFailed(0, "STILL_SUBMITTED", writes[0].key, None)

    with pytest.raises(RunIncomplete):
        world.run(0, before_write=lose)

    assert world.logged[-1].wait is Wait.RACES_LOST


def test_a_batch_that_the_acquirer_forgot_goes_on_waiting() -> None:
    world = World()
    world.enter(0)
    world.bank.report_ready = False
    world.run(0)
    world.bank.accepted.clear()

    world.run(0)

    assert world.batch().status is Status.SUBMITTED


def unheard_run(world: World) -> None:
    """A run of day 0 whose submissions are lost on their way."""
    with pytest.raises(RunIncomplete):
        world.run(0, arrives=False, hear=silence)


def refuse() -> None:
    raise Refused("MALFORMED")


def test_a_refused_batch_is_an_exception_with_the_acquirers_code() -> None:
    world = World()
    world.enter(0)

    summary = world.run(0, arrives=False, hear=refuse)

    batch = world.batch()
    assert summary["exceptions"] == 1
    assert batch.status is Status.EXCEPTION
    assert batch.trouble is not None
    assert batch.trouble.reason is Reason.REFUSED_BY_ACQUIRER
    assert "MALFORMED" in batch.trouble.detail
    assert world.rows("settlement_unfinished") == []


def drop_a_line(report: Report) -> Report:
    return summed(report.lines[1:])


def double_a_line(report: Report) -> Report:
    return summed((*report.lines, report.lines[0]))


def change_an_amount(report: Report) -> Report:
    first, *rest = report.lines
    changed = replace(first, amount_cents=first.amount_cents + 1, net_cents=first.net_cents + 1)
    return summed((changed, *rest))


def rename_a_line(report: Report) -> Report:
    first, *rest = report.lines
    return summed((replace(first, reference="unknown"), *rest))


def turn_a_line(report: Report) -> Report:
    first, *rest = report.lines
    return summed((replace(first, operation=Operation.REFUND), *rest))


@pytest.mark.parametrize(
    ("tamper", "breaks"),
    [
        (double_a_line, "1 DUPLICATE_LINE"),
        (change_an_amount, "1 AMOUNT_MISMATCH"),
        (rename_a_line, "1 MISSING_IN_LEDGER, 1 lines that no report has yet"),
        (
            turn_a_line,
            "1 BATCH_TOTAL_MISMATCH, 1 MISSING_IN_LEDGER, 1 lines that no report has yet",
        ),
        (lambda r: with_paid(r, gross_cents=1), "1 BATCH_TOTAL_MISMATCH"),
        (lambda r: with_paid(r, fee_cents=0), "1 BATCH_TOTAL_MISMATCH"),
        (lambda r: with_paid(r, net_cents=0), "1 BATCH_TOTAL_MISMATCH"),
        (
            lambda r: replace(r, lines=(replace(r.lines[0], net_cents=0), *r.lines[1:])),
            "1 BATCH_TOTAL_MISMATCH, 1 FEE_MISMATCH",
        ),
        (
            lambda r: replace(
                r, lines=(replace(r.lines[0], fee_cents=9, net_cents=991), *r.lines[1:])
            ),
            "1 BATCH_TOTAL_MISMATCH, 1 FEE_MISMATCH",
        ),
    ],
)
def test_a_report_that_differs_is_never_silently_settled(
    tamper: Callable[[Report], Report], breaks: str
) -> None:
    world = World()
    world.enter(0, 1000)
    world.enter(0, 2000)
    world.bank.tamper = tamper

    summary = world.run(0)

    batch = world.batch()
    assert summary["exceptions"] == 1
    assert batch.status is Status.EXCEPTION
    assert batch.trouble is not None
    assert (batch.trouble.reason, batch.trouble.detail) == (Reason.OPEN_BREAKS, breaks)
    assert batch.settled_at is None
    assert batch.paid is not None  # what the report said is kept for whoever looks at it


def test_a_batch_whose_report_lacks_a_line_waits_for_it_and_nobody_is_called() -> None:
    world = World()
    world.enter(0, 1000)
    world.enter(0, 2000)
    world.bank.tamper = drop_a_line

    world.run(0)
    world.run(3)

    assert world.batch().status is Status.SUBMITTED
    assert {progress.wait for progress in world.logged} == {Wait.LINES_AWAITED}
    world.bank.tamper = lambda report: report
    world.run(4)
    assert world.batch().status is Status.SETTLED


def test_an_exception_is_left_alone_by_later_runs() -> None:
    world = World()
    world.enter(0)
    world.bank.tamper = double_a_line
    world.run(0)
    before = world.state()
    world.bank.tamper = lambda report: report

    world.run(0)

    assert world.state() == before


@pytest.mark.parametrize("status", [s for s in Status if NEXT[s]])
def test_each_transition_holds_only_from_the_state_before_it(status: Status) -> None:
    """Given a batch read in `status`, when it has moved on meanwhile, nothing is written."""
    world = World()
    world.enter(0)
    world.run(0)
    settled = world.batch()
    assert STILL[status].name == f"STILL_{status}"

    stale = replace(settled, status=status)
    for target in NEXT[status]:
        with pytest.raises(ConditionFailed, match=f"STILL_{status}"):
            store_of(world).write(*moved(stale, target))

    assert world.batch() == settled


def test_totals_are_written_only_while_the_batch_closes() -> None:
    world = World()
    world.enter(0)
    world.run(0)
    settled = world.batch()
    assert settled.totals is not None

    with pytest.raises(ConditionFailed, match="STILL_CLOSING"):
        finisher(world)._write_totals(settled, replace(settled.totals, entry_count=7), "")


def test_no_state_is_skipped() -> None:
    world = World()
    world.enter(0)
    unheard_run(world)

    with pytest.raises(ValueError, match="does not lead"):
        moved(world.batch(), Status.SETTLED)


def test_the_end_of_a_batch_that_nothing_lists_is_a_fault() -> None:
    """The listing is how unfinished batches are found; to lose one must not go unnoticed."""
    world = World()
    world.enter(0)
    world.bank.report_ready = False
    world.run(0)
    submitted = world.batch()
    del world.tables.items[submitted.name.marker_key]

    with pytest.raises(ConditionFailed, match="EXISTS"):
        store_of(world).write(*moved(submitted, Status.SETTLED))


def test_a_listed_batch_that_is_not_there_is_a_fault() -> None:
    with pytest.raises(LookupError):
        finisher(World()).finish("st_00000000000000000000000000")


def test_a_batch_of_a_later_day_is_not_closed_early() -> None:
    world = World()
    world.enter(1)
    step = 1
    while world.batches() == []:
        world.crashing_run(1, step)
        step += 1
    assert world.batch().status is Status.OPEN

    world.run(0)

    assert world.batch().status is Status.OPEN
    assert world.batch().name.business_day == day(1)


@pytest.mark.parametrize("seed", range(20))
def test_two_runs_finish_one_batch_together(seed: int) -> None:
    world = World()
    world.enter(0, 1000)
    unheard_run(world)

    raised = TurnTaking(seed).run(
        first=lambda step: world.run(0, on_step=step),
        second=lambda step: world.run(0, on_step=step),
    )

    assert raised == []
    world.check(submitted_once=False)
