"""Where the process meets its environment: clients, settings, the clock, the invocation.

Nothing is made at import: clients and settings appear on first use and live as long as the
process. `begin` is called once for each invocation; on a stack with a test clock it reads how far
that clock has been moved, so all that the invocation does happens at one shifted time.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from farthing.access.principal import Principal
from farthing.clock import Clock
from farthing.ids import ENTROPY_BYTES, make_id
from farthing.observe import bind
from farthing.store.scope import Scope, SystemScope
from farthing.store.table import DynamoStore

CONNECT_TIMEOUT_SECONDS = 1
READ_TIMEOUT_SECONDS = 5
SDK_ATTEMPTS_MAX = 3
PAUSE_BASE_SECONDS = 0.025
PAUSE_DOUBLINGS_MAX = 5

TABLES = ("payments", "vault", "risk", "webhooks", "settlement", "access")
"""Logical table names; the environment names the physical one, such as PAYMENTS_TABLE."""


@dataclass(frozen=True)
class ShiftedClock:
    """The system's clock, moved on test stacks by what the test clock says."""

    offset: timedelta = timedelta()

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return datetime.now(UTC) + self.offset


@dataclass
class Invocation:
    """What is true of the call that runs now."""

    clock: Clock
    remaining_milliseconds: Callable[[], int]


_invocation: list[Invocation] = []


def begin(context: Any, request_id: str | None = None) -> None:
    """Start an invocation: its clock, its time limit, its log lines."""
    bind(context, request_id)
    remaining = getattr(context, "get_remaining_time_in_millis", lambda: 60_000)
    _invocation[:] = [Invocation(ShiftedClock(_test_clock_offset()), remaining)]


def clock() -> Clock:
    """The clock of this invocation."""
    return _invocation[0].clock if _invocation else ShiftedClock()


def seconds_left() -> float:
    """How long this invocation may still run."""
    return _invocation[0].remaining_milliseconds() / 1000 if _invocation else 60.0


def new_id(prefix: str) -> str:
    """A new id of this moment."""
    return make_id(prefix, clock().now(), os.urandom(ENTROPY_BYTES))


def pause(attempt: int) -> None:
    """Wait before the next try: up to 25 ms, doubled each time, by chance, so that few meet."""
    time.sleep(random.uniform(0, PAUSE_BASE_SECONDS * 2 ** min(attempt, PAUSE_DOUBLINGS_MAX)))


def setting(name: str, default: str | None = None) -> str:
    """One environment variable. Raises RuntimeError if it is missing and has no default."""
    value = os.environ.get(name, default)
    if value is None:
        raise RuntimeError(f"the environment lacks {name}")
    return value


@cache
def client(
    service: str,
    read_timeout_seconds: int = READ_TIMEOUT_SECONDS,
    attempts_max: int = SDK_ATTEMPTS_MAX,
) -> Any:
    """A boto3 client with its timeouts said, one for each process and setting."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=read_timeout_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts_max},
    )
    return boto3.client(service, config=config)


@cache
def table_names() -> Mapping[str, str]:
    """The tables that this function knows."""
    found = {name: os.environ.get(f"{name.upper()}_TABLE") for name in TABLES}
    return {name: physical for name, physical in found.items() if physical}


def store(scope: Scope) -> DynamoStore:
    """The tables, seen through a scope."""
    return DynamoStore(client("dynamodb"), table_names(), scope)


def tenant_store(principal: Principal) -> DynamoStore:
    """The tables, seen by one merchant."""
    return store(principal.tenant)


def system_store() -> DynamoStore:
    """The tables, seen by a function that no request from outside reaches."""
    return store(SystemScope())


def _test_clock_offset() -> timedelta:
    table = os.environ.get("TEST_CLOCK_TABLE")
    if not table:
        return timedelta()
    answer = client("dynamodb").get_item(
        TableName=table,
        Key={"pk": {"S": "CLOCK"}, "sk": {"S": "CLOCK"}},
        ConsistentRead=True,
    )
    return timedelta(seconds=int(answer.get("Item", {}).get("offset_seconds", {}).get("N", "0")))


def reset() -> None:
    """Forget clients, settings and the invocation. For tests."""
    _invocation.clear()
    client.cache_clear()
    table_names.cache_clear()
