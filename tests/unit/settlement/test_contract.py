"""What every settlement acquirer must do. One suite for the fake and for the real sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import pytest

from farthing.settlement.batch import BatchName
from farthing.settlement.entry import Operation
from farthing.settlement.line import Line
from farthing.settlement.ports import Refused, SettlementAcquirer
from farthing.settlement.report import ReportLine
from farthing.settlement.sandbox import SandboxSettlement, submission
from farthing_sandbox import bodies
from tests.unit.settlement.bank import Bank, FakeAcquirer
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


def fake() -> Case:
    bank = Bank()

    def charge(reference: str, cents: int) -> None:
        bank.moved[reference, Operation.CAPTURE] = cents

    def refund(reference: str, of: str, cents: int) -> None:
        bank.moved[reference, Operation.REFUND] = cents

    return Case(FakeAcquirer(bank, Steps()), charge, refund)


@pytest.fixture(params=["fake", "sandbox"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "fake":
        return fake()
    real: SandboxAcquirer = request.getfixturevalue("real_sandbox")
    acquirer = SandboxSettlement(real.server.url, lambda: SECRET)
    return Case(acquirer, real.charge, real.refund)


def line(reference: str, cents: int, operation: Operation = Operation.CAPTURE) -> Line:
    return Line(
        f"op_{reference}-{operation.value.lower()}",
        "pi_1",
        reference,
        operation,
        cents,
        "eur",
        "2026-11-01",
    )


def test_a_reference_never_submitted_is_not_known(case: Case) -> None:
    assert case.acquirer.look_up(NAME.reference) is None


def test_a_submission_is_found_again_with_its_report(case: Case) -> None:
    case.charge("r1", 1000)
    case.refund("r2", "r1", 400)

    case.acquirer.submit(NAME, [line("r1", 1000), line("r2", 400, Operation.REFUND)])

    found = case.acquirer.look_up(NAME.reference)
    assert found is not None
    assert found.report is not None
    assert found.report.adds_up
    assert [(one.reference, one.operation, one.amount_cents) for one in found.report.lines] == [
        ("r1", Operation.CAPTURE, 1000),
        ("r2", Operation.REFUND, 400),
    ]
    assert found.report.paid.gross_cents == 600
    assert case.acquirer.look_up(OTHER.reference) is None


def test_the_same_submission_again_is_accepted_and_changes_nothing(case: Case) -> None:
    case.charge("r1", 1000)
    case.acquirer.submit(NAME, [line("r1", 1000)])
    first = case.acquirer.look_up(NAME.reference)

    case.acquirer.submit(NAME, [line("r1", 1000)])

    assert case.acquirer.look_up(NAME.reference) == first


def test_the_same_reference_with_other_content_is_refused(case: Case) -> None:
    case.charge("r1", 1000)
    case.acquirer.submit(NAME, [line("r1", 1000)])

    with pytest.raises(Refused, match="REFERENCE_REUSED"):
        case.acquirer.submit(NAME, [line("r1", 999)])


def test_what_did_not_move_there_is_not_in_the_report(case: Case) -> None:
    case.charge("r1", 1000)

    case.acquirer.submit(NAME, [line("r1", 1000), line("r9", 500)])

    found = case.acquirer.look_up(NAME.reference)
    assert found is not None
    assert found.report is not None
    assert [one.reference for one in found.report.lines] == ["r1"]


def test_the_sandbox_takes_its_fee_from_captures_alone(real_sandbox: SandboxAcquirer) -> None:
    real_sandbox.charge("r1", 10000)
    real_sandbox.refund("r2", "r1", 4000)
    acquirer = SandboxSettlement(real_sandbox.server.url, lambda: SECRET)

    acquirer.submit(NAME, [line("r1", 10000), line("r2", 4000, Operation.REFUND)])

    found = acquirer.look_up(NAME.reference)
    assert found is not None
    assert found.report is not None
    assert found.report.lines == (
        ReportLine("r1", Operation.CAPTURE, 10000, 150, 9850),
        ReportLine("r2", Operation.REFUND, 4000, 0, -4000),
    )


def test_a_malformed_submission_is_refused_by_the_sandbox(real_sandbox: SandboxAcquirer) -> None:
    acquirer = SandboxSettlement(real_sandbox.server.url, lambda: SECRET)

    with pytest.raises(Refused, match="MALFORMED"):
        acquirer.submit(NAME, [line("no#hash", 1000)])


def test_what_a_world_submits_has_the_shape_that_the_sandbox_takes() -> None:
    world = World()
    world.enter(0, 1000)
    world.enter(0, 400, Operation.REFUND)
    world.run(0)
    (lines,) = world.lines().values()

    taken = bodies.settlement(json.dumps(submission(world.batch().name, lines)).encode())

    assert taken.merchant_reference == TENANT.merchant_id
    assert len(taken.entries) == 2
