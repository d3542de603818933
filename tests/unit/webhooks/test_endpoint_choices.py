"""What an endpoint may choose: how much of the object, when to try again, how long an old secret
signs."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest

from farthing import runtime
from farthing.webhooks import endpoints
from farthing.webhooks.endpoint import Endpoint
from farthing.webhooks.event import Event
from farthing.webhooks.event_types import EVENT_TYPES
from tests.support.lambdas import Answer, call
from tests.unit.webhooks.world import TENANT, URL, World, event_row, rows_of

PATH = "/v1/webhook_endpoints"


def api(method: str, path: str = PATH, body: Any = None) -> Answer:
    return call("webhook_endpoints", method, path, body)


@pytest.fixture
def made(world: World, queue_url: str) -> dict[str, Any]:
    return api("POST", body={"url": URL, "event_types": ["*"]}).body


def test_without_a_choice_there_are_whole_objects_at_the_usual_times(made: dict[str, Any]) -> None:
    assert (made["payload"], made["retry_delays_seconds"]) == ("FULL", None)


def test_choices_are_kept_changed_and_taken_back(made: dict[str, Any]) -> None:
    path = f"{PATH}/{made['endpoint_id']}"
    chosen = {"payload": "THIN", "retry_delays_seconds": [0, 60, 86_400]}
    changed = api("POST", path, chosen)
    assert changed.status == 200
    assert changed.body.items() >= chosen.items()
    assert api("GET", path).body == changed.body
    (row,) = rows_of("webhook_endpoint")
    assert Endpoint.of(row).retry_delays == (0, 0, 60, 86_400)
    back = {"payload": "FULL", "retry_delays_seconds": None}
    assert api("POST", path, back).body.items() >= back.items()
    another = api("POST", body={"url": URL, "event_types": ["*"], **chosen})
    assert another.body.items() >= chosen.items()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"payload": "thin"}, "payload"),
    ({"payload": None}, "payload"),
    ({"retry_delays_seconds": []}, "retry_delays_seconds"),
    ({"retry_delays_seconds": [1] * 21}, "retry_delays_seconds"),
    ({"retry_delays_seconds": [-1]}, "retry_delays_seconds.0"),
    ({"retry_delays_seconds": [5, 86_401]}, "retry_delays_seconds.1"),
    ({"retry_delays_seconds": [1.5]}, "retry_delays_seconds.0"),
    ({"retry_delays_seconds": ["5"]}, "retry_delays_seconds.0"),
    ({"retry_delays_seconds": [True]}, "retry_delays_seconds.0"),
    ({"retry_delays_seconds": [86_400] * 7 + [1]}, "retry_delays_seconds"),
    ({"retry_delays_seconds": 5}, "retry_delays_seconds"),
]


def test_a_wrong_choice_is_named_and_changes_nothing(made: dict[str, Any]) -> None:
    path = f"{PATH}/{made['endpoint_id']}"
    before = api("GET", path).body
    for wrong, field in WRONG:
        for at, body in ((path, wrong), (PATH, {"url": URL, "event_types": ["*"], **wrong})):
            answer = api("POST", at, body)
            assert answer.status == 400, body
            assert [problem["field"] for problem in answer.body["fields"]] == [field]
    assert api("GET", path).body == before
    assert api("POST", path, {"retry_delays_seconds": [86_400] * 7}).status == 200


def test_a_thin_webhook_names_the_object_and_shows_nothing_of_it(world: World) -> None:
    endpoints.create(world.endpoint_services(), url=URL, event_types=["*"], payload="THIN")
    row = event_row(1, 1)
    world.deliver(*world.publish(row))
    (_, _, body) = world.sender.posts[0]
    assert json.loads(body) == {
        "type": "payment_intent.created",
        "timestamp": row["created_at"],
        "data": {
            "event_id": row["event_id"],
            "sequence": 1,
            "version": 1,
            "object_type": "payment_intent",
            "object_id": row["intent_id"],
        },
    }


IDS = {
    name: f"{name}-1"
    for name in (
        "intent_id", "session_id", "refund_id", "review_id",
        "dispute_id", "method_id", "endpoint_id",
    )
}  # fmt: skip


@pytest.mark.parametrize("type_", EVENT_TYPES)
def test_every_type_has_a_thin_form(type_: str) -> None:
    event = Event("evt_1", type_, "pi_1", 1, "2026-11-22T09:00:00.000Z", 1, IDS)
    named = event.payload(thin=True)["data"]
    assert type_.startswith(f"{named['object_type']}.")
    assert named["object_type"].split("_")[-1] in named["object_id"]


def test_an_endpoint_of_before_there_was_a_choice_still_reads(world: World) -> None:
    endpoint = world.endpoint()
    boto3.client("dynamodb").update_item(
        TableName="WebhooksTable",
        Key={"pk": {"S": TENANT.pk("ENDPOINTS")}, "sk": {"S": endpoint.endpoint_id}},
        UpdateExpression="REMOVE payload, retry_delays, disabled_at",
    )
    assert endpoints.get(world.endpoint_services(), endpoint.endpoint_id) == endpoint


def test_an_old_secret_signs_as_long_as_was_asked(made: dict[str, Any]) -> None:
    path = f"{PATH}/{made['endpoint_id']}/rotate_secret"
    new = api("POST", path, {"overlap_seconds": 604_800}).body["secret"]
    (row,) = rows_of("webhook_endpoint")
    stored, now = Endpoint.of(row), runtime.clock().now()
    week = timedelta(days=7)
    assert stored.signing_secrets(now + week - timedelta(minutes=1)) == [new, made["secret"]]
    assert stored.signing_secrets(now + week) == [new]


def test_a_secret_that_leaked_ends_at_once_with_all_before_it(made: dict[str, Any]) -> None:
    path = f"{PATH}/{made['endpoint_id']}/rotate_secret"
    api("POST", path)
    newest = api("POST", path, {"overlap_seconds": 0}).body["secret"]
    (row,) = rows_of("webhook_endpoint")
    assert Endpoint.of(row).signing_secrets(runtime.clock().now()) == [newest]


@pytest.mark.parametrize("overlap", [-1, 604_801, "0", None, 1.0, True])
def test_a_wrong_overlap_rotates_nothing(made: dict[str, Any], overlap: Any) -> None:
    path = f"{PATH}/{made['endpoint_id']}/rotate_secret"
    answer = api("POST", path, {"overlap_seconds": overlap})
    assert (answer.status, answer.body["fields"][0]["field"]) == (400, "overlap_seconds")
    assert rows_of("webhook_endpoint")[0]["secret"] == made["secret"]


def test_who_turns_off_what_is_off_does_not_move_the_time_of_it(world: World) -> None:
    endpoint, off = world.endpoint(), {"enabled": False}
    first = endpoints.update(world.endpoint_services(), endpoint.endpoint_id, off)
    world.clock.move(days=1)
    second = endpoints.update(world.endpoint_services(), endpoint.endpoint_id, off)
    assert second.after.disabled_at == first.after.disabled_at
    on = endpoints.update(world.endpoint_services(), endpoint.endpoint_id, {"enabled": True})
    assert on.view()["recover_since"] == first.after.disabled_at
