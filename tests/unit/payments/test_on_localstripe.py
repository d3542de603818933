"""The whole path of external mode before a server that somebody else wrote.

Its fields give a token; our functions take it, charge, capture and refund it; its webhooks come
back over HTTP, and are verified and followed up.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest

from farthing import runtime
from farthing.acquiring.exchange import Exchanged, NoUsableAnswer
from farthing.acquiring.port import Kind
from farthing.acquiring.stripe.form import encode
from tests.support.lambdas import MERCHANT, Context, load
from tests.support.stack import Stack
from tests.support.stripe.localstripe import Documented, Server, running
from tests.support.stripe.stack import WEBHOOK_SECRET, OnStripe, start_on
from tests.support.stripe.wire import booked

pytestmark = pytest.mark.localstripe

ARRIVES_WITHIN_SECONDS = 15.0


@dataclass
class Inbox:
    """Where localstripe posts its webhooks, as an endpoint of ours would be."""

    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def wait_for(self, type_: str, count: int = 1) -> list[tuple[dict[str, str], bytes]]:
        """The messages of a type, once there are so many."""
        until = time.monotonic() + ARRIVES_WITHIN_SECONDS
        while time.monotonic() < until:
            found = [one for one in self.came if json.loads(one[1])["type"] == type_]
            if len(found) >= count:
                return found
            time.sleep(0.05)
        raise AssertionError(f"no {type_} came")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as made:
        yield made


@pytest.fixture
def inbox(server: Server) -> Iterator[Inbox]:
    made = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.came.append(({n: v for n, v in self.headers.items()}, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    made.url = f"http://127.0.0.1:{listening.server_port}/"
    server.send_webhooks_to(made.url, WEBHOOK_SECRET)
    yield made
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture
def shop(stack: Stack, server: Server, monkeypatch: pytest.MonkeyPatch) -> OnStripe:
    return start_on(stack, Documented(server.raw()), monkeypatch)


def typed(server: Server, number: str = "4242424242424242") -> str:
    """What localstripe's own fields give for a card: its token."""
    card = {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123"}
    body = encode({"type": "card", "card": card}).encode()
    status, raw, _ = server.raw()("POST", "/v1/payment_methods", body, 5)
    assert status == 200, raw
    id_: str = json.loads(raw)["id"]
    return id_


def receive(message: tuple[dict[str, str], bytes]) -> int:
    """A message as API Gateway hands it to acquirer_webhooks; the status of its answer."""
    path = f"/v1/acquirer_webhooks/stripe/{MERCHANT}/test"
    event = {
        "path": path,
        "httpMethod": "POST",
        "headers": message[0],
        "multiValueHeaders": {name: [value] for name, value in message[0].items()},
        "queryStringParameters": None,
        "requestContext": {"requestId": "req-1", "path": path, "httpMethod": "POST"},
        "body": message[1].decode(),
        "isBase64Encoded": False,
    }
    status: int = load("acquirer_webhooks").handler(event, Context())["statusCode"]
    return status


def follow_up() -> list[dict[str, str]]:
    """What waits in the queue, through acquirer_events; what comes again."""
    url = runtime.setting("ACQUIRER_EVENTS_QUEUE_URL")
    found = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    records = [{"messageId": one["MessageId"], "body": one["Body"]} for one in found["Messages"]]
    failures: list[dict[str, str]] = load("acquirer_events").handler(
        {"Records": records}, Context()
    )["batchItemFailures"]
    return failures


def lose(shop: OnStripe, ending: str) -> None:
    """The next answer to a request that ends so never comes."""
    beyond: Callable[..., Exchanged] = shop.wire.beyond

    def silent(method: str, path: str, *more: Any) -> Exchanged:
        answer = beyond(method, path, *more)
        if path.endswith(ending):
            shop.wire.beyond = beyond  # type: ignore[assignment]
            raise NoUsableAnswer
        return answer

    shop.wire.beyond = silent  # type: ignore[assignment]


def test_a_token_pays_is_captured_refunded_and_told_of(
    shop: OnStripe, server: Server, inbox: Inbox
) -> None:
    # Given a card typed into the acquirer's fields
    token = shop.token(typed(server))
    # When it is held, captured in part, and a part of that is refunded
    held = shop.pay(1000, token=token, capture_method="MANUAL")
    assert held.status == 201, held.text
    intent_id = held.body["intent_id"]
    captured = shop.capture(intent_id, amount_cents=600)
    refunded = shop.refund(intent_id, amount_cents=250)
    # Then ours and theirs agree
    assert (captured.status, captured.body["status"]) == (200, "SUCCEEDED")
    assert (refunded.status, refunded.body["status"]) == (201, "SUCCEEDED")
    assert booked(shop.wire.beyond, intent_id, Kind.CAPTURE) == [600]
    assert booked(shop.wire.beyond, intent_id, Kind.REFUND) == [250]
    # And its webhook is believed, and finds nothing to do
    (message,) = inbox.wait_for("payment_intent.succeeded")
    assert receive(message) == 200
    assert follow_up() == []
    # And no card number came to us at all
    for table in ("VaultTable", "PaymentsTable"):
        rows = json.dumps(boto3.client("dynamodb").scan(TableName=table)["Items"], default=str)
        assert "4242424242424242" not in rows


def test_a_webhook_that_was_changed_on_the_way_is_refused(
    shop: OnStripe, server: Server, inbox: Inbox
) -> None:
    assert shop.pay(token=shop.token(typed(server))).status == 201
    headers, body = inbox.wait_for("payment_intent.succeeded")[0]
    assert receive((headers, body.replace(b"1000", b"9999"))) == 401
    assert receive((headers, body)) == 200


def test_a_charge_whose_answer_was_lost_is_adopted_when_it_is_told_of(
    shop: OnStripe, server: Server, inbox: Inbox
) -> None:
    # Given a charge of which nobody knows
    lose(shop, "/confirm")
    first = shop.pay(700, token=shop.token(typed(server)))
    assert first.status == 202
    # When its webhook comes
    (message,) = inbox.wait_for("payment_intent.succeeded")
    assert receive(message) == 200
    assert follow_up() == []
    # Then it is known, and was charged once
    shown = shop.stack.get(f"payment_intents/{first.body['intent_id']}")
    assert shown.body["status"] == "SUCCEEDED"
    assert booked(shop.wire.beyond, first.body["intent_id"], Kind.AUTHORIZE) == [700]


def test_a_lost_refund_is_found_and_not_given_twice(shop: OnStripe, server: Server) -> None:
    paid = shop.pay(900, token=shop.token(typed(server))).body["intent_id"]
    lose(shop, "/refunds")
    refund = shop.refund(paid, amount_cents=400)
    assert refund.status == 202
    shop.stack.advance(61)
    shown = shop.stack.get(f"refunds/{refund.body['refund_id']}")
    assert shown.body["status"] == "SUCCEEDED"
    assert booked(shop.wire.beyond, paid, Kind.REFUND) == [400]


def test_held_money_is_given_back(shop: OnStripe, server: Server) -> None:
    held = shop.pay(token=shop.token(typed(server)), capture_method="MANUAL").body["intent_id"]
    cancelled = shop.post(f"payment_intents/{held}/cancel")
    assert cancelled.body["status"] == "CANCELLED"
    assert booked(shop.wire.beyond, held, Kind.VOID) == [1000]


def test_a_declined_card_is_declined(shop: OnStripe, server: Server) -> None:
    answer = shop.pay(token=shop.token(typed(server, "4000000000000341")))
    assert answer.status == 402
    assert answer.body["payment_intent"]["decline"]["reason_code"] == "DO_NOT_HONOR"


def test_a_saved_card_is_charged_again_as_a_customers(shop: OnStripe, server: Server) -> None:
    acquirer_token = typed(server)
    method_id = shop.saved(shop.token(acquirer_token))
    for number in range(2):
        assert shop.pay(payment_method_id=method_id, key=f"k{number}").status == 201
    _, raw, _ = server.raw()("GET", f"/v1/payment_methods/{acquirer_token}", None, 5)
    assert json.loads(raw)["customer"].startswith("cus_")
