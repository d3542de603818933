"""The payment use cases' ports, filled with AWS."""

from __future__ import annotations

from datetime import date, datetime

from farthing import runtime
from farthing.access.account import Settings
from farthing.access.principal import Principal
from farthing.acquiring.connectors import CONNECTORS
from farthing.acquiring.declared import capabilities
from farthing.acquiring.invoke import INVOKE_TIMEOUT_SECONDS, ChargeFunction
from farthing.fraud.country import Viewer
from farthing.fraud.wiring import fraud
from farthing.observe import gauge, log_unhandled
from farthing.payments import due
from farthing.payments.services import Services
from farthing.payments.sqs import LookQueue
from farthing.store import TenantScope
from farthing.store.table import DynamoStore

NOTHING_NEW = Settings()


def services(principal: Principal, viewer: Viewer | None = None) -> Services:
    """One merchant's view of the world. `viewer` is who called, where that is the payer."""
    return services_of(principal.tenant, principal.settings, viewer)


def services_of(
    tenant: TenantScope, settings: Settings = NOTHING_NEW, viewer: Viewer | None = None
) -> Services:
    """The same, for functions that no request from outside reaches: they begin no payment."""
    client = runtime.client("lambda", read_timeout_seconds=INVOKE_TIMEOUT_SECONDS, attempts_max=1)
    return Services(
        tenant=tenant,
        store=runtime.store(tenant),
        sender=ChargeFunction(client, runtime.setting("CHARGE_FUNCTION")),
        later=look_queue(),
        capabilities=capabilities,
        business_day=business_day,
        connector=settings.connector,
        takes_tokens=takes_tokens,
        fraud=fraud(tenant, viewer),
        new_id=runtime.new_id,
        now=runtime.clock().now,
        seconds_left=runtime.seconds_left,
        fees=settings.fees,
        pause=runtime.pause,
    )


def business_day(connector: str) -> date:
    """The day with which the acquirer of a connector settles what happens now."""
    return capabilities(connector).calendar.business_day(now())


def takes_tokens(connector: str) -> bool:
    """Whether the acquirer of a connector takes network tokens here."""
    return connector in CONNECTORS and capabilities(connector).network_tokens


def look_queue() -> LookQueue:
    """What is to be looked into at its time."""
    return LookQueue(runtime.client("sqs"), runtime.setting("RESOLVE_QUEUE_URL"), log_unhandled)


def due_services() -> due.Services:
    """Every merchant's operations of unknown outcome, for one tick."""
    return due.Services(
        runtime.system_store(),
        look_queue(),
        runtime.clock().now(),
        gauge,
        runtime.seconds_left,
        log_unhandled,
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
