"""The payment use cases' ports, filled with AWS."""

from __future__ import annotations

from farthing import runtime
from farthing.access.principal import Principal
from farthing.acquiring.invoke import INVOKE_TIMEOUT_SECONDS, ChargeFunction
from farthing.fraud.score import allow_everything
from farthing.payments.services import Services


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
