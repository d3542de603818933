"""The payment use cases' ports, filled with AWS."""

from __future__ import annotations

from datetime import datetime

from farthing import runtime
from farthing.access.principal import Principal
from farthing.acquiring.invoke import INVOKE_TIMEOUT_SECONDS, ChargeFunction
from farthing.fraud.score import allow_everything
from farthing.payments.services import Services
from farthing.store import TenantScope
from farthing.store.table import DynamoStore


def services(principal: Principal) -> Services:
    """One merchant's view of the world."""
    client = runtime.client("lambda", read_timeout_seconds=INVOKE_TIMEOUT_SECONDS, attempts_max=1)
    return Services(
        tenant=principal.tenant,
        store=runtime.tenant_store(principal),
        sender=ChargeFunction(client, runtime.setting("CHARGE_FUNCTION")),
        score=allow_everything,
        new_id=runtime.new_id,
        now=runtime.clock().now,
        seconds_left=runtime.seconds_left,
        pause=runtime.pause,
    )


def rows(principal: Principal) -> tuple[DynamoStore, TenantScope]:
    """One merchant's rows, for use cases that ask nobody else: customers and payment methods."""
    return runtime.tenant_store(principal), principal.tenant


def now() -> datetime:
    """The present instant of this invocation."""
    return runtime.clock().now()


def stamp(prefix: str) -> tuple[str, datetime]:
    """The id of something new, and when it begins."""
    return runtime.new_id(prefix), now()
