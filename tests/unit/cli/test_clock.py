"""The test clock, as the command line moves it."""

from __future__ import annotations

from typing import Any

import pytest

from farthing_cli.clock import AHEAD_SECONDS_MAX, TestClock
from farthing_cli.failure import Failure


class Account:
    """One table with one row, and a stack that names it."""

    def __init__(self, outputs: dict[str, str]) -> None:
        self.offset, self.outputs = 0, outputs

    def client(self, service: str) -> Any:
        return self

    def describe_stacks(self, StackName: str) -> Any:
        outputs = [{"OutputKey": k, "OutputValue": v} for k, v in self.outputs.items()]
        return {"Stacks": [{"Outputs": outputs}]}

    def get_item(self, **_: Any) -> Any:
        return {"Item": {"offset_seconds": {"N": str(self.offset)}}}

    def update_item(self, ExpressionAttributeValues: Any, **_: Any) -> Any:
        self.offset += int(ExpressionAttributeValues[":seconds"]["N"])
        return {"Attributes": {"offset_seconds": {"N": str(self.offset)}}}


def test_the_clock_adds_up_and_ends_at_ten_years() -> None:
    account = Account({"TestClockTable": "clock"})
    clock = TestClock(account, "stack")  # type: ignore[arg-type]
    assert (clock.advance(60), clock.advance(40)) == (60, 100)
    with pytest.raises(Failure, match="ten years"):
        clock.advance(AHEAD_SECONDS_MAX)
    assert clock.offset_seconds() == 100


def test_a_stack_without_a_test_clock_says_so() -> None:
    with pytest.raises(Failure, match="no test clock"):
        TestClock(Account({}), "production")  # type: ignore[arg-type]
