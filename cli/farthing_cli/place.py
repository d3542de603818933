"""One stack as its operator reaches it: the local one, or one in AWS under their own
credentials."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from farthing.store.errors import StoreBusy
from farthing.store.scope import SystemScope
from farthing.store.table import DynamoStore
from farthing.vault.rotation import RotationRefused
from farthing_cli import state
from farthing_cli.aws import Account, own_client
from farthing_cli.clock import TestClock
from farthing_cli.failure import Failure

READ_TIMEOUT_SECONDS = 75
"""Longer than a function that is called by hand may run."""


@dataclass(frozen=True)
class Place:
    """A stack's name, clients for its account, and how far its test clock is ahead."""

    stack_name: str
    client: Callable[[str], Any]
    ahead: timedelta = timedelta()

    @classmethod
    def of(cls, stack_name: str | None) -> Place:
        """A stack in AWS, or the running local one. Raises Failure if there is none."""
        if stack_name is not None:
            return cls(stack_name, lambda service: own_client(service, READ_TIMEOUT_SECONDS))
        running = state.running()
        account = Account.of(running)
        ahead = timedelta(seconds=TestClock(account, running.stack_name).offset_seconds())
        client = lambda service: account.client(service, READ_TIMEOUT_SECONDS)  # noqa: E731
        return cls(running.stack_name, client, ahead)

    def now(self) -> datetime:
        """The present, as the functions see it."""
        return datetime.now(UTC) + self.ahead

    def output(self, name: str) -> str:
        """What the stack's template gives out. Raises Failure if it does not."""
        stacks = self.client("cloudformation").describe_stacks(StackName=self.stack_name)["Stacks"]
        for output in stacks[0].get("Outputs", []):
            if output["OutputKey"] == name:
                return str(output["OutputValue"])
        raise Failure(f"{self.stack_name} gives out no {name}: deploy the present template.")

    def access(self) -> DynamoStore:
        """The table of merchants, API keys and the vault's keys."""
        return DynamoStore(
            self.client("dynamodb"),
            {"access": self.output("AccessTable")},
            SystemScope(),
            sleep=time.sleep,
            chance=random.random,
            new_token=lambda: uuid.uuid4().hex,
        )

    def setting_of(self, function: str, name: str) -> str:
        """A setting of a function as it is deployed now. Raises Failure while that changes."""
        found = self.client("lambda").get_function_configuration(
            FunctionName=f"{self.stack_name}-{function}"
        )
        if found.get("LastUpdateStatus", "Successful") != "Successful":
            raise Failure(f"{function} is being deployed: try again when that is done.")
        return str(found["Environment"]["Variables"][name])


@contextmanager
def in_words() -> Iterator[None]:
    """What AWS and the rules refuse, told as a Failure."""
    try:
        yield
    except RotationRefused as refused:
        raise Failure(f"Refused: {one_line(refused)}.") from None
    except StoreBusy:
        raise Failure("The table is busy. Nothing was changed; try again.") from None
    except ClientError as error:
        raise Failure(one_line(error.response["Error"].get("Message") or error)) from None
    except BotoCoreError as error:
        raise Failure(one_line(error)) from None


def one_line(text: object) -> str:
    """A text without its line breaks."""
    return " ".join(str(text).split())
