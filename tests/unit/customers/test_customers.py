"""POST, GET and LIST /v1/customers."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from farthing import runtime
from tests.support import lambdas
from tests.unit.customers.conftest import Shop

PAN = "4242424242424242"
NOBODY = "cus_01kbe8z4qn7m3xw5rt9vkcd2ha"


def rows() -> list[dict[str, Any]]:
    table = runtime.table_names()["payments"]
    items: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName=table)["Items"]
    return items


def test_a_customer_is_created_and_read(shop: Shop) -> None:
    fields = {
        "email": "ada@example.com",
        "name": "Ada",
        "description": "first",
        "metadata": {"account": "A-1815"},
    }
    answer = shop.call("customers", "POST", "/v1/customers", fields)

    assert answer.status == 201
    assert answer.body["customer_id"].startswith("cus_")
    assert fields.items() <= answer.body.items()
    assert answer.body["default_payment_method_id"] is None
    assert answer.body["livemode"] is False
    assert shop.customer_of(answer.body["customer_id"]) == answer.body


def test_nothing_is_required(shop: Shop) -> None:
    answer = shop.call("customers", "POST", "/v1/customers", {})
    assert answer.status == 201
    assert answer.body["email"] is None
    assert answer.body["metadata"] == {}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"email": "ada"}, "email"),
        ({"email": "a@b\u0000c"}, "email"),
        ({"email": f"{PAN}@example.com"}, "email"),
        ({"email": "a" * 250 + "@example.com"}, "email"),
        ({"email": 7}, "email"),
        ({"name": PAN}, "name"),
        ({"name": "x" * 501}, "name"),
        ({"description": "4242 4242 4242 4242"}, "description"),
        ({"metadata": None}, "metadata"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {"a": {"b": "c"}}}, "metadata.a"),
        ({"metadata": {"": "a"}}, "metadata"),
        ({"metadata": {"a" * 41: "a"}}, "metadata"),
        ({"metadata": {"a": "a" * 501}}, "metadata"),
        ({"metadata": {str(n): "a" for n in range(51)}}, "metadata"),
        ({"metadata": {"card": PAN}}, "metadata"),
        ({"metadata": {PAN: "card"}}, "metadata"),
        ({"metadata": {"a\u0000": "card"}}, "metadata"),
        ({"default_payment_method_id": "pm_1"}, "default_payment_method_id"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_written(
    shop: Shop, fields: dict[str, Any], field: str
) -> None:
    answer = shop.call("customers", "POST", "/v1/customers", fields)
    assert answer.status == 400, answer.text
    assert field in {problem["field"] for problem in answer.body["fields"]}
    assert PAN not in answer.text
    assert rows() == []


@pytest.mark.parametrize(
    "fields", [{"name": "\ud800"}, {"metadata": {"\udc00": "a"}}, {"\ud800": 1}]
)
def test_half_a_character_is_not_json(shop: Shop, fields: dict[str, Any]) -> None:
    answer = shop.call("customers", "POST", "/v1/customers", fields)
    assert (answer.status, answer.body["code"]) == (400, "invalid_json")
    assert rows() == []


def test_a_card_number_has_an_error_of_its_own(shop: Shop) -> None:
    answer = shop.call("customers", "POST", "/v1/customers", {"metadata": {"card": PAN}})
    assert answer.body["code"] == "card_number_in_text"


def test_a_card_number_as_the_name_of_a_wrong_value_does_not_come_back(shop: Shop) -> None:
    answer = shop.call("customers", "POST", "/v1/customers", {"metadata": {PAN: 1}, PAN: 2})
    assert answer.status == 400
    assert PAN not in answer.text


@pytest.mark.parametrize("fits", [{str(n): "a" for n in range(50)}, {"a" * 40: "a" * 500}])
def test_metadata_up_to_its_limits(shop: Shop, fits: dict[str, str]) -> None:
    answer = shop.call("customers", "POST", "/v1/customers", {"metadata": fits})
    assert answer.status == 201
    assert answer.body["metadata"] == fits


def test_a_list_is_newest_first_and_pages_without_gap_or_repeat(shop: Shop) -> None:
    made = sorted((shop.customer() for _ in range(5)), reverse=True)
    seen: list[str] = []
    query = {"limit": "2"}
    while True:
        page = shop.call("customers", "GET", "/v1/customers", query=query).body
        seen += [customer["customer_id"] for customer in page["data"]]
        if not page["has_more"]:
            break
        query = {"limit": "2", "starting_after": seen[-1]}
    assert seen == made


def test_another_merchants_customer_is_as_none(shop: Shop, other_shop: Shop) -> None:
    theirs = other_shop.customer()
    answers = [
        shop.call("customers", "GET", f"/v1/customers/{id_}") for id_ in (theirs, NOBODY, "x%23y")
    ]
    assert {answer.status for answer in answers} == {404}
    assert answers[0].text.replace(theirs, NOBODY) == answers[1].text
    assert shop.call("customers", "GET", "/v1/customers").body == {"data": [], "has_more": False}
    for cursor in (theirs, NOBODY, "x"):
        query = {"starting_after": cursor}
        answer = shop.call("customers", "GET", "/v1/customers", query=query)
        assert (answer.status, answer.body["code"]) == (400, "unknown_cursor")


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {PAN: "1"}])
def test_a_wrong_parameter_is_400(shop: Shop, query: dict[str, str]) -> None:
    answer = shop.call("customers", "GET", "/v1/customers", query=query)
    assert answer.status == 400
    assert PAN not in answer.text


def test_events_are_answered(shop: Shop) -> None:
    app = lambdas.load("customers")
    made = app.handler(lambdas.event_of("customers.create"), lambdas.Context())
    assert made["statusCode"] == 201
    listed = app.handler(lambdas.event_of("customers.list"), lambdas.Context())
    assert listed["statusCode"] == 200
    assert json.loads(listed["body"])["data"] == [json.loads(made["body"])]
