"""An entry's second row: by its id, in one partition with all others of the merchant.

The value's own row answers payments; this one lists entries and finds them by id. Both are written
and removed together. What has ended stays until it is swept up, here and there on its own.
"""

from __future__ import annotations

from farthing.fraud.lists import Entry
from farthing.store import EXISTS, NOT_CREATED, Condition, Delete, Key, Put, TenantScope

PREFIX = "fle"


def listed_pk(tenant: TenantScope) -> str:
    """The partition of all entries."""
    return tenant.pk("LISTS")


def listed_key(tenant: TenantScope, entry_id: str) -> Key:
    """An entry by its id."""
    return Key("risk", listed_pk(tenant), entry_id)


def listed_write(tenant: TenantScope, entry: Entry) -> Put:
    """The row of a new entry."""
    return Put(listed_key(tenant, entry.entry_id), entry.to_item(), NOT_CREATED)


def listed_delete(tenant: TenantScope, entry: Entry) -> Delete:
    """Takes it away, if nobody did."""
    return Delete(listed_key(tenant, entry.entry_id), EXISTS)


def still_of(entry: Entry) -> Condition:
    """STILL_OF_ENTRY: the value's row is this entry's, and not that of one that came after it."""
    return Condition("STILL_OF_ENTRY", "#entry_id = :entry_id", {"entry_id": entry.entry_id})
