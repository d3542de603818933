"""A report is read if it is exactly one, of this batch; else nothing of it is."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.settlement.batch import Paid
from farthing.settlement.entry import Operation
from farthing.settlement.fan_out import RunIncomplete
from farthing.settlement.finish import Wait
from farthing.settlement.report import ReportLine
from farthing.settlement.report_file import ReportUnreadable, read_report, write_report
from tests.unit.settlement.bank import HEADER, adds_up
from tests.unit.settlement.world import World, day

REFERENCE = "mer_1.test.sandbox.eur.2026-11-01.1"
FILE = f"""{HEADER}
{REFERENCE},1,CAPTURE,r1,pi_1,eur,1000,24,976,2026-11-02
{REFERENCE},2,DISPUTE_FEE,dp1,pi_1,EUR,1500,0,-1500,2026-11-02
{REFERENCE},3,TOTAL,,,eur,-500,24,-524,2026-11-02
"""


def test_a_report_is_read_line_by_line_with_its_sums() -> None:
    report = read_report(FILE.encode(), REFERENCE)

    assert report.lines == (
        ReportLine("r1", Operation.CAPTURE, 1000, 24, 976, "pi_1", "eur", "2026-11-02"),
        ReportLine("dp1", Operation.DISPUTE_FEE, 1500, 0, -1500, "pi_1", "eur", "2026-11-02"),
    )
    assert report.paid == Paid(-500, 24, -524)
    assert adds_up(report)
    assert report.sha256 == hashlib.sha256(FILE.encode()).hexdigest()


def test_a_reference_of_ours_may_look_as_if_a_card_number_were_in_it() -> None:
    ours = "01KB4XXW4242424242424242AB"

    assert (
        read_report(FILE.replace("r1,", f"{ours},").encode(), REFERENCE).lines[0].reference == ours
    )


def test_a_report_of_nothing_has_its_sums_alone() -> None:
    head, _, _, _, _ = FILE.split("\n")

    report = read_report(
        f"{head}\n{REFERENCE},1,TOTAL,,,eur,0,0,0,2026-11-02\n".encode(), REFERENCE
    )

    assert (report.lines, report.paid) == ((), Paid(0, 0, 0))


@pytest.mark.parametrize(
    ("find", "put"),
    [
        ("settlement_reference,line", "line,settlement_reference"),
        (f"{REFERENCE},1,CAPTURE", "mer_2.test.sandbox.eur.2026-11-01.1,1,CAPTURE"),
        (f"{REFERENCE},3,TOTAL", "another,3,TOTAL"),
        (",1,CAPTURE", ",7,CAPTURE"),
        ("CAPTURE", "VOID"),
        ("CAPTURE", "TOTAL"),
        (",1000,24", ",-1000,24"),
        (",1000,24", ",1000.0,24"),
        (",1000,24", ",,24"),
        (",1000,24", ",٤,24"),
        (",1000,24", ",1000000000000000,24"),
        ("976,2026-11-02", "976,yesterday"),
        ("r1,", "r 1,"),
        ("r1,", "4242424242424242,"),
        ("eur,1000", "xxx,1000"),
        ("TOTAL,,,eur", "TOTAL,,,"),
        ("r1,", "r1" * 61 + ","),
        ("eur,1000", "eur"),
        (f"{REFERENCE},3,TOTAL,,,eur,-500,24,-524,2026-11-02\n", ""),
        (",1,CAPTURE", ',1,"CAPTURE'),
        ("976", "9\x0076"),
    ],
)
def test_a_file_that_is_not_exactly_a_report_of_this_batch_is_refused(find: str, put: str) -> None:
    assert find in FILE
    with pytest.raises(ReportUnreadable):
        read_report(FILE.replace(find, put, 1).encode(), REFERENCE)


@pytest.mark.parametrize("file", [b"", b"\xff", HEADER.encode(), b"<html>"])
def test_a_file_that_is_no_report_at_all_is_refused(file: bytes) -> None:
    with pytest.raises(ReportUnreadable):
        read_report(file, REFERENCE)


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(file: bytes) -> None:
    for it in (file, f"{HEADER}\n".encode() + file):
        with pytest.raises(ReportUnreadable):
            read_report(it, REFERENCE)


amounts = st.integers(0, 99_999_999)
lines = st.builds(
    lambda operation, amount, fee: ReportLine(
        "r1", operation, amount, fee, operation.sign * amount - fee, "pi_1", "eur", "2026-11-02"
    ),
    st.sampled_from(Operation),
    amounts,
    amounts,
)


@given(st.lists(lines, max_size=20))
def test_what_is_written_for_an_acquirer_adds_up_and_is_read_again(
    written: list[ReportLine],
) -> None:
    report = read_report(write_report(REFERENCE, written, "eur", day(0)), REFERENCE)

    assert adds_up(report)
    assert [(line.operation, line.net_cents) for line in report.lines] == [
        (line.operation, line.net_cents) for line in written
    ]


def test_a_report_whose_sums_are_in_another_currency_is_none_of_the_batch() -> None:
    world = World()
    world.enter(0)
    world.bank.spoil = lambda file: file.replace(b"TOTAL,,,eur", b"TOTAL,,,usd")

    with pytest.raises(RunIncomplete):
        world.run(0)

    assert world.logged[-1].wait is Wait.REPORT_UNREADABLE


def test_a_report_that_cannot_be_read_is_kept_and_waits_for_a_person() -> None:
    """Given a spoiled report, the message fails; when it comes as it should, the batch settles."""
    world = World()
    world.enter(0)
    world.bank.spoil = lambda file: file + b"?"

    with pytest.raises(RunIncomplete):
        world.run(0)

    assert world.logged[-1].wait is Wait.REPORT_UNREADABLE
    kept = world.batch().report_sha256
    assert kept is not None and any(kept in key for key in world.files)
    world.bank.spoil = lambda file: file
    world.run(0)
    world.check()
