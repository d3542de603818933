"""Where moto and MiniStack answer otherwise than AWS documents. The fake follows AWS.

Each is met by the random calls of test_dynamo.py; what differs in a single call only is a rule in
test_rules.py.
"""

from __future__ import annotations

from tests.simulation.conformance.backends import Outcome
from tests.simulation.conformance.operations import Call

FULL_PAGE = "a full page says where it ended, even if nothing comes after it"
"""API reference, Query, LastEvaluatedKey: "If LastEvaluatedKey is not empty, it does not
necessarily mean that there is more data in the result set." AWS and MiniStack stop at the limit
without looking on; moto looks on."""

TOKEN_IGNORED = "a transaction's token is known for ten minutes"
"""API reference, TransactWriteItems, ClientRequestToken. moto does not look at it: it does the
transaction again, and takes another one under the same token."""

TOKEN_FORGOT = "a transaction's token is compared with what was sent"
"""MiniStack remembers the request by reference and changes the items in it when they are updated,
so a true repetition is IdempotentParameterMismatchException there."""

ACTION_CANCELS = "an action that cannot be applied cancels its transaction"
"""API reference, TransactWriteItems, CancellationReasons: "Validation Error: … The provided
expression refers to an attribute that does not exist in the item". moto answers
ValidationException instead."""


def known(other: str, call: Call, ours: Outcome, theirs: Outcome, *, again: bool) -> str | None:
    """The difference that this is. `again`: the call's token was there before."""
    if other == "moto":
        return _moto(call, ours, theirs, again=again)
    if again and ours[0] == "ok" and theirs[1] == "IdempotentParameterMismatchException":
        return TOKEN_FORGOT
    return None


def leaves_traces(other: str, *, again: bool) -> bool:
    """Whether the tables may differ now although the answers did not."""
    return other == "moto" and again


def _moto(call: Call, ours: Outcome, theirs: Outcome, *, again: bool) -> str | None:
    if call[0] == "query" and _same_but_end(call, ours, theirs):
        return FULL_PAGE
    if again and (ours == ("ok", {}) or ours[1] == "IdempotentParameterMismatchException"):
        return TOKEN_IGNORED
    if theirs[1] == "ValidationException" and ours[1] == "TransactionCanceledException":
        codes = [code for code, _ in ours[2]["CancellationReasons"]]
        return ACTION_CANCELS if "ValidationError" in codes else None
    return None


def _same_but_end(call: Call, ours: Outcome, theirs: Outcome) -> bool:
    if ours[0] != "ok" or theirs[0] != "ok" or "Limit" not in call[1]:
        return False
    mine = {name: value for name, value in ours[1].items() if name != "LastEvaluatedKey"}
    return "LastEvaluatedKey" in ours[1] and bool(theirs[1] == mine)
