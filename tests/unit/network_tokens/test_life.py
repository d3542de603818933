"""A network token from the first charge to the end of its card: provisioned once, told, deleted."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from farthing import runtime
from farthing.acquiring.sandbox import NoByteSent, NoUsableAnswer
from farthing.clock import from_text, later
from farthing_sandbox.token_rules import number_of
from tests.support.lambdas import MERCHANT, Context, event_of, load
from tests.support.stack import DECLINED, Exchanged
from tests.unit.network_tokens.conftest import (
    ANSWER_LOST,
    NO_TOKEN,
    REPLACED,
    SUSPENDED,
    Shop,
    reference_of,
)
from tests.unit.payments.test_sender import failing

PROVISIONING = ("POST", "/token_service/v1/tokens")


def issued(method_id: str) -> str:
    """The number of a method's token."""
    return number_of(b"tokens-secret", reference_of(method_id))


def now() -> datetime:
    """The present instant of the stack's clock."""
    runtime.begin(Context())
    return runtime.clock().now()


def hint(shop: Shop, method_id: str) -> None:
    """Somebody says that something became of a token."""
    shop.stack.looks.sent.append((0, {"method": f"{MERCHANT}/test/{method_id}"}))
    assert shop.work_off() == []


def set_at_the_service(method_id: str, status: str) -> None:
    """An issuer acts, and nobody is told."""
    boto3.client("dynamodb").update_item(
        TableName="SandboxTable",
        Key={"pk": {"S": f"TOKEN#{reference_of(method_id)}"}, "sk": {"S": "TOKEN"}},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": {"S": status}},
    )


def counting(patch: pytest.MonkeyPatch, operation: str) -> list[str]:
    """Each call of an AWS operation from now on."""
    real, seen = BaseClient._make_api_call, list[str]()

    def call(client: Any, name: str, parameters: dict[str, Any]) -> Any:
        if name == operation:
            seen.append(name)
        return real(client, name, parameters)

    patch.setattr(BaseClient, "_make_api_call", call)
    return seen


def test_a_saved_card_gets_a_token_after_its_first_charge_and_nobody_waited_for_it(
    shop: Shop,
) -> None:
    # Given a saved card, which is charged
    method_id = shop.save()
    assert shop.row(method_id).keys().isdisjoint({"network_token", "due_pk"})
    assert shop.pay(method_id).status == 201
    # Then nothing was asked of the token service, and nothing is shown
    assert PROVISIONING not in shop.stack.acquirer.requests
    assert shop.token_of(method_id) is None
    # When the tick has passed
    shop.tick()
    # Then there is a token, its merchant is told, and nobody looks any more
    shown = shop.shown(method_id)
    assert shown["network_token"]["status"] == "ACTIVE"
    (event,) = shop.events(method_id)
    assert event["type"]["S"] == "payment_method.updated"
    assert (event["sequence"]["N"], event["version"]["N"]) == ("1", "1")
    told = {name: next(iter(value.values())) for name, value in event["object"]["M"].items()}
    assert told["method_id"] == method_id and told["is_default"] is True
    assert told["network_token"]["status"] == {"S": "ACTIVE"}
    assert set(told) == set(shown)
    assert shop.row(method_id).keys().isdisjoint({"due_pk", "due_at", "network_token_tries"})
    shop.tick()
    assert shop.stack.acquirer.requests.count(PROVISIONING) == 1


def test_its_number_is_sealed_and_shown_nowhere(shop: Shop) -> None:
    method_id = shop.with_token()
    (sealed,) = shop.vault("network_token")
    assert sealed["sk"]["S"] == "NETWORK_TOKEN"
    assert {"envelope", "exp_month", "exp_year", "token", "merchant_id"} <= sealed.keys()
    number = issued(method_id)
    dynamo = boto3.client("dynamodb")
    for table in dynamo.list_tables()["TableNames"]:
        assert number not in str(dynamo.scan(TableName=table)["Items"]), table
    invoked = json.dumps([shop.stack.charge.invocations, shop.stack.looks.sent])
    assert number not in invoked


def test_a_card_is_opened_for_it_behind_an_audit_row(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    method_id = shop.charged()
    # Given that no audit row can be written, Then nothing is decrypted and nothing is sent
    with monkeypatch.context() as patch:
        failing(patch, "PutItem", table="AUDIT")
        decrypts = counting(patch, "Decrypt")
        shop.tick()
    assert decrypts == [] and PROVISIONING not in shop.stack.acquirer.requests
    # When it can be again, Then there is one for the turn that opened the card
    shop.stack.advance(61)
    shop.tick()
    rows = [row for row in shop.vault("audit") if row["reference"]["S"] == reference_of(method_id)]
    assert [(row["fence"]["N"], row["purpose"]["S"]) for row in rows] == [("2", "PROVISION")]
    assert shop.token_of(method_id) == "ACTIVE"


def test_one_turn_opens_a_card_once(shop: Shop) -> None:
    """Given an invocation that Lambda runs twice, the card is opened and sent by one of them."""
    method_id = shop.charged()
    shop.tick()
    told = next(one for one in shop.stack.charge.invocations if one["task"] == "TEND")
    shop.stack.acquirer.requests.clear()
    row = {name: shop.row(method_id)[name] for name in ("pk", "sk")}
    boto3.client("dynamodb").update_item(
        TableName="PaymentsTable",
        Key=row,
        UpdateExpression="SET network_token = :p",
        ExpressionAttributeValues={":p": {"S": "PENDING"}},
    )
    assert load("charge").handler(told, Context()) == {"token": None}
    assert shop.stack.acquirer.requests == []


@pytest.mark.parametrize("lost", [NoByteSent, NoUsableAnswer])
def test_what_is_lost_on_the_way_is_asked_again_later_and_makes_one_token(
    shop: Shop, lost: type[Exception]
) -> None:
    method_id = shop.charged()

    # Given a service that cannot be reached, or whose answers are lost
    def lose(method: str, path: str, answer: Exchanged) -> Exchanged:
        raise lost

    shop.stack.acquirer.after = lose
    shop.tick()
    # Then it is unknown, which is not refused, and comes up again after a while
    assert shop.token_of(method_id) is None
    row = shop.row(method_id)
    assert (row["network_token"]["S"], row["network_token_tries"]["N"]) == ("PENDING", "1")
    assert row["due_at"]["S"] > row["created_at"]["S"]
    shop.stack.acquirer.after = lambda method, path, answer: answer
    shop.tick()
    assert shop.token_of(method_id) == "ACTIVE"
    # And the token that was made at first is the one that is used
    assert len(shop.vault("network_token")) == 1
    assert shop.via(shop.pay(method_id)) == [("NETWORK_TOKEN", "APPROVED")]


def test_the_number_whose_first_answer_is_lost_has_a_token_in_the_end(shop: Shop) -> None:
    method_id = shop.charged(ANSWER_LOST)
    shop.tick()
    assert shop.token_of(method_id) is None
    shop.stack.advance(61)
    shop.tick()
    assert shop.token_of(method_id) == "ACTIVE"


def test_tries_that_come_to_nothing_come_less_and_less_often(shop: Shop) -> None:
    method_id = shop.charged()

    def refuse(method: str, path: str) -> None:
        raise NoByteSent

    shop.stack.acquirer.before = refuse
    waits = []
    for _ in range(8):
        shop.tick()
        row = shop.row(method_id)
        wait = from_text(row["due_at"]["S"]) - now()
        waits.append(round(wait.total_seconds() / 60))
        shop.stack.advance(int(wait.total_seconds()) + 1)
    assert waits == [1, 5, 30, 120, 720, 1440, 1440, 1440]


def test_an_issuer_that_gives_none_is_not_asked_again(shop: Shop) -> None:
    method_id = shop.charged(NO_TOKEN)
    shop.tick()
    assert shop.token_of(method_id) == "REFUSED"
    assert len(shop.events(method_id)) == 1
    asked = len(shop.stack.acquirer.requests)
    hint(shop, method_id)
    shop.stack.advance(3 * 86_400)
    shop.tick()
    assert len(shop.stack.acquirer.requests) == asked
    assert shop.via(shop.pay(method_id)) == [("CARD", "APPROVED")]


def test_a_card_that_was_declined_gets_none(shop: Shop) -> None:
    method_id = shop.save(DECLINED)
    assert shop.pay(method_id).status == 402
    shop.tick()
    assert "network_token" not in shop.row(method_id)


def test_a_card_that_is_used_once_gets_none(shop: Shop) -> None:
    shop.stack.pay()
    shop.tick()
    assert PROVISIONING not in shop.stack.acquirer.requests


def test_a_card_that_was_saved_before_there_were_tokens_gets_one_at_its_next_charge(
    shop: Shop,
) -> None:
    method_id = shop.charged()
    row = {name: shop.row(method_id)[name] for name in ("pk", "sk")}
    boto3.client("dynamodb").update_item(
        TableName="PaymentsTable", Key=row, UpdateExpression="REMOVE network_token, due_pk, due_at"
    )
    shop.tick()
    assert shop.token_of(method_id) is None
    assert shop.pay(method_id).status == 201
    shop.tick()
    assert shop.token_of(method_id) == "ACTIVE"


# --- the issuer acts -----------------------------------------------------------------------------


def test_a_replaced_card_shows_its_new_face_and_its_merchant_is_told(shop: Shop) -> None:
    method_id = shop.with_token(REPLACED)
    before = shop.shown(method_id)
    shop.issuers_act()
    after = shop.shown(method_id)
    assert (after["last_four"], after["exp_month"], after["exp_year"]) == ("0137", 12, 2034)
    assert after["network_token"]["status"] == "ACTIVE"
    changed = {name for name in after if after[name] != before[name]}
    assert changed - {"network_token"} == {"last_four", "exp_year"}
    first, second = shop.events(method_id)
    assert second["sequence"]["N"] == "2"
    assert second["object"]["M"]["last_four"] == {"S": "0137"}
    assert first["object"]["M"]["last_four"] == {"S": "0129"}


def test_by_token_a_replaced_card_is_charged_and_by_number_it_is_declined(shop: Shop) -> None:
    method_id = shop.with_token(REPLACED)
    shop.issuers_act()
    assert shop.via(shop.pay(method_id)) == [("NETWORK_TOKEN", "APPROVED")]
    # Given the same card saved anew, without a token so far
    other = shop.charged(REPLACED)
    declined = shop.pay(other)
    assert declined.body["payment_intent"]["decline"]["reason_code"] == "EXPIRED_CARD"
    assert shop.via(declined) == [("CARD", "DECLINED")]


def test_a_suspended_token_does_not_pay_and_is_looked_at_every_day(shop: Shop) -> None:
    method_id = shop.with_token(SUSPENDED)
    shop.issuers_act()
    assert shop.token_of(method_id) == "SUSPENDED"
    assert shop.via(shop.pay(method_id)) == [("CARD", "APPROVED")]
    row = shop.row(method_id)
    assert from_text(row["due_at"]["S"]) > from_text(later(now(), seconds=86_000))
    # When nothing was told of its end, Then it is found
    set_at_the_service(method_id, "ACTIVE")
    shop.stack.advance(86_401)
    shop.tick()
    assert shop.token_of(method_id) == "ACTIVE"
    assert [e["object"]["M"]["network_token"]["M"]["status"]["S"] for e in shop.events(method_id)][
        1:
    ] == ["SUSPENDED", "ACTIVE"]


def test_a_token_that_its_issuer_deleted_is_gone_here_too(shop: Shop) -> None:
    method_id = shop.with_token()
    set_at_the_service(method_id, "DELETED")
    hint(shop, method_id)
    assert shop.token_of(method_id) == "DELETED"
    assert shop.vault("network_token") == []
    assert shop.via(shop.pay(method_id)) == [("CARD", "APPROVED")]


def test_a_message_about_nothing_new_tells_nobody(shop: Shop) -> None:
    method_id = shop.with_token()
    for _ in range(2):
        hint(shop, method_id)
    assert len(shop.events(method_id)) == 1
    assert "due_pk" not in shop.row(method_id)


def test_a_number_that_the_vault_lost_is_asked_for_again(shop: Shop) -> None:
    method_id = shop.with_token()
    (row,) = shop.vault("network_token")
    key = {name: row[name] for name in ("pk", "sk")}
    boto3.client("dynamodb").delete_item(TableName="VaultTable", Key=key)
    # When it is to pay, Then the number of the card pays, and somebody sees to the token
    assert shop.via(shop.pay(method_id)) == [("CARD", "APPROVED")]
    shop.work_off()
    assert len(shop.vault("network_token")) == 1
    assert shop.via(shop.pay(method_id)) == [("NETWORK_TOKEN", "APPROVED")]


# --- the method is deleted -----------------------------------------------------------------------


def test_a_deleted_method_leaves_no_token_behind(shop: Shop) -> None:
    method_id = shop.with_token()
    assert shop.delete(method_id).status == 200
    assert shop.at_the_service(method_id)["status"] == "ACTIVE"
    shop.tick()
    assert shop.at_the_service(method_id)["status"] == "DELETED"
    assert shop.vault("network_token") == []
    row = shop.row(method_id)
    assert row["network_token"]["S"] == "DELETED" and "due_pk" not in row
    assert len(shop.events(method_id)) == 1


def test_a_card_that_expired_long_ago_leaves_no_token_behind(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a saved card with a token; when it has been expired for months, and its row is closed;
    then its token is deleted, and nobody tries to get another one, however often it is heard of."""
    monkeypatch.setenv("EXPIRED_CARD_MONTHS", "2")
    method_id = shop.with_token()
    event, context = event_of("vault_purge.schedule"), Context(remaining_milliseconds=300_000)
    shop.stack.advance(6 * 366 * 24 * 60 * 60)
    assert load("vault_purge").handler(event, context)["closed"] == 1
    shop.tick()
    assert shop.at_the_service(method_id)["status"] == "DELETED"
    assert shop.vault("network_token") == []
    audited = len(shop.vault("audit"))
    hint(shop, method_id)
    row = shop.row(method_id)
    assert row["network_token"]["S"] == "DELETED" and "due_pk" not in row
    assert len(shop.vault("audit")) == audited


def test_what_cannot_be_deleted_now_is_deleted_later(shop: Shop) -> None:
    method_id = shop.with_token()
    shop.delete(method_id)

    def refuse(method: str, path: str) -> None:
        raise NoByteSent

    shop.stack.acquirer.before = refuse
    shop.tick()
    assert shop.row(method_id)["network_token"]["S"] == "ACTIVE"
    assert len(shop.vault("network_token")) == 1
    shop.stack.acquirer.before = lambda method, path: None
    shop.stack.advance(61)
    shop.tick()
    assert shop.at_the_service(method_id)["status"] == "DELETED"
    assert shop.vault("network_token") == []


def test_a_method_that_was_deleted_before_it_had_a_token_gets_none_any_more(shop: Shop) -> None:
    # Given a provisioning whose answer was lost, and a method that is deleted then
    method_id = shop.charged(ANSWER_LOST)
    shop.tick()
    shop.delete(method_id)
    shop.tick()
    # Then the token that was made is deleted, and one that would still arrive is none
    assert shop.at_the_service(method_id)["status"] == "DELETED"
    assert shop.vault("network_token") == []
    assert shop.row(method_id)["network_token"]["S"] == "DELETED"


def test_a_method_without_a_token_is_deleted_and_nobody_is_asked(shop: Shop) -> None:
    method_id = shop.save()
    shop.delete(method_id)
    assert "due_pk" not in shop.row(method_id)
    shop.tick()
    assert shop.stack.acquirer.requests == []
