"""A CVC goes as soon as its authorization is never sent again, on every way to that end."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from farthing import runtime
from farthing.acquiring.sandbox import NoUsableAnswer
from farthing.payments.operation import Operation
from farthing.store.item import item_from_wire
from farthing.vault.envelope import TokenRef
from farthing.vault.rows import CVC_LIFE_SECONDS, cvc_key
from tests.support import lambdas
from tests.support.lambdas import Context, load
from tests.support.stack import ANSWER_NEVER_COMES, DECLINED, Stack
from tests.unit.payments.test_asking import address_of, decide, mark_as_asked, state_of
from tests.unit.payments.test_recovery import by_hand, follow, lost, not_idempotent

__all__ = ["not_idempotent"]

TENANT = lambdas.principal().tenant


def has_cvc(token: str) -> bool:
    return runtime.system_store().get(cvc_key(TokenRef(TENANT, token))) is not None


def charge(task: str, address: str) -> dict[str, Any]:
    event = {"task": task, "operation": address}
    answer: dict[str, Any] = load("charge").handler(event, Context(remaining_milliseconds=20_000))
    return answer


@pytest.mark.parametrize("number", ["4242424242424242", DECLINED])
def test_an_answer_ends_it(stack: Stack, number: str) -> None:
    token = stack.token(number)
    stack.pay(token=token)
    assert not has_cvc(token)


def test_what_was_not_sent_may_be_tried_with_it_again(stack: Stack) -> None:
    body = {"amount_cents": 100, "currency": "eur", "confirm": True, "token": stack.token()}

    def refused(moment: str) -> None:
        raise EndpointConnectionError(endpoint_url="x")

    stack.charge.fail = refused
    assert stack.post("payment_intents", body, key="k").status == 503
    assert state_of(stack, "AUTHORIZE") == "NOT_SENT" and has_cvc(body["token"])
    assert charge("FORGET_CVC", address_of(stack, "AUTHORIZE")) == {"forgotten": False}
    stack.charge.fail = lambda moment: None
    assert stack.post("payment_intents", body, key="k").status == 201
    assert not has_cvc(body["token"])


def test_what_is_not_known_keeps_it_until_a_look_finds_it(stack: Stack) -> None:
    token = stack.token(ANSWER_NEVER_COMES)
    stack.pay(token=token)
    assert has_cvc(token)
    assert charge("FORGET_CVC", address_of(stack, "AUTHORIZE")) == {"forgotten": False}
    follow(stack, 10)
    assert state_of(stack, "AUTHORIZE") == "APPROVED" and not has_cvc(token)


def test_a_resend_has_it_and_ends_it(stack: Stack) -> None:
    lost(stack, "/v1/authorizations", times=1)
    token = stack.token()
    stack.pay(token=token)
    assert has_cvc(token)
    follow(stack, 30)
    assert state_of(stack, "AUTHORIZE") == "APPROVED" and not has_cvc(token)
    (_, body) = [one for one in stack.charge.invocations if one["task"] == "SEND"]
    assert body["operation"] == address_of(stack, "AUTHORIZE")


def test_a_reversal_ends_it_whatever_the_acquirer_says(not_idempotent: Stack) -> None:
    """Given a charge that was lost, and reversals of which nothing is heard."""
    stack = not_idempotent
    lost(stack, "/v1/authorizations")
    token = stack.token()
    stack.pay(token=token)
    before = stack.acquirer.before

    def silent(method: str, path: str) -> None:
        if path == "/v1/reversals":
            assert not has_cvc(token)
            raise NoUsableAnswer
        before(method, path)

    stack.acquirer.before = silent
    follow(stack, 60)
    (row,) = stack.items("operation")
    assert row["state"]["S"] == "UNKNOWN" and "reversal_at" in row
    assert not has_cvc(token)


def test_proven_absence_ends_it(not_idempotent: Stack) -> None:
    stack = not_idempotent
    lost(stack, "/v1/authorizations")
    token = stack.token()
    stack.pay(token=token)
    follow(stack, 300)
    assert state_of(stack, "AUTHORIZE") == "ABSENT" and not has_cvc(token)


@pytest.mark.parametrize("outcome", ["APPROVED", "ABSENT"])
def test_a_persons_decision_ends_it(stack: Stack, outcome: str) -> None:
    # Given an acquirer that cannot tell, and so a person is asked
    token = stack.token()

    def silent(method: str, path: str) -> None:
        raise NoUsableAnswer

    stack.acquirer.before = silent
    stack.pay(token=token)
    (row,) = stack.items("operation")
    address = address_of(stack, "AUTHORIZE")
    stack.advance(120)
    mark_as_asked(row)
    by_hand(operation=address)
    assert has_cvc(token)
    # When they decide, when nothing can be on its way any more
    stack.advance(700)
    assert decide(address, outcome)["state"] == outcome
    # Then it is deleted, before its time
    assert not has_cvc(token)
    assert CVC_LIFE_SECONDS > 120 + 700


def test_a_decision_stands_when_the_cvc_cannot_be_deleted(stack: Stack) -> None:
    token = stack.token()

    def silent(method: str, path: str) -> None:
        raise NoUsableAnswer

    stack.acquirer.before = silent
    stack.pay(token=token)
    (row,) = stack.items("operation")
    address = address_of(stack, "AUTHORIZE")
    mark_as_asked(row)
    stack.advance(120)
    by_hand(operation=address)
    stack.advance(700)

    def broken(moment: str) -> None:
        if stack.charge.invocations[-1]["task"] == "FORGET_CVC":
            raise ClientError({"Error": {"Code": "ServiceException"}}, "Invoke")

    stack.charge.fail = broken
    assert decide(address, "ABSENT")["state"] == "ABSENT"
    assert has_cvc(token)


@pytest.mark.parametrize(
    ("changes", "never"),
    [
        ({"state": "OPEN"}, False),
        ({"state": "UNKNOWN"}, False),
        ({"state": "NOT_SENT"}, False),
        ({"state": "APPROVED"}, True),
        ({"state": "DECLINED"}, True),
        ({"state": "ABSENT"}, True),
        ({"state": "UNKNOWN", "reversal_at": "2026-11-22T09:00:00.000Z"}, True),
        ({"state": "UNKNOWN", "requires_decision": True}, True),
    ],
)
def test_when_an_authorization_is_never_sent_again(
    stack: Stack, changes: dict[str, Any], never: bool
) -> None:
    token = stack.token()
    stack.pay(token=token)
    (row,) = stack.items("operation")
    operation = Operation.from_item(item_from_wire(row) | {"reversal_at": None} | changes)
    assert operation.is_never_sent_again is never


def test_nobody_is_told_anything_of_an_operation_that_is_not_there(stack: Stack) -> None:
    part = "01m817tr88cas1byw96gkvdt72"
    address = f"{lambdas.MERCHANT}/test/pi_{part}/op_{part}"
    assert charge("FORGET_CVC", address) == {"forgotten": False}
    rows = boto3.client("dynamodb").scan(TableName="VaultTable")["Items"]
    assert rows == []
