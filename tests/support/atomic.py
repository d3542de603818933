"""Honest races inside the test process.

DynamoDB's calls are atomic. moto's are so only while no other thread is in one, so a test that
races lets one call in at a time; between the calls everything interleaves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from farthing import runtime
from farthing.store.table import DynamoStore


class OneCallAtATime:
    """A boto3 client whose calls wait for one another."""

    def __init__(self, client: Any) -> None:
        self._client, self._lock = client, threading.Lock()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            with self._lock:
                return getattr(self._client, name)(**arguments)

        return call


def make_calls_atomic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every store of this test such a client."""
    client, names = OneCallAtATime(runtime.client("dynamodb")), runtime.table_names()
    monkeypatch.setattr(runtime, "store", lambda scope: DynamoStore(client, names, scope))
