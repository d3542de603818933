"""Sending again by hand: deliveries and events, and what they meet on their way."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from farthing import runtime
from farthing.errors import FarthingError
from farthing.webhooks import deliver, endpoints, resend
from farthing.webhooks.delivery_row import delivery_of
from farthing.webhooks.ports import Answer, DeliveryMessage
from tests.support.lambdas import OTHER_MERCHANT, call
from tests.unit.webhooks.world import LockedClient, World, event_row, rows_of


@pytest.fixture(autouse=True)
def _stack(queue_url: str) -> None:
    """Tables and a queue."""


def one(world: World, *answers: int) -> tuple[str, str, DeliveryMessage]:
    """An endpoint's delivery after attempts with these answers, and its message."""
    endpoint = world.endpoint()
    world.sender.script = list(answers)
    (message,) = world.publish(event_row(1, 1))
    for _ in answers:
        world.deliver(message)
        world.clock.move(days=1)
    world.queue.take()
    return endpoint.endpoint_id, message.delivery_id, message


def only() -> Any:
    (row,) = rows_of("delivery")
    return delivery_of(row)


def again(world: World, endpoint_id: str, delivery_id: str) -> list[DeliveryMessage]:
    resend.resend_delivery(world.endpoint_services(), endpoint_id, delivery_id)
    return world.queue.take()


@pytest.mark.parametrize("answers", [(200,), (500,) * 10], ids=["SUCCEEDED", "EXHAUSTED"])
def test_one_that_is_over_is_sent_again_in_a_round_of_its_own(
    world: World, answers: tuple[int, ...]
) -> None:
    endpoint_id, delivery_id, _ = one(world, *answers)
    world.sender.script = [500, 200]
    (message,) = again(world, endpoint_id, delivery_id)
    assert only().status == "PENDING"
    assert world.deliver(message).status == "FAILED"
    world.clock.move(minutes=2)
    assert world.deliver(message).status == "SUCCEEDED"
    ids = {headers["webhook-id"] for _, headers, _ in world.sender.posts}
    assert ids == {event_row(1, 1)["event_id"]}
    assert len(world.sender.posts) == len(answers) + 2


def test_one_that_waits_is_sent_now(world: World) -> None:
    endpoint_id, delivery_id, _ = one(world, 500, 500)
    world.clock.move(days=-1)
    (message,) = again(world, endpoint_id, delivery_id)
    assert world.deliver(message).status == "SUCCEEDED"
    assert len(world.sender.posts) == 3


def test_one_that_is_being_sent_is_not_sent_beside(world: World) -> None:
    endpoint_id, delivery_id, message = one(world)
    refused: list[FarthingError] = []

    def post(url: str, headers: Any, body: bytes) -> Answer:
        with pytest.raises(FarthingError) as error:
            again(world, endpoint_id, delivery_id)
        refused.append(error.value)
        assert resend.resend_event(world.endpoint_services(), event_row(1, 1)["event_id"]) == []
        return Answer(200, None, 1)

    world.sender.instead = post
    assert world.deliver(message).status == "SUCCEEDED"
    assert [error.code.code for error in refused] == ["conflict"]
    assert world.queue.take() == []


def test_asked_twice_at_once_it_begins_one_round(world: World) -> None:
    """Given two that have read a delivery that is over; when both ask; then one is told no."""
    endpoint_id, delivery_id, _ = one(world, 200)
    read = rows_of("delivery")[0]
    services = world.endpoint_services()

    class Stale:
        def get(self, key: Any) -> Any:
            return read if key.sk == "DELIVERY" else services.store.get(key)

        def write(self, *writes: Any) -> None:
            services.store.write(*writes)

    again(world, endpoint_id, delivery_id)
    stale = endpoints.Services(**{**vars(services), "store": Stale()})
    with pytest.raises(FarthingError) as error:
        resend.resend_delivery(stale, endpoint_id, delivery_id)
    assert error.value.code.code == "conflict"
    assert world.queue.take() == []


def test_an_automatic_try_and_one_by_hand_at_once_send_once(world: World) -> None:
    """Given a retry that is due and a resend; when the workers of both have read before either
    claims; then one attempt is made."""
    endpoint_id, delivery_id, message = one(world, 500)
    (by_hand,) = again(world, endpoint_id, delivery_id)
    both_have_read, lock = threading.Barrier(2), threading.Lock()
    base = runtime.client("dynamodb")

    class Waiting(LockedClient):
        def __getattr__(self, name: str) -> Any:
            call = super().__getattr__(name)

            def read_and_wait(**arguments: Any) -> Any:
                answer = call(**arguments)
                both_have_read.wait(timeout=10)
                return answer

            return read_and_wait if name == "batch_get_item" else call

    services = world.deliver_services(Waiting(base, lock))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda each: deliver.deliver(services, each), [message, by_hand]))
    assert len(world.sender.posts) == 2
    assert only().status == "SUCCEEDED"


def test_a_resend_does_not_undo_what_an_attempt_found(world: World) -> None:
    """Given a resend that has read a waiting delivery; when the automatic try succeeds before the
    resend writes; then the success stands."""
    endpoint_id, delivery_id, message = one(world, 500)
    services = world.endpoint_services()

    class Overtaken:
        def get(self, key: Any) -> Any:
            found = services.store.get(key)
            if key.sk == "DELIVERY":
                world.deliver(message)
            return found

        def write(self, *writes: Any) -> None:
            services.store.write(*writes)

    late = endpoints.Services(**{**vars(services), "store": Overtaken()})
    with pytest.raises(FarthingError) as error:
        resend.resend_delivery(late, endpoint_id, delivery_id)
    assert error.value.code.code == "conflict"
    assert only().status == "SUCCEEDED"


def test_what_the_queue_loses_the_due_index_has(world: World) -> None:
    endpoint_id, delivery_id, _ = one(world, 200)
    failures: list[Exception] = []

    class Refusing:
        def send(self, *messages: Any, **more: Any) -> None:
            raise OSError

    services = endpoints.Services(
        **{
            **vars(world.endpoint_services()),
            "queue": Refusing(),
            "log_failure": failures.append,
        }
    )
    assert resend.resend_delivery(services, endpoint_id, delivery_id).due_at is not None
    assert [type(failure) for failure in failures] == [OSError]
    assert rows_of("delivery")[0]["due_pk"].startswith("DELIVERY#")


def test_an_event_goes_again_to_all_that_subscribe_and_to_who_never_had_it(world: World) -> None:
    """Given an endpoint that had the event, one made later, one of other types, one that is off."""
    first = world.endpoint()
    row = event_row(1, 1)
    world.deliver(*world.publish(row))
    second, silent, off = world.endpoint(), world.endpoint("refund.*"), world.endpoint()
    endpoints.update(world.endpoint_services(), off.endpoint_id, {"enabled": False})
    path = f"/v1/events/{row['event_id']}/resend"
    answer = call("events", "POST", path)
    assert answer.status == 200
    assert {one["endpoint_id"] for one in answer.body["data"]} == {
        first.endpoint_id,
        second.endpoint_id,
    }
    explicit = call("events", "POST", path, {"endpoint_id": silent.endpoint_id})
    assert [one["endpoint_id"] for one in explicit.body["data"]] == [silent.endpoint_id]
    refused = call("events", "POST", path, {"endpoint_id": off.endpoint_id})
    assert (refused.status, refused.body["code"]) == (409, "endpoint_disabled")
    assert len(rows_of("delivery")) == 3


def test_what_is_not_there_cannot_be_sent_again(world: World) -> None:
    endpoint_id, delivery_id, _ = one(world, 200)
    other = world.endpoint()
    event_id = event_row(1, 1)["event_id"]
    here = f"/v1/webhook_endpoints/{endpoint_id}/deliveries/{delivery_id}/resend"
    asked: list[tuple[str, str, Any, dict[str, Any]]] = [
        ("webhook_endpoints", here, None, {"merchant_id": OTHER_MERCHANT}),
        ("webhook_endpoints", here.replace(endpoint_id, other.endpoint_id), None, {}),
        ("webhook_endpoints", here.replace(delivery_id, "dlv_" + "0" * 26), None, {}),
        ("webhook_endpoints", here.replace(delivery_id, "x"), None, {}),
        ("events", f"/v1/events/{event_id}/resend", None, {"merchant_id": OTHER_MERCHANT}),
        ("events", f"/v1/events/evt_{'0' * 26}/resend", None, {}),
        ("events", f"/v1/events/{event_id}/resend", {"endpoint_id": "we_1"}, {}),
    ]
    for function, path, body, more in asked:
        answer = call(function, "POST", path, body, **more)
        assert (answer.status, answer.body["code"]) == (404, "not_found"), path
    assert only().status == "SUCCEEDED"


def test_to_an_endpoint_that_is_off_nothing_is_sent_again(world: World) -> None:
    endpoint_id, delivery_id, _ = one(world, 200)
    endpoints.update(world.endpoint_services(), endpoint_id, {"enabled": False})
    path = f"/v1/webhook_endpoints/{endpoint_id}/deliveries/{delivery_id}/resend"
    answer = call("webhook_endpoints", "POST", path)
    assert (answer.status, answer.body["code"]) == (409, "endpoint_disabled")
    assert only().status == "SUCCEEDED"


def test_over_the_api_a_delivery_is_shown_as_it_waits(world: World) -> None:
    endpoint_id, delivery_id, _ = one(world, 200)
    path = f"/v1/webhook_endpoints/{endpoint_id}/deliveries/{delivery_id}/resend"
    answer = call("webhook_endpoints", "POST", path)
    assert (answer.status, answer.body["status"]) == (200, "PENDING")
    assert call("webhook_endpoints", "POST", path, {"x": 1}).status == 400
