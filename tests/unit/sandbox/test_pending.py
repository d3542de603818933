"""Refunds that end later: the message, the webhook, and what can go wrong with either."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from farthing_sandbox import acquirer, runtime
from farthing_sandbox.notices import Undelivered
from tests.unit.sandbox.conftest import QUEUE_URL, SECRETS
from tests.unit.sandbox.settling import submit, sums
from tests.unit.sandbox.test_http import event

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.unit.sandbox.conftest import Client

PENDS = "4000009900000087"
SECRET = SECRETS["webhooks"].encode()


class Receiver(HTTPServer):
    """Takes webhooks on loopback, and answers as it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.status = 200
        self.got: list[tuple[bytes, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def facts(self) -> list[Any]:
        """What was told, each with a good signature."""
        return [Webhook(SECRET).verify(body, headers) for body, headers in self.got]


class Taking(BaseHTTPRequestHandler):
    """One request."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((body, dict(self.headers.items())))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", self.server.url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that says 200."""
    server = Receiver()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages come at once."""
    monkeypatch.setattr(acquirer, "REFUND_PENDING_SECONDS", 0)


def register(client: Client, url: str) -> dict[str, Any]:
    return client.send("PUT", "/v1/webhook_endpoint", {"url": url})


def pending(client: Client, **fields: Any) -> dict[str, Any]:
    """A pending refund of 600 of a charge of 1000, as it was asked for."""
    charge = client.authorize(PENDS, capture=True)
    body = client.following("refund", charge, amount_cents=600, **fields)
    assert client.ask("/v1/refunds", body)["status"] == "PENDING"
    return body


def test_a_pending_refund_takes_its_amount_and_shows_nothing(client: Client) -> None:
    # Given a pending refund
    charge = client.authorize(PENDS, capture=True)
    body = client.following("refund", charge, amount_cents=600)
    first = client.ask("/v1/refunds", body)
    assert first["status"] == "PENDING" and first["decline_code"] is None
    # Then nothing has moved, and less is left
    assert [row[0] for row in client.books(order_id=charge["order_id"])] == ["AUTHORIZE", "CAPTURE"]
    assert client.books(reference=body["reference"]) == []
    assert client.follow("refund", charge, amount_cents=401)["decline_code"] == "13"
    assert client.reverse(charge) == "REFUSED"
    # and a look-up, the list and a repeat say that it is pending, however late it is
    client.move_clock(3600)
    assert client.look_up(body["reference"])["status"] == "PENDING"
    listed = {row["reference"]: row["status"] for row in client.list_operations()["data"]}
    assert listed[body["reference"]] == "PENDING"
    assert client.ask("/v1/refunds", body) == first


def test_its_end_is_put_off_by_ten_seconds(client: Client) -> None:
    pending(client)
    queue = runtime.client("sqs").get_queue_attributes(QueueUrl=QUEUE_URL, AttributeNames=["All"])
    assert queue["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"
    assert client.messages() == []


@pytest.mark.usefixtures("soon")
def test_it_ends_and_the_client_is_told(client: Client, receiver: Receiver) -> None:
    # Given somebody who wants to know, and a pending refund
    said = json.loads(register(client, receiver.url)["body"])
    assert said == {"url": receiver.url, "batches": False}
    body = pending(client, merchant_reference="mer-1")
    # When its time comes
    [message] = client.messages()
    assert client.wake(message) == []
    # Then it is approved everywhere
    assert client.look_up(body["reference"])["status"] == "APPROVED"
    assert client.books(reference=body["reference"]) == [("REFUND", 600, "APPROVED")]
    # and was told of, with a signature
    [fact] = receiver.facts()
    assert fact["type"] == "refund.updated"
    assert fact["created_at"].endswith("Z")
    assert fact["data"] == {
        "reference": body["reference"],
        "order_id": body["order_id"],
        "merchant_reference": "mer-1",
        "operation": "REFUND",
        "status": "APPROVED",
    }
    [(raw, headers)] = receiver.got
    assert headers["webhook-id"] == fact["id"]
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(raw.replace(b"600", b"601") + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(b"another secret").verify(raw, headers)


@pytest.mark.usefixtures("soon")
def test_a_message_that_comes_twice_ends_it_once_and_tells_the_same(
    client: Client, receiver: Receiver
) -> None:
    register(client, receiver.url)
    pending(client)
    [message] = client.messages()
    assert client.wake(message, message) == []
    client.move_clock(60)
    assert client.wake(message) == []
    assert len(receiver.facts()) == 3
    assert len({raw for raw, _ in receiver.got}) == 1
    rows = [row for row in client.stored() if row.get("ended_at", {}).get("S")]
    assert len(rows) == 1


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("status", [302, 304, 400, 500, 503])
def test_a_failed_post_makes_the_message_come_again(
    client: Client, receiver: Receiver, status: int
) -> None:
    # Given a receiver that fails for now, and two refunds
    register(client, receiver.url)
    bodies = [pending(client), pending(client)]
    messages = client.messages()
    receiver.status = status
    # When the messages come, then both come again, and no redirect is followed
    assert client.wake(*messages) == [message["messageId"] for message in messages]
    assert len(receiver.got) == 2
    # though the refunds have ended
    assert [client.look_up(body["reference"])["status"] for body in bodies] == ["APPROVED"] * 2
    # and then all is well
    receiver.status = 204
    assert client.wake(*messages) == []


@pytest.mark.usefixtures("soon")
def test_one_that_fails_does_not_hold_up_the_others(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted: list[bytes] = []

    def post(self: Any, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        if not posted:
            posted.append(body)
            raise Undelivered("HTTP 500")
        posted.append(body)

    monkeypatch.setattr(runtime.Surroundings, "post", post)
    register(client, "http://127.0.0.1:9/hook")
    pending(client)
    pending(client)
    first, second = client.messages()
    assert client.wake(first, second) == [first["messageId"]]
    assert len(posted) == 2


@pytest.mark.usefixtures("soon")
def test_nobody_there_to_be_told(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    # Given no endpoint: the refund ends, and the log says that nobody was told
    body = pending(client)
    [message] = client.messages()
    assert client.wake(message) == []
    assert client.look_up(body["reference"])["status"] == "APPROVED"
    assert "nobody has said where to post" in caplog.text
    # Given one at which nobody listens: the message comes again
    closed = Receiver()
    closed.server_close()
    register(client, closed.url)
    assert client.wake(message) == [message["messageId"]]


def test_a_message_that_overtakes_its_refund_comes_again(client: Client) -> None:
    due = event("refund_due")["Records"]
    assert client.wake(*due) == [due[0]["messageId"]]
    assert client.stored() == []


@pytest.mark.usefixtures("soon")
def test_a_message_for_nothing_does_no_harm(client: Client, receiver: Receiver) -> None:
    # Given the message of a request that lost to an equal one, and of one that was declined then
    register(client, receiver.url)
    body = pending(client)
    [message] = client.messages()
    loser = json.loads(message["body"])
    loser["entry"] = loser["entry"][:-4] + "beef"
    declined = client.ask("/v1/refunds", body | {"reference": "too-much", "amount_cents": 999})
    [row] = [i for i in client.stored() if i["pk"]["S"] == "REF#too-much"]
    refused = {"entry": row["entry"]["S"], "order_id": body["order_id"], "reference": "too-much"}
    # Then neither ends anything, nor is it told
    for due in (loser, refused):
        assert client.wake({"messageId": "m", "body": json.dumps(due)}) == []
    assert client.look_up(body["reference"])["status"] == "PENDING"
    assert client.look_up("too-much")["status"] == declined["status"] == "DECLINED"
    assert receiver.got == []


@pytest.mark.parametrize("body", ["", "{}", '{"order_id":"o","entry":"x","reference":"r"}'])
def test_a_message_that_is_none_is_not_dropped(client: Client, body: str) -> None:
    assert client.wake({"messageId": "m", "body": body}) == ["m"]


def test_the_message_is_there_before_the_refund(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a request that dies when it has sent its message
    charge = client.authorize(PENDS, capture=True)
    body = client.following("refund", charge)
    with monkeypatch.context() as dying:
        dying.setattr(acquirer, "REFUND_PENDING_SECONDS", 0)
        dying.setattr(
            "farthing_sandbox.books.Books.record",
            lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt),
        )
        with pytest.raises(KeyboardInterrupt):
            client.ask("/v1/refunds", body)
    # Then nothing is booked, its message comes again, and a repeat is as good as new
    [message] = client.messages()
    assert client.wake(message) == [message["messageId"]]
    assert client.ask("/v1/refunds", body)["status"] == "PENDING"
    assert client.wake(message) == []


def test_without_a_queue_it_stays_pending_and_the_log_says_so(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("SANDBOX_QUEUE_URL")
    body = pending(client)
    assert "there is no SANDBOX_QUEUE_URL" in caplog.text
    client.move_clock(3600)
    assert client.look_up(body["reference"])["status"] == "PENDING"


@pytest.mark.usefixtures("soon")
def test_a_settlement_pays_a_refund_only_when_it_has_ended(client: Client) -> None:
    body = pending(client)
    [message] = client.messages()
    for name, paid in (("before", 0), ("after", -600)):
        submit(client, (body["reference"], "REFUND", 600), reference=name)
        assert sums(client, name)[0] == paid
        client.wake(message)


@pytest.mark.usefixtures("soon")
def test_each_refund_of_an_acquirer_that_is_not_idempotent_ends(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_IDEMPOTENT", "false")
    charge = client.authorize(PENDS, capture=True)
    body = client.following("refund", charge, amount_cents=300)
    for _ in range(2):
        assert client.ask("/v1/refunds", body)["status"] == "PENDING"
    assert client.wake(*client.messages()) == []
    rows = client.books(order_id=charge["order_id"])
    assert rows.count(("REFUND", 300, "APPROVED")) == 2


def test_other_charges_are_refunded_at_once(client: Client) -> None:
    charge = client.authorize(PENDS)
    assert client.follow("capture", charge)["status"] == "APPROVED"
    assert client.follow("refund", charge, amount_cents=1001)["status"] == "DECLINED"
    other = client.authorize(capture=True)
    assert client.follow("refund", other)["status"] == "APPROVED"


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"url": ""},
        {"url": "ftp://somewhere/x"},
        {"url": "http://"},
        {"url": "http://a b"},
        {"url": "http://a\n"},
        {"url": 7},
        {"url": "http://a/" + "x" * 500},
        {"url": "http://a", "secret": "x"},
    ],
)
def test_a_bad_endpoint_is_refused(client: Client, bad: dict[str, Any]) -> None:
    answer = client.send("PUT", "/v1/webhook_endpoint", bad)
    assert answer["statusCode"] == 400
    assert client.stored() == []
