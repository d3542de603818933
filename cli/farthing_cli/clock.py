"""The test clock: how far the clock of every function is ahead. Production has none."""

from __future__ import annotations

from typing import Any

from farthing_cli.aws import Account
from farthing_cli.failure import Failure

AHEAD_SECONDS_MAX = 10 * 365 * 86_400
KEY = {"pk": {"S": "CLOCK"}, "sk": {"S": "CLOCK"}}


class TestClock:
    """The test clock of one stack."""

    __test__ = False  # pytest: not a test class

    def __init__(self, account: Account, stack_name: str) -> None:
        self._dynamodb = account.client("dynamodb")
        self._table = _table(account, stack_name)

    def advance(self, seconds: int) -> int:
        """Move the clock on. Gives how many seconds it is ahead now.

        Raises Failure if that were more than ten years: no schedule has to catch up with more.
        """
        if self.offset_seconds() + seconds > AHEAD_SECONDS_MAX:
            raise Failure("The clock can be ten years ahead at most.")
        answer = self._dynamodb.update_item(
            TableName=self._table,
            Key=KEY,
            UpdateExpression="ADD offset_seconds :seconds",
            ExpressionAttributeValues={":seconds": {"N": str(seconds)}},
            ReturnValues="ALL_NEW",
        )
        return _offset(answer["Attributes"])

    def offset_seconds(self) -> int:
        """How many seconds the clock is ahead."""
        answer = self._dynamodb.get_item(TableName=self._table, Key=KEY, ConsistentRead=True)
        return _offset(answer.get("Item", {}))

    def reset(self) -> None:
        """Back to the present."""
        self._dynamodb.delete_item(TableName=self._table, Key=KEY)


def _offset(item: dict[str, Any]) -> int:
    return int(item.get("offset_seconds", {}).get("N", "0"))


def _table(account: Account, stack_name: str) -> str:
    stack = account.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    if "TestClockTable" not in outputs:
        raise Failure(f"{stack_name} has no test clock: its time cannot be moved.")
    return str(outputs["TestClockTable"])
