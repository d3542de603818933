"""Where the process meets its environment: clients, settings, the clock, chance, the network.

All of that is one `Platform`: AWS and this machine, or a simulator's. Nobody else asks the system
for the time, for randomness, for a setting or for a connection. Nothing is made at import: clients
and secrets appear on first use and live as long as the process. `begin` is called once for each
invocation; on a stack with a test clock it reads how far that clock has been moved, so all that
the invocation does happens at one shifted time.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from farthing.access.principal import Principal
from farthing.clock import Clock
from farthing.ids import ENTROPY_BYTES, make_id
from farthing.observe import bind
from farthing.store.s3 import S3Files
from farthing.store.scope import Scope, SystemScope
from farthing.store.table import DynamoStore

if TYPE_CHECKING:
    from farthing.acquiring.exchange import Post, PostWithHeaders
    from farthing.webhooks.ports import Sender

CONNECT_TIMEOUT_SECONDS = 1
READ_TIMEOUT_SECONDS = 5
FILES_READ_TIMEOUT_SECONDS = 15
SDK_ATTEMPTS_MAX = 3
PAUSE_BASE_SECONDS = 0.025
PAUSE_DOUBLINGS_MAX = 5

TABLES = ("payments", "vault", "risk", "webhooks", "settlement", "access")
"""Logical table names; the environment names the physical one, such as PAYMENTS_TABLE."""

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass
class Platform:
    """AWS and this machine. `memo` holds what is made once for the life of the process."""

    memo: dict[Any, Any] = field(default_factory=dict)

    def now(self) -> datetime:
        """The system's clock, in UTC."""
        return datetime.now(UTC)

    def entropy(self, length: int) -> bytes:
        """Random bytes that nobody can guess."""
        return os.urandom(length)

    def chance(self) -> float:
        """A number from 0 up to 1, for waits that should not meet."""
        return random.random()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def setting(self, name: str) -> str | None:
        """One environment variable."""
        return os.environ.get(name)

    def client(self, service: str, read_timeout_seconds: int, attempts_max: int) -> Any:
        """A boto3 client with its bounds said."""
        import boto3
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=read_timeout_seconds,
            retries={"mode": "standard", "total_max_attempts": attempts_max},
        )
        return boto3.client(service, config=config)

    def at_once(
        self, do: Callable[[Given], Made], things: Sequence[Given], width: int
    ) -> list[Made]:
        """`do` to each thing, in threads that see this invocation; the results in order."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(width) as pool:
            waiting = [pool.submit(copy_context().run, do, thing) for thing in things]
            return [each.result() for each in waiting]

    def exchange(
        self,
        base_url: str,
        secret: str,
        answer_bytes_max: int,
        content_type: str = "application/json",
    ) -> Post:
        """HTTP to an acquirer."""
        from farthing.acquiring.http import Exchange

        headers = {"Content-Type": content_type}
        return Exchange(base_url, secret, answer_bytes_max=answer_bytes_max, headers=headers)

    def form_exchange(
        self,
        base_url: str,
        secret: str,
        answer_bytes_max: int,
        headers: Mapping[str, str],
        answer_header: str,
    ) -> PostWithHeaders:
        """HTTP to an acquirer that has headers of its own."""
        from farthing.acquiring.http import Exchange

        return Exchange(
            base_url,
            secret,
            answer_bytes_max=answer_bytes_max,
            headers=headers,
            answer_header=answer_header,
        )

    def webhook_sender(self, *, allow_loopback: bool) -> Sender:
        """HTTP to merchants' endpoints."""
        from farthing.webhooks.http import HttpSender

        return HttpSender(allow_loopback)


PLATFORM: ContextVar[Platform] = ContextVar("platform")
_REAL = Platform()


def platform() -> Platform:
    """The platform of this process."""
    return PLATFORM.get(_REAL)


def once(name: Any, make: Callable[[], Made]) -> Made:
    """What `make` makes, made once for the life of the process."""
    memo = platform().memo
    if name not in memo:
        memo[name] = make()
    made: Made = memo[name]
    return made


@dataclass(frozen=True)
class ShiftedClock:
    """The system's clock, moved on test stacks by what the test clock says."""

    offset: timedelta = timedelta()

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return platform().now() + self.offset


@dataclass
class Invocation:
    """What is true of the call that runs now."""

    clock: Clock
    remaining_milliseconds: Callable[[], int]


_invocation: ContextVar[Invocation | None] = ContextVar("invocation", default=None)


def begin(context: Any, request_id: str | None = None) -> None:
    """Start an invocation: its clock, its time limit, its log lines."""
    bind(context, request_id)
    remaining = getattr(context, "get_remaining_time_in_millis", lambda: 60_000)
    _invocation.set(Invocation(ShiftedClock(_test_clock_offset()), remaining))


def clock() -> Clock:
    """The clock of this invocation."""
    invocation = _invocation.get()
    return invocation.clock if invocation else ShiftedClock()


def seconds_left() -> float:
    """How long this invocation may still run."""
    invocation = _invocation.get()
    return invocation.remaining_milliseconds() / 1000 if invocation else 60.0


def entropy(length: int) -> bytes:
    """Random bytes that nobody can guess."""
    return platform().entropy(length)


def chance() -> float:
    """A number from 0 up to 1."""
    return platform().chance()


def new_id(prefix: str) -> str:
    """A new id of this moment."""
    return make_id(prefix, clock().now(), entropy(ENTROPY_BYTES))


def pause(attempt: int) -> None:
    """Wait before the next try: up to 25 ms, doubled each time, by chance, so that few meet."""
    platform().sleep(chance() * PAUSE_BASE_SECONDS * 2 ** min(attempt, PAUSE_DOUBLINGS_MAX))


def setting(name: str, default: str | None = None) -> str:
    """One environment variable. Raises RuntimeError if it is missing and has no default."""
    value = platform().setting(name)
    if value is None:
        value = default
    if value is None:
        raise RuntimeError(f"the environment lacks {name}")
    return value


def client(
    service: str,
    read_timeout_seconds: int = READ_TIMEOUT_SECONDS,
    attempts_max: int = SDK_ATTEMPTS_MAX,
) -> Any:
    """A boto3 client with its timeouts said, one for each process and setting."""
    key = (service, read_timeout_seconds, attempts_max)
    return once(key, lambda: platform().client(*key))


def secret(setting_name: str) -> str:
    """The secret whose id a setting names, read once for the life of the process."""

    def read() -> str:
        answer = client("secretsmanager").get_secret_value(SecretId=setting(setting_name))
        return str(answer["SecretString"])

    return once(("secret", setting_name), read)


def table_names() -> Mapping[str, str]:
    """The tables that this function knows."""

    def read() -> dict[str, str]:
        found = {name: platform().setting(f"{name.upper()}_TABLE") for name in TABLES}
        return {name: physical for name, physical in found.items() if physical}

    return once("table_names", read)


def store(scope: Scope) -> DynamoStore:
    """The tables, seen through a scope."""
    here = platform()
    return DynamoStore(
        client("dynamodb"), table_names(), scope, here.sleep, here.chance, lambda: entropy(16).hex()
    )


def tenant_store(principal: Principal) -> DynamoStore:
    """The tables, seen by one merchant."""
    return store(principal.tenant)


def system_store() -> DynamoStore:
    """The tables, seen by a function that no request from outside reaches."""
    return store(SystemScope())


def files() -> S3Files:
    """Where files are kept."""
    return S3Files(client("s3", FILES_READ_TIMEOUT_SECONDS), setting("FILES_BUCKET"))


def _test_clock_offset() -> timedelta:
    table = platform().setting("TEST_CLOCK_TABLE")
    if not table:
        return timedelta()
    answer = client("dynamodb").get_item(
        TableName=table,
        Key={"pk": {"S": "CLOCK"}, "sk": {"S": "CLOCK"}},
        ConsistentRead=True,
    )
    return timedelta(seconds=int(answer.get("Item", {}).get("offset_seconds", {}).get("N", "0")))


def reset() -> None:
    """Forget clients, secrets, settings and the invocation. For tests."""
    _invocation.set(None)
    platform().memo.clear()
