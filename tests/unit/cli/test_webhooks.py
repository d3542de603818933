"""`farthing webhooks`: the real functions behind it, in this process."""

from __future__ import annotations

import json
import sys
from typing import Any
from urllib.parse import parse_qsl

import pytest
import typer
from typer.testing import CliRunner, Result

from farthing.observe import logger
from farthing.webhooks import endpoints
from farthing.webhooks.ports import Answer, Reply
from farthing_cli.api import KEY, URL, Api
from farthing_cli.app import app
from farthing_cli.failure import Failure
from farthing_cli.webhooks import recover
from tests.support.lambdas import Context, call, load
from tests.unit.webhooks.conftest import queue_url, world  # noqa: F401
from tests.unit.webhooks.world import World, event_row, rows_of

HOOK = "https://hooks.example.com/a"


@pytest.fixture(autouse=True)
def _api(queue_url: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The API is the functions of this process."""

    def ask(
        self: Api, method: str, path: str, body: Any = None, key: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        path, _, query = path.partition("?")
        function = path.split("/")[2]
        answer = call(function, method, path, body, query=dict(parse_qsl(query)) or None)
        return answer.status, answer.body

    logger()  # made here, it does not write to what a command prints
    monkeypatch.setattr(Api, "ask", ask)
    monkeypatch.setenv(URL, "https://api.example")
    monkeypatch.setenv(KEY, "sk_test_1")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["webhooks", *arguments])


def said(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def answered(*arguments: str) -> Any:
    return json.loads(said(*arguments, "--json"))


def failed(*arguments: str) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, Failure), result.output
    return str(result.exception)


def test_an_endpoint_from_its_making_to_its_end() -> None:
    made = said("create", HOOK, "--events", "refund.*, payment_intent.failed", "--thin")
    endpoint_id, secret = made.split()[0], made.split()[-1]
    assert endpoint_id.startswith("we_") and secret.startswith("whsec_")
    shown = said("endpoints")
    assert endpoint_id in shown and HOOK in shown and secret not in shown
    assert "refund.*, payment_intent.failed" in shown and "thin" in shown
    assert said("disable", endpoint_id) == f"{endpoint_id} is off.\n"
    assert "off since" in said("endpoints") and "merchant" in said("endpoints")
    on = said("enable", endpoint_id)
    since = answered("endpoints")[0]["disabled_at"]
    assert since is None
    assert f"farthing webhooks recover {endpoint_id} --since 20" in on
    assert "recover" not in said("enable", endpoint_id)
    assert said("delete", endpoint_id) == f"{endpoint_id} is deleted.\n"
    assert answered("endpoints") == []
    assert "404 not_found" in failed("enable", endpoint_id)


def test_what_enable_prints_can_be_pasted() -> None:
    endpoint_id = answered("create", HOOK)["endpoint_id"]
    said("disable", endpoint_id)
    command = said("enable", endpoint_id).splitlines()[2].split()
    assert "would be sent" in said(*command[2:])


def test_delays_and_a_description_are_sent() -> None:
    options = ("--retry-delays", "5s,5m,1h30m", "--description", "orders")
    made = answered("create", HOOK, *options)
    assert made["retry_delays_seconds"] == [5, 300, 5400]
    assert (made["description"], made["event_types"]) == ("orders", ["*"])
    assert "no duration" in failed("create", HOOK, "--retry-delays", "5s,soon")
    assert "url: " in failed("create", "http://hooks.example.com/")
    assert len(answered("endpoints")) == 1


def test_a_secret_is_rotated_with_or_without_an_overlap() -> None:
    made = answered("create", HOOK)
    endpoint_id = made["endpoint_id"]
    week = said("rotate", endpoint_id, "--overlap", "7d")
    assert "signs too for 7d" in week and made["secret"] not in week
    assert len(rows_of("webhook_endpoint")[0]["old_secrets"]) == 1
    assert "No older one signs" in said("rotate", endpoint_id, "--now")
    assert rows_of("webhook_endpoint")[0]["old_secrets"] == []
    assert answered("rotate", endpoint_id)["secret"].startswith("whsec_")
    secret = rows_of("webhook_endpoint")[0]["secret"]
    assert "--now ends" in failed("rotate", endpoint_id, "--now", "--overlap", "1h")
    assert "overlap_seconds" in failed("rotate", endpoint_id, "--overlap", "8d")
    assert rows_of("webhook_endpoint")[0]["secret"] == secret


def tried(world: World, answer: Answer) -> tuple[str, str]:  # noqa: F811
    """An endpoint, and its delivery after one attempt."""
    endpoint = world.endpoint()
    (message,) = world.publish(event_row(1, 1))
    world.sender.instead = lambda url, headers, body: answer
    world.deliver(message)
    return endpoint.endpoint_id, message.delivery_id


def test_deliveries_are_listed_and_looked_into(world: World) -> None:  # noqa: F811
    reply = Reply({"content-type": "text/plain"}, "no room\n\x1b[2J\x9b2J")
    world.endpoint("refund.*")
    endpoint_id, delivery_id = tried(world, Answer(503, None, 9, None, reply))
    shown = said("deliveries", endpoint_id, "--status", "failed")
    assert delivery_id in shown and "503" in shown and "payment_intent.created" in shown
    assert delivery_id not in said("deliveries", endpoint_id, "--status", "EXHAUSTED")
    assert answered("deliveries", endpoint_id, "--event-type", "refund.failed") == []
    assert "event_type" in failed("deliveries", endpoint_id, "--event-type", "refund.*")
    seen = said("inspect", delivery_id)
    assert "POST https://hooks.example.com/farthing" in seen
    assert "webhook-signature: v1,…" in seen and "no room" in seen
    assert '"amount_cents": 100' in seen
    assert "\x1b" not in seen and "\x9b" not in seen
    assert "attempt 1 at 2026-11-22T09:00:00.000Z: 503 in 9 ms" in seen
    found = answered("inspect", delivery_id, "--endpoint", endpoint_id)
    assert found["attempts"][0]["response"]["headers"] == {"content-type": "text/plain"}


def test_a_delivery_that_nobody_has_is_told() -> None:
    answered("create", HOOK)
    missing = "dlv_" + "0" * 26
    assert f"No endpoint has a delivery {missing}" in failed("inspect", missing)
    assert "404 not_found" in failed("inspect", missing, "--endpoint", "we_" + "0" * 26)
    assert "neither a delivery" in failed("resend", "pi_" + "0" * 26)
    assert "404 not_found" in failed("resend", "evt_" + "0" * 26)


def test_a_refusal_while_looking_for_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answered("create", HOOK)
    real = Api.ask

    def ask(self: Api, method: str, path: str, *more: Any) -> tuple[int, dict[str, Any]]:
        if "/deliveries/" in path:
            return 403, {"code": "forbidden", "detail": "no"}
        return real(self, method, path, *more)

    monkeypatch.setattr(Api, "ask", ask)
    assert "403 forbidden" in failed("inspect", "dlv_" + "0" * 26)


def test_a_delivery_or_an_event_is_sent_again(world: World) -> None:  # noqa: F811
    endpoint_id, delivery_id = tried(world, Answer(200, None, 9))
    assert said("resend", delivery_id) == f"{delivery_id} is on its way to {endpoint_id}.\n"
    event_id = event_row(1, 1)["event_id"]
    other = world.endpoint("refund.*").endpoint_id
    assert f"to {endpoint_id}" in said("resend", event_id)
    (explicit,) = answered("resend", event_id, "--endpoint", other)
    assert explicit["endpoint_id"] == other
    endpoints.update(world.endpoint_services(), endpoint_id, {"enabled": False})
    assert "No endpoint that is on" in said("resend", event_id)
    assert "409 endpoint_disabled" in failed("resend", delivery_id)


SINCE = "2026-11-22T00:00Z"


def minute(_: float) -> None:
    """What happens while the command waits."""
    load("redeliver_due").handler({}, Context())


@pytest.fixture
def missed(world: World, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: F811
    """An endpoint that missed six events, one more than are given out at once."""
    monkeypatch.setattr("farthing.webhooks.missed.PAGE_EVENTS", 5)
    world.publish(*[event_row(n, 1) for n in range(1, 7)])
    return world.endpoint().endpoint_id


def test_what_was_missed_is_counted_and_sent(missed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recover.time, "sleep", minute)
    fast = ("--since", SINCE, "--per-second", "100")
    assert said("recover", missed, *fast, "--dry-run") == "6 events would be sent.\n"
    assert answered("recover", missed, *fast, "--dry-run") == {"count": 6, "complete": True}
    assert rows_of("recovery") == []
    assert "6 of 6 events are sent." in said("recover", missed, *fast)
    assert "DONE" in said("recoveries", missed)
    assert [one["recovered"] for one in answered("recoveries", missed)] == [6]
    assert answered("recover", missed, *fast)["state"] == "RUNNING"


@pytest.mark.parametrize(
    ("terminal", "answer", "state"),
    [(True, True, "CANCELLED"), (True, False, "RUNNING"), (False, None, "CANCELLED")],
)
def test_ctrl_c_asks_whether_to_cancel(
    missed: str, monkeypatch: pytest.MonkeyPatch, terminal: bool, answer: Any, state: str
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    class Input:
        def isatty(self) -> bool:
            return terminal

    monkeypatch.setattr(recover.time, "sleep", interrupted)
    monkeypatch.setattr(sys, "stdin", Input())
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: answer)
    monkeypatch.setattr(recover.sys, "stdin", Input())
    monkeypatch.setattr(CliRunner, "isolation", _with_stdin(CliRunner.isolation, Input()))
    shown = said("recover", missed, "--since", SINCE)
    assert rows_of("recovery")[0]["state"] == state
    assert ("Cancelled after 5 of 6" in shown) is (state == "CANCELLED")
    assert ("it goes on" in shown) is (state == "RUNNING")


def _with_stdin(isolation: Any, stdin: Any) -> Any:
    """Typer's runner puts a stdin of its own in place: here it is the terminal of the test."""
    from contextlib import contextmanager

    @contextmanager
    def isolated(self: CliRunner, *arguments: Any, **more: Any) -> Any:
        with isolation(self, *arguments, **more) as streams:
            sys.stdin = stdin
            yield streams

    return isolated


def test_a_recovery_is_cancelled_from_elsewhere(missed: str) -> None:
    recovery = answered("recover", missed, "--since", SINCE)
    told = said("cancel-recovery", missed, recovery["recovery_id"])
    assert "Cancelled after 5 of 6 events." in told
    assert answered("cancel-recovery", missed, recovery["recovery_id"])["state"] == "CANCELLED"


def test_a_recovery_that_was_stopped_says_why(missed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def turned_off(_: float) -> None:
        said("disable", missed)
        minute(0)

    monkeypatch.setattr(recover.time, "sleep", turned_off)
    assert "then the endpoint was turned off" in said("recover", missed, "--since", SINCE)


def test_a_time_is_one_or_how_long_ago() -> None:
    assert recover.moment("2026-11-22T10:00+01:00") == "2026-11-22T09:00:00.000Z"
    assert recover.moment("1h30m") < recover.moment("1m")
    for wrong in ("yesterday", "2026-11-22T10:00", "", "9999999d"):
        with pytest.raises(Failure, match="is no time"):
            recover.moment(wrong)


def test_a_wrong_wish_is_told(missed: str) -> None:
    assert "since: " in failed("recover", missed, "--since", "9999-12-31T00:00Z")
    assert run("recover", missed, "--since", "2d", "--per-second", "101").exit_code == 2
    assert run("recover", missed).exit_code == 2
    said("disable", missed)
    assert "409 endpoint_disabled" in failed("recover", missed, "--since", "2d")
