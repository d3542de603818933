"""Files that somebody else wrote: taken as they are, or refused with the line, and then wholly."""

from __future__ import annotations

import pytest

from farthing.reconciliation.bank_file import COLUMNS as BANK_COLUMNS
from farthing.reconciliation.bank_file import deposits_of
from farthing.reconciliation.file_row import FileKind, FileState
from farthing.reconciliation.intake import Progress, take_file
from farthing.reconciliation.names import batch_of
from farthing.reconciliation.report_file import reports_of
from farthing.reconciliation.wiring import source_of
from farthing.settlement.batch import BatchName, Status
from farthing.settlement.csv_rows import FileRefused
from farthing.settlement.report_file import COLUMNS
from tests.unit.reconciliation.month import SOURCE
from tests.unit.reconciliation.ours import ACQUIRER, FIRST_DAY, TENANT
from tests.unit.reconciliation.steps import Story

HEADER = ",".join(COLUMNS)
LINE = "st,1,CAPTURE,REF,pi_1,eur,1000,24,976,2026-11-03"
TOTAL = "st,,TOTAL,,,eur,1000,24,976,2026-11-03"
BANK = ",".join(BANK_COLUMNS)


def test_a_report_is_read_as_it_stands() -> None:
    reports = reports_of("\n".join([HEADER, LINE, TOTAL]).encode())

    line = reports["st"].lines[0]
    assert (line.name, line.currency, line.net_cents) == ("CAPTURE#REF#1", "eur", 976)
    assert reports["st"].total == reports["st"].summed


def test_a_reference_of_ours_may_look_as_if_a_card_number_were_in_it() -> None:
    ours = "01KB4XXW4242424242424242AB"
    content = "\n".join([HEADER, LINE.replace("REF", ours), TOTAL]).encode()

    assert reports_of(content)["st"].lines[0].reference == ours


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter() -> None:
    content = b"\xef\xbb\xbf" + "\r\n".join([HEADER, LINE, TOTAL, ""]).encode()

    assert len(reports_of(content)["st"].lines) == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "line 1: the header"),
        (b"a,b\n1,2", "line 1: the header"),
        (HEADER.encode(), "line 2: there are no lines"),
        (b"\xff\xfe", "line 1: the file is not UTF-8"),
        (f"{HEADER}\n{LINE}".encode(), "has no TOTAL: the file was cut off"),
        (f"{HEADER}\n{LINE},x\n{TOTAL}".encode(), "line 2: there are 11 cells"),
        (f"{HEADER}\n{TOTAL}\n{LINE}".encode(), "line 3: it comes after the TOTAL"),
        (f"{HEADER}\n{LINE.replace('1000', '10.00')}\n{TOTAL}".encode(), "amount_cents is no"),
        (f"{HEADER}\n{LINE.replace('1000', '-1000')}\n{TOTAL}".encode(), "amount_cents is pos"),
        (f"{HEADER}\n{LINE.replace('eur', 'xxx')}\n{TOTAL}".encode(), "is no ISO 4217"),
        (f"{HEADER}\n{LINE.replace('CAPTURE', 'GIFT')}\n{TOTAL}".encode(), "type is none of"),
        (f"{HEADER}\n{LINE.replace('REF', 'R F')}\n{TOTAL}".encode(), "reference is no name"),
        (f"{HEADER}\n{LINE.replace('REF', '4242424242424242')}\n{TOTAL}".encode(), "card number"),
        (f"{HEADER}\n{LINE.replace('2026-11-03', 'today')}\n{TOTAL}".encode(), "is no day"),
        (f'{HEADER}\n"{LINE}\n{TOTAL}'.encode(), "line 3"),
        (f"{HEADER}\n{LINE.replace('1000', '9' * 15)}\n{TOTAL}".encode(), "amount_cents is no"),
    ],
)
def test_a_report_that_is_wrong_is_refused_with_its_line(content: bytes, problem: str) -> None:
    with pytest.raises(FileRefused, match=problem):
        reports_of(content)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("", "there are no lines"),
        ("2026-11-03,eur,0,st,x", "amount_cents is zero"),
        ("2026-11-03,eur,10,st," + "x" * 201, "longer than 200"),
    ],
)
def test_a_statement_that_is_wrong_is_refused(rows: str, problem: str) -> None:
    with pytest.raises(FileRefused, match=problem):
        deposits_of(f"{BANK}\n{rows}".encode())


def test_equal_transfers_are_told_apart_and_a_debit_is_negative() -> None:
    rows = "2026-11-03,eur,-10,st,x\n2026-11-03,eur,-10,st,y"

    assert [(one.amount_cents, one.seq) for one in deposits_of(f"{BANK}\n{rows}".encode())] == [
        (-10, 1),
        (-10, 2),
    ]


def test_a_file_that_is_refused_changes_nothing_and_says_why() -> None:
    story = Story()
    name = story.batch_of(1_000)
    content = story.theirs.report(name.reference) + b"rubbish\n"

    row = story.report(content=content)

    assert row.state is FileState.REFUSED
    assert row.problem is not None and row.problem.startswith("line 4")
    assert story.status(name) is Status.SUBMITTED
    assert story.ours.balances()["acquirer_fee_expense", "eur"] == 0


def test_a_run_that_has_no_time_left_leaves_the_rest_to_the_next_one() -> None:
    story = Story()
    names = [story.batch_of(1_000, day=FIRST_DAY.replace(day=day)) for day in (2, 3, 4)]
    content = story.theirs.report(*(name.reference for name in names))
    seconds = iter([100.0, 10.0])
    services = story.ours.services(lambda: next(seconds))

    assert take_file(FileKind.REPORT, content, SOURCE, services) is Progress.GO_ON
    assert (story.file(content).done, story.file(content).lines) == (1, 3)
    assert [story.status(name) for name in names] == ["SETTLED", "SUBMITTED", "SUBMITTED"]
    row = story.report(content=content)
    assert (row.state, row.done, row.lines_done, row.matched) == ("READ", 3, 3, 3)


def test_our_own_names_of_batches_are_read_and_no_others() -> None:
    name = BatchName(TENANT, ACQUIRER, "eur", FIRST_DAY, 3)

    assert batch_of(name.reference) == name
    for other in (
        "",
        "a.b.c",
        name.reference.replace("mer_", "mer-"),
        name.reference.replace(".test.", ".prod."),
        name.reference.replace(".eur.", ".EUR."),
        name.reference.replace("2026-11-02", "2026-11-32"),
        name.reference.replace(".3", ".03"),
        name.reference + ".1",
        name.reference.replace(".3", ".-3"),
    ):
        assert batch_of(other) is None, other


def test_who_brought_a_file_is_in_its_name() -> None:
    kind, source = source_of("OPERATOR#RECONCILE/bank/Ada%20L/00ff/a%2Fb.csv")

    assert (kind, source.by, source.name) == (FileKind.BANK, "Ada L", "a/b.csv")
    with pytest.raises(ValueError):
        source_of("OPERATOR#RECONCILE/x.csv")
