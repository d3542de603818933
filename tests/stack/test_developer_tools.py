"""`farthing listen` and `farthing trigger`, as a merchant's developer uses them."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from farthing.webhooks.signature import verify
from farthing_cli.project import ROOT
from farthing_cli.webhooks.scenarios import SCENARIOS
from tests.stack.live import Live
from tests.stack.receiver import Receiver
from tests.support.threads import at_once

SLOW = (
    "payment_intent.processing",
    "payment_intent.returned",
    "refund.failed",
    "payment_method.updated",
    "acquirer.timeout",
    "refund.returned",
    "dispute.opened",
    "dispute.won",
    "dispute.lost",
)
"""What needs banks, schedules and recovery. The others are in tests/unit/cli/test_trigger.py."""


def test_what_takes_its_time_is_told(live: Live) -> None:
    for name, shown in zip(SLOW, at_once(lambda one: _shown(live, one), SLOW, 5), strict=True):
        told = [line.split()[1] for line in shown.splitlines()[1:]]
        makes = SCENARIOS[name].makes
        assert [one for one in told if one in makes] == list(makes), shown


def _shown(live: Live, name: str) -> str:
    return live.farthing("trigger", name)


@pytest.mark.parametrize("forwards", [True, False])
def test_a_local_server_gets_events_and_its_answer_counts(
    live: Live, receiver: Receiver, forwards: bool
) -> None:
    """Given a server that fails the first event; when a refund is made; then it gets all three,
    the first of them again, and nothing is left behind."""
    receiver.statuses = [500]
    command = ["listen", "--count", "3", "--timeout", "90", "--format", "json"]
    command += ["--forward-to", receiver.url] if forwards else []
    with subprocess.Popen(
        [ROOT / ".venv" / "bin" / "farthing", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as listening:
        assert listening.stderr is not None
        while "Listening" not in listening.stderr.readline():
            assert listening.poll() is None
        live.farthing("trigger", "refund.succeeded")
        shown, _ = listening.communicate(timeout=120)
    assert listening.returncode == 0
    heard = [json.loads(line) for line in shown.splitlines()]
    heard = [one for one in heard if one["type"] != "webhook_endpoint.ping"]
    statuses = sorted(one["status"] for one in heard)
    assert statuses == ([200, 200, 200, 500] if forwards else [204, 204, 204])
    assert {one["type"] for one in heard} == set(SCENARIOS["refund.succeeded"].makes)
    secret = live.farthing("listen", "--print-secret").strip()
    for got in receiver.received:
        verify([secret], got.headers, got.body, now_seconds=int(time.time()))
    assert len(receiver.received) == (4 if forwards else 0)
    endpoints = live.get("webhook_endpoints?limit=100").body["data"]
    assert "farthing listen" not in {one["description"] for one in endpoints}


@pytest.mark.parametrize(("name", "again"), [("webhook.duplicate", 2), ("webhook.out_of_order", 1)])
def test_an_event_comes_again_when_all_have_come(
    live: Live, receiver: Receiver, name: str, again: int
) -> None:
    refused = live.run("trigger", name)
    assert (refused.returncode, "farthing listen" in refused.stderr) == (1, True)
    types = ["payment_intent.created", "payment_intent.succeeded"]
    endpoint = live.post("webhook_endpoints", {"url": receiver.url, "event_types": types}).body
    live.farthing("trigger", name)
    came = [json.loads(got.body) for got in receiver.wait_for(3)]
    got = [one["data"]["sequence"] for one in came]
    assert (sorted(got[:2]), got[2]) == ([1, 2], again)
    ids = [one.headers["webhook-id"] for one in receiver.received]
    assert len(set(ids)) == len(ids) - 1
    live.call("DELETE", f"/v1/webhook_endpoints/{endpoint['endpoint_id']}")
