"""The code that docs/webhooks.md gives to merchants, run as it stands there."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from farthing.webhooks.schedule import DELAYS_SECONDS
from farthing.webhooks.signature import make_secret, signed_headers
from tests.support.template import ROOT

PAGE = (ROOT / "docs" / "webhooks.md").read_text()
SECRET, OTHER = make_secret(b"s" * 32), make_secret(b"o" * 32)
BODY = '{"type":"refund.succeeded","data":{"name":"Zoë"}}'.encode()


@pytest.fixture(scope="module")
def examples() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, names)
    return names


def headers(*secrets: str, seconds_ago: int = 0) -> dict[str, str]:
    return signed_headers(secrets or [SECRET], "evt_1", int(time.time()) - seconds_ago, BODY)


def test_a_signature_is_accepted_also_beside_another(examples: dict[str, Any]) -> None:
    for given in (headers(), headers(OTHER, SECRET), headers(seconds_ago=290)):
        assert examples["is_from_farthing"](SECRET, given, BODY)
        assert examples["event_of"](SECRET, given, BODY)["type"] == "refund.succeeded"


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "evt_2"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-timestamp": "²"},
        {"webhook-signature": ""},
        {"webhook-signature": "garbage"},
        {"webhook-signature": "v1,abc"},
        {"webhook-signature": "v1,é"},
    ],
)
def test_anything_else_is_refused_and_breaks_nothing(
    examples: dict[str, Any], changed: dict[str, str]
) -> None:
    assert not examples["is_from_farthing"](SECRET, headers() | changed, BODY)
    assert examples["event_of"](SECRET, headers() | changed, BODY) is None


def test_another_secret_body_or_an_old_message_is_refused(examples: dict[str, Any]) -> None:
    for secret, given, body in (
        (OTHER, headers(), BODY),
        (SECRET, headers(), BODY + b"\n"),
        (SECRET, headers(seconds_ago=310), BODY),
        (SECRET, headers(seconds_ago=-310), BODY),
    ):
        assert not examples["is_from_farthing"](secret, given, body)
        assert examples["event_of"](secret, given, body) is None


def test_the_schedule_is_the_senders() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| after the one before |"))
    units = {"s": 1, "min": 60, "h": 3600}
    shown = [cell.split() for cell in row.split("|")[2:-1]]
    assert [int(n) * units[unit[0]] if unit else int(n) for n, *unit in shown] == list(
        DELAYS_SECONDS
    )
