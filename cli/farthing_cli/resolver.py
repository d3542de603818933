"""The function that looks into unknown outcomes, called by hand.

    {}                                     what the schedule does every minute
    {"operation": address}                 look into one operation now
    {"show": address}                      what is known of it
    {"list": true}                         what is unresolved
    {"since": time, "after": …, "apply": …,
     "connector": …, "mode": …, "merchant_id": …}
                                           an acquirer's books against ours, page by page
    {"decide": {…}}                        a person's decision, kept for the audit

It runs on the local stack, or with `--stack` on one in AWS under the user's own credentials: after
a restore it is there that it is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from farthing.acquiring.port import Books
from farthing_cli import state
from farthing_cli.aws import Account, own_client
from farthing_cli.clock import TestClock
from farthing_cli.failure import Failure

FUNCTION = "resolve_unknown"
READ_TIMEOUT_SECONDS = 75
"""Longer than the function may run."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Resolver:
    """`resolve_unknown` of one stack. `ahead` is how far its test clock is moved."""

    client: Any
    function_name: str
    ahead: timedelta = timedelta()

    @classmethod
    def of(cls, stack_name: str | None) -> Resolver:
        """That of a stack in AWS, or of the running local one. Raises Failure if there is none."""
        if stack_name is not None:
            return cls(own_client("lambda", READ_TIMEOUT_SECONDS), f"{stack_name}-{FUNCTION}")
        running = state.running()
        account = Account.of(running)
        ahead = timedelta(seconds=TestClock(account, running.stack_name).offset_seconds())
        client = account.client("lambda", READ_TIMEOUT_SECONDS)
        return cls(client, f"{running.stack_name}-{FUNCTION}", ahead)

    def now(self) -> datetime:
        """The present, as the functions see it."""
        return datetime.now(UTC) + self.ahead

    def tick(self) -> Row:
        """What the schedule does."""
        return self._call({})

    def resolve(self, address: str) -> Row:
        """Look into one operation now."""
        return self._call({"operation": address})

    def show(self, address: str) -> Row:
        """What is known of one operation."""
        return self._call({"show": address})

    def unresolved(self) -> list[Row]:
        """Every operation whose outcome nobody knows."""
        return list(self._call({"list": True})["rows"])

    def decide(self, address: str, outcome: str, by: str, reason: str) -> Row:
        """Write down what a person found out."""
        decision = {"operation": address, "outcome": outcome, "by": by, "reason": reason}
        return self._call({"decide": decision})

    def restore(self, since: str, books: Books, *, apply: bool) -> Iterator[list[Row]]:
        """What the acquirer did since then and what became of it here, a page at a time."""
        after, asked = None, {"since": since, "apply": apply, **books.to_item()}
        while True:
            page = self._call({**asked, "after": after})
            yield list(page["rows"])
            if page["next"] is None:
                return
            if page["next"] == after:
                raise Failure(f"{FUNCTION} does not get past {after}.")
            after = page["next"]

    def _call(self, event: Row) -> Row:
        try:
            answer = self.client.invoke(
                FunctionName=self.function_name, Payload=json.dumps(event).encode()
            )
        except ReadTimeoutError:
            raise Failure(f"{self.function_name} is still at work; look at its log.") from None
        except ClientError as error:
            raise Failure(_one_line(error.response["Error"].get("Message", error))) from None
        except BotoCoreError as error:
            raise Failure(_one_line(error)) from None
        result: Row = json.load(answer["Payload"])
        if "FunctionError" in answer:
            message = _one_line(result.get("errorMessage", result))
            if message == event.get("operation"):
                raise Failure(f"There is no operation {message}.")
            raise Failure(f"{FUNCTION} failed: {message}")
        if "error" in result:
            raise Failure(f"Refused: {_one_line(result['error'])}")
        return result


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
