"""/v1/webhook_endpoints over the handler."""

from __future__ import annotations

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from farthing import runtime
from farthing.errors import FarthingError
from farthing.store import ConditionFailed
from farthing.webhooks import endpoints
from farthing.webhooks.endpoint import ENDPOINTS_MAX, Endpoint
from farthing.webhooks.event_types import EVENT_TYPES, covers
from tests.support.lambdas import OTHER_MERCHANT, Answer, call
from tests.unit.webhooks.world import URL, LockedClient, World, event_row, rows_of

PATH = "/v1/webhook_endpoints"


@pytest.fixture(autouse=True)
def _aws(queue_url: str) -> None:
    """Every test here stands on tables and a queue."""


def api(method: str, path: str = PATH, body: Any = None, **more: Any) -> Answer:
    return call("webhook_endpoints", method, path, body, **more)


def made(**more: Any) -> dict[str, Any]:
    answer = api("POST", body={"url": URL, "event_types": ["*"], **more})
    assert answer.status == 201, answer.text
    return answer.body


def test_a_secret_is_shown_once() -> None:
    endpoint = made(description="orders", metadata={"team": "a"})
    kind, _, text = endpoint.pop("secret").partition("_")
    assert (kind, len(base64.b64decode(text))) == ("whsec", 32)
    assert endpoint["enabled"] is True
    assert endpoint["livemode"] is False
    read = api("GET", f"{PATH}/{endpoint['endpoint_id']}")
    assert (read.status, read.body) == (200, endpoint)
    listed = api("GET")
    assert listed.body == {"data": [endpoint], "has_more": False}


def test_each_endpoint_has_a_secret_of_its_own() -> None:
    assert made()["secret"] != made()["secret"]


WRONG_FIELDS = [
    ({"event_types": ["*"]}, "url"),
    ({"url": URL}, "event_types"),
    ({"url": URL, "event_types": []}, "event_types"),
    ({"url": URL, "event_types": ["*"] * 33}, "event_types"),
    ({"url": URL, "event_types": ["payment_intent.exploded"]}, "event_types.0"),
    ({"url": URL, "event_types": ["*", "nothing.*"]}, "event_types.1"),
    ({"url": URL, "event_types": ["payment_*"]}, "event_types.0"),
    ({"url": URL, "event_types": [".*"]}, "event_types.0"),
    ({"url": URL, "event_types": "*"}, "event_types"),
    ({"url": URL, "event_types": ["*"], "secret": "whsec_a"}, "secret"),
    ({"url": URL, "event_types": ["*"], "enabled": True}, "enabled"),
    ({"url": URL, "event_types": ["*"], "description": "x" * 501}, "description"),
    ({"url": URL, "event_types": ["*"], "metadata": {"a": 1}}, "metadata.a"),
    ({"url": 7, "event_types": ["*"]}, "url"),
    ({"url": "", "event_types": ["*"]}, "url"),
    ({"url": "http://example.com/", "event_types": ["*"]}, "url"),
    ({"url": "https://169.254.169.254/", "event_types": ["*"]}, "url"),
    ({"url": "http://127.0.0.1:9000/", "event_types": ["*"]}, "url"),
    ({"url": "https://example.com/" + "a" * 2048, "event_types": ["*"]}, "url"),
]


def test_a_wrong_field_is_named_and_nothing_is_written() -> None:
    for body, field in WRONG_FIELDS:
        answer = api("POST", body=body)
        assert answer.status == 400, body
        assert [problem["field"] for problem in answer.body["fields"]] == [field]
    assert rows_of("webhook_endpoint") == []


CARD_NUMBERS = [
    {"url": "https://example.com/4242424242424242", "event_types": ["*"]},
    {"url": URL, "event_types": ["*"], "description": "card 4242 4242 4242 4242"},
    {"url": URL, "event_types": ["*"], "metadata": {"card": "4242424242424242"}},
]


def test_a_card_number_is_refused() -> None:
    for body in CARD_NUMBERS:
        answer = api("POST", body=body)
        assert (answer.status, answer.body["code"]) == (400, "card_number_in_text")
        assert "4242424242424242" not in answer.text


def test_loopback_is_allowed_on_the_local_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOKS_ALLOW_LOOPBACK", "true")
    assert made(url="http://127.0.0.1:9000/hook")["url"] == "http://127.0.0.1:9000/hook"


def test_update_changes_what_was_sent_and_nothing_else() -> None:
    endpoint = made(description="orders")
    secret = endpoint.pop("secret")
    path = f"{PATH}/{endpoint['endpoint_id']}"
    changed = api("POST", path, {"event_types": ["refund.*"], "enabled": False})
    wanted = endpoint | {
        "event_types": ["refund.*"],
        "enabled": False,
        "disabled_reason": "MERCHANT",
        "disabled_at": changed.body["disabled_at"],
    }
    assert (changed.status, changed.body) == (200, wanted)
    assert api("GET", path).body == wanted
    on = api("POST", path, {"enabled": True})
    assert on.body.pop("recover_since") == wanted["disabled_at"]
    assert (on.body["enabled"], on.body["disabled_reason"]) == (True, None)
    assert on.body["disabled_at"] is None
    assert api("POST", path, {}).body == api("POST", path, {"enabled": True}).body == on.body
    assert rows_of("webhook_endpoint")[0]["secret"] == secret


WRONG_CHANGES = [
    {"url": "http://example.com/"},
    {"url": ""},
    {"event_types": []},
    {"enabled": 1},
    {"description": None},
    {"metadata": None},
    {"created_at": "x"},
]


def test_update_keeps_the_rules() -> None:
    path = f"{PATH}/{made()['endpoint_id']}"
    before = api("GET", path).body
    for body in WRONG_CHANGES:
        assert api("POST", path, body).status == 400, body
    assert api("GET", path).body == before


def test_rotation_gives_a_new_secret_and_keeps_the_old_one_signing() -> None:
    endpoint = made()
    path = f"{PATH}/{endpoint['endpoint_id']}"
    rotated = api("POST", f"{path}/rotate_secret")
    assert rotated.status == 200
    assert rotated.body["secret"] != endpoint["secret"]
    (row,) = rows_of("webhook_endpoint")
    stored = Endpoint.of(row)
    now = runtime.clock().now()
    assert stored.signing_secrets(now) == [rotated.body["secret"], endpoint["secret"]]
    assert "secret" not in api("GET", path).body


def test_many_rotations_keep_few_old_secrets() -> None:
    path = f"{PATH}/{made()['endpoint_id']}/rotate_secret"
    for _ in range(7):
        api("POST", path)
    assert len(rows_of("webhook_endpoint")[0]["old_secrets"]) == 4


def test_two_rotations_at_once_do_not_lose_a_secret() -> None:
    world = World()
    endpoint = world.endpoint()
    services = world.endpoint_services()
    slow = endpoints.get(services, endpoint.endpoint_id)
    world.made = 5
    endpoints.rotate_secret(services, endpoint.endpoint_id)

    class Stale:
        """Reads what was there before the other one."""

        def get(self, key: Any) -> Any:
            return slow.item()

        def write(self, *writes: Any) -> None:
            services.store.write(*writes)

    stale = endpoints.Services(**{**vars(services), "store": Stale()})
    with pytest.raises(FarthingError) as error:
        endpoints.rotate_secret(stale, endpoint.endpoint_id)
    assert error.value.code.code == "conflict"


def test_delete_makes_it_and_its_deliveries_invisible() -> None:
    path = f"{PATH}/{made()['endpoint_id']}"
    assert api("DELETE", path).body["deleted"] is True
    for method, more in (("GET", ""), ("DELETE", ""), ("GET", "/deliveries")):
        assert api(method, path + more).status == 404
    assert api("POST", path, {"enabled": True}).status == 404
    assert api("POST", f"{path}/rotate_secret").status == 404


def test_what_is_deleted_at_the_same_moment_does_not_come_back() -> None:
    world = World()
    endpoint = world.endpoint()
    services = world.endpoint_services()
    item = endpoint.item()
    endpoints.delete(services, endpoint.endpoint_id)

    class Stale:
        def get(self, key: Any) -> Any:
            return item

        def write(self, *writes: Any) -> None:
            services.store.write(*writes)

    stale = endpoints.Services(**{**vars(services), "store": Stale()})
    for late in (
        lambda: endpoints.update(stale, endpoint.endpoint_id, {"description": "x"}),
        lambda: endpoints.delete(stale, endpoint.endpoint_id),
    ):
        with pytest.raises(FarthingError) as error:
            late()
        assert error.value.code.code == "not_found"
    assert rows_of("webhook_endpoint") == []
    assert rows_of("webhook_endpoint_count")[0]["endpoints"] == 0


def test_there_are_sixteen_at_most_and_room_again_after_a_deletion() -> None:
    ids = [made()["endpoint_id"] for _ in range(ENDPOINTS_MAX)]
    full = api("POST", body={"url": URL, "event_types": ["*"]})
    assert (full.status, full.body["code"]) == (409, "limit_reached")
    other = api("POST", body={"url": URL, "event_types": ["*"]}, merchant_id=OTHER_MERCHANT)
    assert other.status == 201
    api("DELETE", f"{PATH}/{ids[0]}")
    made()
    assert api("POST", body={"url": URL, "event_types": ["*"]}).status == 409


def test_sixteen_at_most_also_at_once() -> None:
    world = World()
    for _ in range(ENDPOINTS_MAX - 2):
        world.endpoint()
    base = runtime.store(world.tenant)
    locked = LockedClient(base.client, threading.Lock())
    store = replace(base, client=locked, sleep=lambda _: None)
    services = endpoints.Services(**{**vars(world.endpoint_services()), "store": store})

    def attempt(_: int) -> bool:
        try:
            endpoints.create(services, url=URL, event_types=["*"])
        except FarthingError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(attempt, range(6))) == 2
    assert len(rows_of("webhook_endpoint")) == ENDPOINTS_MAX


def test_an_id_is_given_once() -> None:
    world = World()
    world.endpoint()
    world.made = 0
    with pytest.raises(ConditionFailed, match="NOT_CREATED"):
        world.endpoint()


def test_pages() -> None:
    ids = [made()["endpoint_id"] for _ in range(5)]
    newest = sorted(ids, reverse=True)
    first = api("GET", query={"limit": "2"}).body
    assert [one["endpoint_id"] for one in first["data"]] == newest[:2]
    assert first["has_more"] is True
    rest = api("GET", query={"limit": "3", "starting_after": newest[1]}).body
    assert [one["endpoint_id"] for one in rest["data"]] == newest[2:]
    assert rest["has_more"] is False
    unknown = api("GET", query={"starting_after": "we_" + "0" * 26})
    assert (unknown.status, unknown.body["code"]) == (400, "unknown_cursor")


def test_another_merchants_endpoint_looks_like_none() -> None:
    mine = f"{PATH}/{made()['endpoint_id']}"
    none = f"{PATH}/we_{'0' * 26}"
    for method, more, body in (
        ("GET", "", None),
        ("POST", "", {"enabled": False}),
        ("DELETE", "", None),
        ("POST", "/rotate_secret", None),
        ("GET", "/deliveries", None),
    ):
        there = api(method, mine + more, body, merchant_id=OTHER_MERCHANT)
        nowhere = api(method, none + more, body, merchant_id=OTHER_MERCHANT)
        assert there.status == nowhere.status == 404
        assert there.text.replace(mine[-29:], none[-29:]) == nowhere.text
    assert api("GET", mine).body["enabled"] is True
    assert api("GET", merchant_id=OTHER_MERCHANT).body["data"] == []


def test_deliveries_with_their_attempts() -> None:
    world = World()
    endpoint, other = world.endpoint(), world.endpoint("refund.*")
    world.sender.script = [500, 200, 200]
    messages = world.publish(*[event_row(n, 1) for n in range(3)])
    for message in messages:
        world.deliver(message)
    path = f"{PATH}/{endpoint.endpoint_id}/deliveries"
    found = api("GET", path).body
    assert [one["status"] for one in found["data"]] == ["SUCCEEDED", "SUCCEEDED", "FAILED"]
    failed = found["data"][2]
    assert failed["event_id"] == event_row(0, 1)["event_id"]
    assert failed["event_type"] == "payment_intent.created"
    assert failed["next_attempt_at"] == "2026-11-22T09:00:05.000Z"
    assert failed["attempts"] == [
        {
            "attempt": 1,
            "at": "2026-11-22T09:00:00.000Z",
            "status_code": 500,
            "error": None,
            "duration_ms": 7,
        }
    ]
    ids = [one["delivery_id"] for one in found["data"]]
    page = api("GET", path, query={"limit": "1", "starting_after": ids[0]}).body
    assert [one["delivery_id"] for one in page["data"]] == [ids[1]]
    assert page["has_more"] is True
    elsewhere = f"{PATH}/{other.endpoint_id}/deliveries"
    assert api("GET", elsewhere).body == {"data": [], "has_more": False}
    assert api("GET", elsewhere, query={"starting_after": ids[0]}).status == 400
    assert api("GET", path, query={"starting_after": "dlv_" + "0" * 26}).status == 400


@pytest.mark.parametrize(
    ("pattern", "event_type", "covered"),
    [
        ("*", "refund.failed", True),
        ("refund.*", "refund.failed", True),
        ("refund.*", "payment_intent.failed", False),
        ("refund.failed", "refund.failed", True),
        ("refund.failed", "refund.succeeded", False),
        ("refund", "refund.failed", False),
    ],
)
def test_patterns(pattern: str, event_type: str, covered: bool) -> None:
    assert covers(pattern, event_type) is covered


def test_every_type_says_what_it_is() -> None:
    assert all(name.count(".") == 1 and text.endswith(".") for name, text in EVENT_TYPES.items())


def test_a_secret_is_in_no_text_of_an_endpoint(world: World) -> None:
    """Such a text ends in a log or in a failed assertion."""
    old = world.endpoint()
    world.made = 7
    new = endpoints.rotate_secret(world.endpoint_services(), old.endpoint_id)
    for text in (repr(old), str(new), f"{new.old_secrets}"):
        assert "whsec_" not in text
        assert old.secret not in text
