"""What every settlement acquirer must do. One suite for the fake and for the real sandbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import pytest

from farthing.settlement.batch import BatchName
from farthing.settlement.batch_file import batch_file
from farthing.settlement.entry import Operation
from farthing.settlement.line import Line
from farthing.settlement.ports import Refused, SettlementAcquirer
from farthing.settlement.report import Report
from farthing.settlement.report_file import read_report
from farthing.settlement.sandbox import SandboxSettlement
from farthing_sandbox import files
from tests.unit.settlement.bank import Bank, FakeAcquirer, adds_up
from tests.unit.settlement.conftest import SandboxAcquirer
from tests.unit.settlement.steps import Steps
from tests.unit.settlement.wire import SECRET
from tests.unit.settlement.world import TENANT, World

NAME = BatchName(TENANT, "sandbox", "eur", date(2026, 11, 1))
OTHER = replace(NAME, business_day=date(2026, 11, 2))


@dataclass
class Case:
    """An acquirer, and the way to move money there."""

    acquirer: SettlementAcquirer
    charge: Callable[[str, int], None]
    refund: Callable[[str, str, int], None]

    def submit(self, *lines: Line) -> None:
        self.acquirer.submit(NAME.reference, batch_file(NAME.reference, lines))

    def report(self) -> Report:
        file = self.acquirer.report(NAME, ())
        assert file is not None
        return read_report(file, NAME.reference)


def fake() -> Case:
    bank = Bank()

    def charge(reference: str, cents: int) -> None:
        bank.moved[reference, Operation.CAPTURE] = cents

    def refund(reference: str, of: str, cents: int) -> None:
        bank.moved[reference, Operation.REFUND] = cents

    return Case(FakeAcquirer(bank, Steps()), charge, refund)


def sandbox(real: SandboxAcquirer) -> Case:
    acquirer = SandboxSettlement(real.server.url, lambda: SECRET)
    return Case(acquirer, real.charge, real.refund)


@pytest.fixture(params=["fake", "sandbox"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "fake":
        return fake()
    return sandbox(request.getfixturevalue("real_sandbox"))


def line(reference: str, cents: int, operation: Operation = Operation.CAPTURE) -> Line:
    entry_id = f"op_{reference}-{operation.value.lower()}"
    return Line(entry_id, "pi_1", reference, operation, cents, "eur", "2026-11-01")


def test_a_reference_never_submitted_is_not_known(case: Case) -> None:
    assert not case.acquirer.has(NAME.reference)
    assert case.acquirer.report(NAME, ()) is None


def test_a_submission_is_found_again_with_its_report(case: Case) -> None:
    case.charge("r1", 1000)
    case.refund("r2", "r1", 400)

    case.submit(line("r1", 1000), line("r2", 400, Operation.REFUND))

    assert case.acquirer.has(NAME.reference)
    report = case.report()
    assert adds_up(report)
    assert [(one.reference, one.operation, one.amount_cents) for one in report.lines] == [
        ("r1", Operation.CAPTURE, 1000),
        ("r2", Operation.REFUND, 400),
    ]
    assert report.paid.gross_cents == 600
    assert not case.acquirer.has(OTHER.reference)


def test_the_same_submission_again_is_accepted_and_changes_nothing(case: Case) -> None:
    case.charge("r1", 1000)
    case.submit(line("r1", 1000))
    first = case.report()

    case.submit(line("r1", 1000))

    assert case.report() == first


def test_the_same_reference_with_other_content_is_refused(case: Case) -> None:
    case.charge("r1", 1000)
    case.submit(line("r1", 1000))

    with pytest.raises(Refused, match="REFERENCE_REUSED"):
        case.submit(line("r1", 999))


def test_what_did_not_move_there_is_not_in_the_report(case: Case) -> None:
    case.charge("r1", 1000)

    case.submit(line("r1", 1000), line("r9", 500))

    assert [one.reference for one in case.report().lines] == ["r1"]


def test_the_sandbox_takes_its_fee_from_captures_alone(real_sandbox: SandboxAcquirer) -> None:
    case = sandbox(real_sandbox)
    case.charge("r1", 10000)
    case.refund("r2", "r1", 4000)

    case.submit(line("r1", 10000), line("r2", 4000, Operation.REFUND))

    named = ("reference", "operation", "amount_cents", "fee_cents", "net_cents", "currency")
    report = case.report()
    assert [tuple(getattr(one, name) for name in named) for one in report.lines] == [
        ("r1", Operation.CAPTURE, 10000, 150, 9850, "eur"),
        ("r2", Operation.REFUND, 4000, 0, -4000, "eur"),
    ]
    assert {one.order_id for one in report.lines} == {"order-r1"}


def test_a_malformed_submission_is_refused_by_the_sandbox(real_sandbox: SandboxAcquirer) -> None:
    with pytest.raises(Refused, match="MALFORMED"):
        sandbox(real_sandbox).submit(line("no#hash", 1000))


def test_what_a_world_submits_has_the_shape_that_the_sandbox_takes() -> None:
    world = World()
    for operation in Operation:
        world.enter(0, 1000, operation)
    world.run(0)

    taken = files.settlement(world.bank.accepted[world.batch().name.reference])

    assert {one.operation.value for one in taken.entries} == {one.value for one in Operation}
    assert taken.sha256 == world.batch().content_sha256
