"""How often one caller at one address may do something: fixed buckets of a minute.

A bucket is an item of its own and a conditional count, so the limit holds whatever runs beside
it. A fixed bucket lets through up to twice the limit around the turn of a minute, which is
enough to make trying out stolen cards slow, and costs one write.
"""

from __future__ import annotations

import ipaddress
from datetime import datetime

from farthing.access.principal import Principal
from farthing.clock import epoch_seconds
from farthing.errors import RATE_LIMITED, FarthingError
from farthing.store.condition import Condition
from farthing.store.errors import ConditionFailed
from farthing.store.item import SCHEMA_VERSION, Key
from farthing.store.port import Writes
from farthing.store.write import Update

BUCKET_SECONDS = 60
KEPT_SECONDS = 3600
IPV6_NETWORK_BITS = 64
"""What one household gets; whoever has one address of it has them all."""


def count_call(
    store: Writes, principal: Principal, what: str, source_ip: str, limit: int, now: datetime
) -> None:
    """Count one call in this minute's bucket. Raises FarthingError if the bucket is full."""
    second = epoch_seconds(now)
    minute = second // BUCKET_SECONDS
    pk = principal.tenant.pk("RATE", principal.key_id, network_of(source_ip), str(minute))
    try:
        store.write(
            Update(
                Key("risk", pk, what),
                when=below(limit),
                set={
                    "entity": "rate_bucket",
                    "schema_version": SCHEMA_VERSION,
                    "ttl": second + KEPT_SECONDS,
                },
                add={"calls": 1},
            )
        )
    except ConditionFailed as full:
        raise FarthingError(
            RATE_LIMITED,
            f"at most {limit} a minute from one address",
            retry_after_seconds=BUCKET_SECONDS - second % BUCKET_SECONDS,
        ) from full


def below(limit: int) -> Condition:
    """The bucket has room for one more call."""
    return Condition(
        "BUCKET_HAS_ROOM", "attribute_not_exists(#calls) OR #calls < :limit", {"limit": limit}
    )


def network_of(source_ip: str) -> str:
    """Whom an address stands for: itself in IPv4, its /64 in IPv6, everybody if unreadable."""
    try:
        address = ipaddress.ip_address(source_ip)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), IPV6_NETWORK_BITS), strict=False))
    return str(address)
