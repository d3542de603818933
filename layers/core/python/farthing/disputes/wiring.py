"""The ports of disputes' use cases, filled with AWS."""

from __future__ import annotations

from farthing import runtime
from farthing.access.principal import Principal
from farthing.acquiring.declared import capabilities
from farthing.acquiring.invoke import INVOKE_TIMEOUT_SECONDS, ChargeFunction
from farthing.disputes.deadlines import RunServices
from farthing.disputes.dispute import Dispute
from farthing.disputes.hear import hear
from farthing.disputes.services import Services
from farthing.observe import gauge, log_unhandled
from farthing.payments.wiring import business_day
from farthing.store import TenantScope


def services(principal: Principal) -> Services:
    """One merchant's view of the world."""
    return services_of(principal.tenant)


def services_of(tenant: TenantScope) -> Services:
    """The same, for functions that no request from outside reaches."""
    client = runtime.client("lambda", read_timeout_seconds=INVOKE_TIMEOUT_SECONDS, attempts_max=1)
    return Services(
        tenant=tenant,
        store=runtime.store(tenant),
        desk=ChargeFunction(client, runtime.setting("CHARGE_FUNCTION")),
        files=runtime.files,
        capabilities=capabilities,
        new_id=runtime.new_id,
        now=runtime.clock().now,
        seconds_left=runtime.seconds_left,
        business_day=business_day,
        pause=runtime.pause,
    )


def heard(tenant: TenantScope, connector: str, reference: str) -> Dispute | None:
    """The dispute that an acquirer told of, after looking."""
    return hear(connector, reference, services_of(tenant))


def run_services() -> RunServices:
    """Every merchant's disputes, for one run."""
    return RunServices(
        runtime.system_store(),
        services_of,
        runtime.clock().now(),
        gauge,
        runtime.seconds_left,
        log_unhandled,
    )
