"""What is ours, by the names that an acquirer has for it."""

from __future__ import annotations

import re

from farthing.acquiring.port import Kind, Transaction
from farthing.store import TenantScope

_REVERSAL = re.compile(r"[0-9A-Z]{26}R[0-9]+")


def reference_of(operation_id: str) -> str:
    """The operation's name at the acquirer: the 26 random characters of its id, in capitals."""
    return operation_id.split("_", 1)[1].upper()


def operation_id_of(transaction: Transaction) -> str:
    """The id of the operation that an acquirer's transaction names."""
    prefix = "re" if transaction.kind is Kind.REFUND else "op"
    return f"{prefix}_{transaction.reference.lower()}"


def is_reversal(reference: str) -> bool:
    """Whether an acquirer's reference is of a reversal of ours."""
    return _REVERSAL.fullmatch(reference) is not None


def merchant_reference(tenant: TenantScope) -> str:
    """A merchant's name at the acquirer: in its lists and messages it says whose a payment is."""
    return f"{tenant.merchant_id}:{tenant.mode}"


def tenant_of_reference(text: str) -> TenantScope:
    """The merchant of such a name. Raises ValueError for anything else."""
    merchant_id, mode = text.split(":")
    return TenantScope(merchant_id, mode)
