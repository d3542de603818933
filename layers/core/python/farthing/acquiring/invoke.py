"""The way to `charge`: one Lambda invoke, never repeated by the SDK.

The invoke outlives the function's time limit, a cold start aside; the lease outlives both. An error
of the function, a timeout or anything unexpected is UNKNOWN: the acquirer may have been asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
)

from farthing.acquiring.port import NOT_SENT, UNKNOWN, Answer, LookUp, LookUpFailed
from farthing.payments.operation import Address

INVOKE_TIMEOUT_SECONDS = 22
_REFUSED_BEFORE_RUNNING = frozenset(
    {"TooManyRequestsException", "ResourceNotFoundException", "AccessDeniedException"}
)


class Task(StrEnum):
    """What `charge` is asked to do with an operation."""

    SEND = "SEND"
    LOOK_UP = "LOOK_UP"


class Found(StrEnum):
    """What a look-up came to. That the acquirer has nothing is something else than not to know."""

    FOUND = "FOUND"
    NOT_FOUND = "NOT_FOUND"
    FAILED = "FAILED"


def look_up_to_item(look: Callable[[], LookUp]) -> dict[str, Any]:
    """A look-up as it goes back to the caller."""
    try:
        answer = look().answer
    except LookUpFailed:
        return {"found": Found.FAILED.value, "answer": None}
    if answer is None:
        return {"found": Found.NOT_FOUND.value, "answer": None}
    return {"found": Found.FOUND.value, "answer": answer.to_item()}


def look_up_from_item(item: Mapping[str, Any]) -> LookUp:
    """A look-up as it came back. Raises LookUpFailed, or KeyError or ValueError for nonsense."""
    match Found(item["found"]):
        case Found.FOUND:
            return LookUp(Answer.from_item(item["answer"]))
        case Found.NOT_FOUND:
            return LookUp()
        case Found.FAILED:
            raise LookUpFailed


@dataclass(frozen=True)
class ChargeFunction:
    """The `charge` function, by name. `client` must not retry, and must wait 22 seconds."""

    client: Any
    function_name: str

    def send(self, address: Address) -> Answer:
        """Send once. NOT_SENT only if Lambda refused to run the function at all."""
        try:
            return Answer.from_item(self._invoke(Task.SEND, address))
        except (EndpointConnectionError, ConnectTimeoutError):
            return NOT_SENT
        except ClientError as error:
            refused = error.response["Error"]["Code"] in _REFUSED_BEFORE_RUNNING
            return NOT_SENT if refused else UNKNOWN
        except (BotoCoreError, LookUpFailed, ValueError, KeyError, TypeError):
            return UNKNOWN

    def look_up(self, address: Address) -> LookUp:
        """What the acquirer says of the operation's reference. Raises LookUpFailed."""
        try:
            return look_up_from_item(self._invoke(Task.LOOK_UP, address))
        except (BotoCoreError, ClientError, ValueError, KeyError, TypeError) as error:
            raise LookUpFailed from error

    def _invoke(self, task: Task, address: Address) -> dict[str, Any]:
        answer = self.client.invoke(
            FunctionName=self.function_name,
            InvocationType="RequestResponse",
            Payload=json.dumps({"task": task.value, "operation": str(address)}).encode(),
        )
        if answer.get("FunctionError"):
            raise LookUpFailed(answer["FunctionError"])
        document: dict[str, Any] = json.loads(answer["Payload"].read())
        return document
