"""Stripe's side of settlement: the account of a merchant, asked for when its balance is read."""

from __future__ import annotations

from farthing import runtime
from farthing.acquiring import stripe_wiring
from farthing.acquiring.declared import capabilities
from farthing.payments.names import merchant_reference
from farthing.settlement.stripe import StripeSettlement
from farthing.store import TenantScope


def stripe(tenant: TenantScope) -> StripeSettlement:
    """A merchant's account in a mode. It needs its key with the first request, and not before."""
    return StripeSettlement(
        connect=lambda: stripe_wiring.balance(tenant),
        merchant_reference=merchant_reference(tenant),
        calendar=capabilities("stripe").calendar,
        clock=runtime.clock(),
    )
