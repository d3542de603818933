"""The demo shop: what its server asks for, and when it sends something."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from farthing import runtime
from farthing.access.issue import open_account
from farthing_cli.emulator import any_free_port
from farthing_cli.failure import Failure
from farthing_cli.shop import Backend, Merchant, Shop
from tests.support.lambdas import MERCHANT, call
from tests.support.stack import Stack
from tests.unit.checkout.conftest import Counter

MERCHANTS = Merchant("http://api", "http://tokens", "sk_test_secret", "pk_test_public")


@pytest.fixture
def backend(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """The shop's server on the stack of this process."""
    open_account(runtime.system_store(), MERCHANT, "Shop", [], runtime.clock().now())
    monkeypatch.setenv("CHECKOUT_ALLOW_LOOPBACK", "true")

    def ask(
        self: Backend, method: str, path: str, body: Any = None, *, key: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        path, _, text = path.partition("?")
        query = dict(pair.split("=") for pair in text.split("&")) if text else None
        answer = call(path.split("/")[2], method, path, body, key=key, query=query)
        return answer.status, answer.body

    monkeypatch.setattr(Backend, "ask", ask)
    return Backend(MERCHANTS, "http://127.0.0.1:8082")


def pay(stack: Stack, session: dict[str, Any]) -> None:
    counter = Counter(stack, {session["session_id"]: session["url"].split("#")[1]})
    assert counter.pay(session["session_id"]).status == 200


def test_an_order_is_one_session_however_often_it_is_asked_for(backend: Backend) -> None:
    order = backend.order("cup", "2")
    assert order is not None
    status, session = backend.checkout(order)
    assert (status, session["amount_cents"]) == (201, 4400)
    assert session["metadata"] == {"order": order.number}
    assert backend.checkout(order) == (status, session)


@pytest.mark.parametrize(("product", "quantity"), [("car", "1"), ("cup", "0"), ("cup", "21")])
def test_what_is_not_sold_is_no_order(backend: Backend, product: str, quantity: str) -> None:
    assert backend.order(product, quantity) is None
    assert backend.order("cup", "-1") is None
    assert backend.orders == {}


def test_an_order_is_sent_by_what_the_api_says_and_not_by_who_comes_back(
    stack: Stack, backend: Backend
) -> None:
    order = backend.order("kettle", "1")
    assert order is not None
    _, session = backend.checkout(order)
    # Given a browser that opens the success page without having paid
    shown, _ = backend.came_back(session["session_id"])
    assert shown is not None and shown["status"] == "OPEN"
    assert not order.sent
    pay(stack, session)
    backend.came_back(session["session_id"])
    assert order.sent


def test_who_comes_back_with_nothing_gets_nothing(backend: Backend) -> None:
    for asked in ("", "cs_1", "../customers", "cs_00000000000000000000000000"):
        assert backend.came_back(asked) == (None, [])


def test_a_token_of_the_fields_in_its_own_page_pays(stack: Stack, backend: Backend) -> None:
    order = backend.order("sencha", "1")
    assert order is not None
    status, intent = backend.charge(order, stack.token())
    assert (status, intent["status"], intent["amount_cents"]) == (201, "SUCCEEDED", 1450)
    assert order.sent
    refused = backend.order("sencha", "1")
    assert refused is not None
    assert backend.charge(refused, "tok_none")[0] == 400
    assert not refused.sent


# --- its pages -----------------------------------------------------------------------------------


@pytest.fixture
def shop(backend: Backend) -> Iterator[Shop]:
    opened = Shop(any_free_port())
    opened.open(MERCHANTS)
    yield opened
    opened.close()


def ask(shop: Shop, method: str, path: str, **form: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection(shop.url.removeprefix("http://"), timeout=30)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request(method, path, urlencode(form) if form else None, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, dict(answer.headers), text


def test_a_buyer_is_sent_to_the_page_of_a_session(shop: Shop, stack: Stack) -> None:
    status, headers, _ = ask(shop, "POST", "/buy", product="cup", quantity="3")
    assert status == 303
    assert "/checkout/cs_" in headers["Location"] and "#ck_test_" in headers["Location"]
    assert ask(shop, "POST", "/buy", product="car")[0] == 404
    assert ask(shop, "POST", "/elsewhere", product="cup")[0] == 404


def test_the_success_page_says_what_the_api_says(shop: Shop, stack: Stack) -> None:
    _, headers, _ = ask(shop, "POST", "/buy", product="cup")
    url = headers["Location"]
    session_id = url.split("#")[0].rsplit("/", 1)[1]
    _, _, before = ask(shop, "GET", f"/thanks?session={session_id}")
    assert '<b id="status">OPEN</b>' in before
    pay(stack, {"session_id": session_id, "url": url})
    _, _, after = ask(shop, "GET", f"/thanks?session={session_id}")
    assert '<b id="status">PAID</b>' in after and "on its way" in after
    assert "No such order" in ask(shop, "GET", "/thanks?session=<script>")[2]
    assert "<script>" not in ask(shop, "GET", "/thanks?session=<script>")[2]


@pytest.mark.parametrize("path", ["/", "/?cancelled", "/thanks", "/direct", "/direct.js"])
def test_the_secret_key_is_in_no_page(shop: Shop, path: str) -> None:
    status, _, text = ask(shop, "GET", path)
    assert status == 200
    assert MERCHANTS.secret_key not in text


def test_the_card_fields_are_loaded_with_their_hash(shop: Shop) -> None:
    _, _, text = ask(shop, "GET", "/direct")
    assert 'src="http://tokens/fields/v1/fields-' in text and 'integrity="sha384-' in text
    assert MERCHANTS.publishable_key in text


@pytest.mark.parametrize("path", ["/page.html", "/../dev.py", "/nothing.js", "/shop.css/"])
def test_only_its_own_files_are_served(shop: Shop, path: str) -> None:
    assert ask(shop, "GET", path)[0] == 404
    assert ask(shop, "GET", "/shop.css")[0] == 200


def test_a_token_pays_by_its_page(shop: Shop, stack: Stack) -> None:
    status, _, text = ask(shop, "POST", "/direct", product="sencha", token=stack.token())
    assert (status, json.loads(text)["status"]) == (201, "SUCCEEDED")


def test_too_much_is_refused(shop: Shop) -> None:
    assert ask(shop, "POST", "/buy", product="x" * 20_000)[0] == 413


def test_a_taken_port_is_said(shop: Shop) -> None:
    with pytest.raises(Failure, match="taken"):
        Shop(int(shop.url.rsplit(":", 1)[1]))
