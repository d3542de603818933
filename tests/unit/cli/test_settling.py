"""`farthing settle` says what came of every merchant, does not wait for ever, and gives back what
was refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner, Result

from farthing import runtime
from farthing.settlement.batch import Batch, BatchName, Reason, Trouble
from farthing.settlement.transition import excepted, submit_again
from farthing.store import NOT_CREATED, Item, Put, TenantScope
from farthing_cli.app import app
from farthing_cli.failure import Failure
from farthing_cli.place import Place
from farthing_cli.settling import PATIENCE_SECONDS, followed
from tests.support.lambdas import MERCHANT

SENT = {"until": {"sandbox": "2026-11-21"}, "merchants": 2, "run": "run_1"}
NOTHING = {"settled": 0, "exceptions": 0, "waiting": 0, "failed": 0}


class Told:
    """A function that says one thing after the other, and then the last one for ever."""

    def __init__(self, *answers: tuple[int | None, int]) -> None:
        self.answers = iter(answers)
        self.asked: list[Mapping[str, Any]] = []
        self.last: tuple[int | None, int] = (None, 0)
        self.clock = 0.0

    def __call__(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(event)
        self.last = next(self.answers, self.last)
        jobs, done = self.last
        return {"run": "run_1", "jobs": jobs, "done": done, **NOTHING, "settled": done}

    def sleep(self, seconds: float) -> None:
        self.clock += seconds


def follow(told: Told) -> dict[str, Any]:
    return followed(SENT, told, now=lambda: told.clock, sleep=told.sleep)


@pytest.fixture
def lanes() -> Iterator[Told]:
    """One of two merchants turns out to need eight lanes."""
    yield Told((None, 0), (2, 1), (10, 2), (10, 9), (10, 10))


def test_it_waits_for_every_merchant_and_every_lane(lanes: Told) -> None:
    assert follow(lanes) == {
        "until": {"sandbox": "2026-11-21"},
        "merchants": 2,
        **NOTHING,
        "settled": 10,
    }
    assert lanes.asked == [{"run": "run_1"}] * 5


def test_it_gives_up_when_nothing_comes_any_more() -> None:
    told = Told((2, 0), (2, 1))

    with pytest.raises(Failure, match="1 of 2"):
        follow(told)

    assert PATIENCE_SECONDS < told.clock < PATIENCE_SECONDS + 10


NAME = BatchName(TenantScope(MERCHANT, "test"), "sandbox", "eur", date(2026, 11, 20))


@pytest.fixture
def refused(aws: None, monkeypatch: pytest.MonkeyPatch) -> BatchName:
    """A batch on moto that the acquirer refused."""
    monkeypatch.setattr(Place, "of", lambda stack: Place("farthing-test", boto3.client))
    monkeypatch.setattr(Place, "output", lambda self, name: name)
    trouble = Trouble(Reason.REFUSED_BY_ACQUIRER, "it answered MALFORMED")
    row = NAME.opened("2026-11-20T10:00:00.000Z", 1) | {"status": "EXCEPTION"} | excepted(trouble)
    runtime.system_store().write(Put(NAME.key, row, NOT_CREATED))
    return NAME


def stored(name: BatchName) -> Item:
    item = runtime.system_store().get(name.key)
    assert item is not None
    return item


def give_back(settlement_id: str, *more: str) -> Result:
    arguments = ["settle", "--again", settlement_id, "--merchant", MERCHANT, *more]
    return CliRunner().invoke(app, arguments)


def test_a_refused_batch_is_given_back_once(refused: BatchName) -> None:
    done = give_back(refused.settlement_id)

    assert done.exit_code == 0
    assert "submits it again" in done.output
    assert stored(refused)["status"] == "CLOSING"
    assert "exception_reason" not in stored(refused)
    assert runtime.system_store().get(refused.marker_key) is not None
    again = give_back(refused.settlement_id)
    assert isinstance(again.exception, Failure)
    assert "is CLOSING: only a refused one" in str(again.exception)


@pytest.mark.parametrize(
    ("settlement_id", "more", "told"),
    [
        ("st_1", [], "no settlement's id"),
        (NAME.settlement_id, ["--mode", "live"], "in live mode"),
        (NAME.settlement_id, ["--merchant", "Ada"], "no merchant's id"),
    ],
)
def test_what_is_not_there_is_not_given_back(
    refused: BatchName, settlement_id: str, more: list[str], told: str
) -> None:
    before = stored(refused)

    failed = give_back(settlement_id, *more)

    assert isinstance(failed.exception, Failure) and told in str(failed.exception)
    assert stored(refused) == before


def test_one_that_moves_meanwhile_is_left_alone(
    refused: BatchName, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_before(tenant: TenantScope, item: Item) -> Batch:
        batch = read(tenant, item)
        if stored(refused)["status"] == "EXCEPTION":
            runtime.system_store().write(*submit_again(batch))
        return batch

    read = Batch.of
    monkeypatch.setattr(Batch, "of", read_before)

    failed = give_back(refused.settlement_id)

    assert isinstance(failed.exception, Failure) and "moved meanwhile" in str(failed.exception)


@pytest.mark.parametrize(
    "arguments",
    [["--stack", "farthing-prod"], ["--again", NAME.settlement_id, "--stack", "farthing-prod"]],
)
def test_options_that_do_not_go_together_are_told(arguments: list[str]) -> None:
    failed = CliRunner().invoke(app, ["settle", *arguments])

    assert isinstance(failed.exception, Failure) and "--merchant" in str(failed.exception)
