"""The ports of a merchant's rules, lists and models, filled with AWS."""

from __future__ import annotations

from farthing import runtime
from farthing.access.principal import Principal
from farthing.fraud.services import Services


def services(principal: Principal) -> Services:
    """One merchant's view of the world, for one request."""
    return Services(
        tenant=principal.tenant,
        store=runtime.tenant_store(principal),
        now=runtime.clock().now(),
        new_id=runtime.new_id,
        pause=runtime.pause,
    )
