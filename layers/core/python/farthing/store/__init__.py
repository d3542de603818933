"""Storage: keys, named conditions, writes, and the one adapter that speaks DynamoDB."""

from __future__ import annotations

from farthing.store.condition import EXISTS, NOT_CREATED, Condition
from farthing.store.errors import ConditionFailed, KeyOutsideScope, StoreBusy
from farthing.store.item import Item, Key, Value
from farthing.store.scope import Scope, SystemScope, TenantScope
from farthing.store.write import Check, Delete, Put, Update, Write

__all__ = [
    "EXISTS",
    "NOT_CREATED",
    "Check",
    "Condition",
    "ConditionFailed",
    "Delete",
    "Item",
    "Key",
    "KeyOutsideScope",
    "Put",
    "Scope",
    "StoreBusy",
    "SystemScope",
    "TenantScope",
    "Update",
    "Value",
    "Write",
]
