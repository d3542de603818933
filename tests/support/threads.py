"""Races in one process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from botocore.client import BaseClient

Given, Got = TypeVar("Given"), TypeVar("Got")


def one_call_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each AWS call is atomic, as it is in AWS: moto's transactions are not among threads.

    What happens between two calls of one request is still anybody's guess.
    """
    lock, call = threading.Lock(), BaseClient._make_api_call

    def atomic(self: Any, operation: str, parameters: Any) -> Any:
        with lock:
            return call(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", atomic)


def at_once(do: Callable[[Given], Got], things: Iterable[Given], width: int = 8) -> list[Got]:
    """`do` to all of `things`, as many at a time as `width`; the results in order."""
    with ThreadPoolExecutor(width) as pool:
        return list(pool.map(do, things))
