"""The way to `charge`: one Lambda invoke, never repeated by the SDK.

The invoke outlives the function's time limit, a cold start aside; the lease outlives both. An error
of the function, a timeout or anything unexpected is UNKNOWN: the acquirer may have been asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
)

from farthing.acquiring.answer import NOT_SENT, UNKNOWN, Answer
from farthing.acquiring.dispute import NOT_ANSWERED, PERHAPS_ANSWERED, Answered, Case
from farthing.acquiring.port import (
    Books,
    Found,
    LookUp,
    LookUpFailed,
    Reversal,
    Transaction,
    TransactionPage,
    Undone,
)
from farthing.disputes.answer import AnswerAddress
from farthing.network_tokens.on_file import MethodAddress
from farthing.network_tokens.port import TokenState
from farthing.payments.address import Address
from farthing.store import TenantScope

INVOKE_TIMEOUT_SECONDS = 22
_REFUSED_BEFORE_RUNNING = frozenset(
    {"TooManyRequestsException", "ResourceNotFoundException", "AccessDeniedException"}
)
_NO_ANSWER = (BotoCoreError, ClientError, ValueError, KeyError, TypeError)


class Task(StrEnum):
    """What `charge` is asked to do."""

    SEND = "SEND"
    LOOK_UP = "LOOK_UP"
    REVERSE = "REVERSE"
    LIST = "LIST"
    FORGET_CVC = "FORGET_CVC"
    REENCRYPT = "REENCRYPT"
    TEND = "TEND"
    FIND_DISPUTE = "FIND_DISPUTE"
    ANSWER_DISPUTE = "ANSWER_DISPUTE"


FAILED = "FAILED"


def look_up_to_item(look: Callable[[], LookUp]) -> dict[str, Any]:
    """A look-up as it goes back to the caller."""
    try:
        found = look()
    except LookUpFailed:
        return {"found": FAILED, "as_of": None, "answer": None}
    answer = found.answer.to_item() if found.answer else None
    return {"found": found.found.value, "as_of": found.as_of, "answer": answer}


def look_up_from_item(item: Mapping[str, Any]) -> LookUp:
    """A look-up as it came back. Raises LookUpFailed, or KeyError or ValueError for nonsense."""
    if item["found"] == FAILED:
        raise LookUpFailed
    answer = Answer.from_item(item["answer"]) if item["answer"] else None
    return LookUp(Found(item["found"]), item["as_of"], answer)


def page_to_item(read: Callable[[], TransactionPage]) -> dict[str, Any]:
    """A page of the books as it goes back to the caller."""
    try:
        page = read()
    except LookUpFailed:
        return {"found": FAILED}
    transactions = [one.to_item() for one in page.transactions]
    return {"found": Found.FOUND.value, "transactions": transactions, "next": page.next}


def page_from_item(item: Mapping[str, Any]) -> TransactionPage:
    """A page as it came back. Raises LookUpFailed, or KeyError or ValueError for nonsense."""
    if item["found"] == FAILED:
        raise LookUpFailed
    return TransactionPage(tuple(map(Transaction.from_item, item["transactions"])), item["next"])


def case_to_item(look: Callable[[], Case | None]) -> dict[str, Any]:
    """A dispute as it goes back to the caller."""
    try:
        case = look()
    except LookUpFailed:
        return {"found": FAILED}
    return {"found": Found.FOUND.value, "case": case.to_item() if case else None}


def case_from_item(item: Mapping[str, Any]) -> Case | None:
    """A dispute as it came back. Raises LookUpFailed, or KeyError or ValueError for nonsense."""
    if item["found"] == FAILED:
        raise LookUpFailed
    return Case.from_item(item["case"]) if item["case"] else None


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
        except (*_NO_ANSWER, LookUpFailed):
            return UNKNOWN

    def look_up(self, address: Address) -> LookUp:
        """What the acquirer says of the operation's reference. Raises LookUpFailed."""
        try:
            return look_up_from_item(self._invoke(Task.LOOK_UP, address))
        except _NO_ANSWER as error:
            raise LookUpFailed from error

    def reverse(self, address: Address) -> Reversal:
        """Undo the operation's authorization, as its row says was decided."""
        try:
            item = self._invoke(Task.REVERSE, address)
            return Reversal(Undone(item["undone"]), item["as_of"])
        except (*_NO_ANSWER, LookUpFailed):
            return Reversal(Undone.UNKNOWN)

    def forget_cvc(self, address: Address) -> None:
        """Have the CVC of what is never sent again deleted. One that stays is unreadable after its
        time, so nothing that breaks here is worth an outcome."""
        with suppress(*_NO_ANSWER, LookUpFailed):
            self._invoke(Task.FORGET_CVC, address)

    def transactions(self, books: Books, since: str, after: str | None) -> TransactionPage:
        """A page of the acquirer's books. Raises LookUpFailed."""
        payload = {"task": Task.LIST.value, **books.to_item(), "since": since, "after": after}
        try:
            return page_from_item(self._call(payload))
        except _NO_ANSWER as error:
            raise LookUpFailed from error

    def tend(self, method: MethodAddress) -> TokenState | None:
        """Do what is to be done about a method's network token; None if nobody can say."""
        try:
            item = self._call({"task": Task.TEND.value, "method": str(method)})
            return TokenState.from_item(item["token"]) if item["token"] else None
        except (*_NO_ANSWER, LookUpFailed):
            return None

    def find_dispute(self, tenant: TenantScope, connector: str, reference: str) -> Case | None:
        """A dispute as its acquirer has it; None if it has none. Raises LookUpFailed."""
        books = Books(connector, tenant.mode, tenant.merchant_id)
        asked = {"task": Task.FIND_DISPUTE.value, **books.to_item(), "reference": reference}
        try:
            return case_from_item(self._call(asked))
        except _NO_ANSWER as error:
            raise LookUpFailed from error

    def answer_dispute(self, address: AnswerAddress) -> Answered:
        """Send the answer at `address`. NOT_SENT only if nothing left this side."""
        asked = {"task": Task.ANSWER_DISPUTE.value, "answer": str(address)}
        try:
            return Answered.from_item(self._call(asked))
        except (EndpointConnectionError, ConnectTimeoutError):
            return NOT_ANSWERED
        except ClientError as error:
            refused = error.response["Error"]["Code"] in _REFUSED_BEFORE_RUNNING
            return NOT_ANSWERED if refused else PERHAPS_ANSWERED
        except (*_NO_ANSWER, LookUpFailed):
            return PERHAPS_ANSWERED

    def _invoke(self, task: Task, address: Address) -> dict[str, Any]:
        return self._call({"task": task.value, "operation": str(address)})

    def _call(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.client.invoke(
            FunctionName=self.function_name,
            InvocationType="RequestResponse",
            Payload=json.dumps(payload).encode(),
        )
        if answer.get("FunctionError"):
            raise LookUpFailed(answer["FunctionError"])
        document: dict[str, Any] = json.loads(answer["Payload"].read())
        return document
