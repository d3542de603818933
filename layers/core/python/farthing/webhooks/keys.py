"""Where each row of the webhooks table lives.

| row | pk, after the tenant's prefix | sk |
|---|---|---|
| endpoint | ENDPOINTS | its id |
| how many endpoints there are | ENDPOINTS | COUNT |
| event, in full, in its place in the feed | FEED#shard | position, 12 digits |
| where that shard of the feed ends | FEED_END#shard | END |
| event id → its place in the feed | EVT#event | EVENT |
| the last sequence of a payment or session that is in the feed | PLACED#subject | PLACED |
| delivery | DLV#delivery | DELIVERY |
| what is still to be told of an endpoint | ENDPOINT_NEWS#endpoint | what, time |
| a recovery: what an endpoint missed, sent again | RECOVERIES#endpoint | its id |
| which recovery of an endpoint is running | RECOVERIES#endpoint | RUNNING |
| gate before an endpoint | GATE#endpoint | GATE |

All events of one payment are in one shard of the feed. The due index is one for all merchants. What
acquirers tell is in this table too, under keys of no merchant: see `acquiring/inbox.py`.
"""

from __future__ import annotations

from farthing.ids import shard_of
from farthing.store import Key, TenantScope

TABLE = "webhooks"
ENDPOINT_PREFIX = "we"
EVENT_PREFIX = "evt"
DELIVERY_PREFIX = "dlv"
RECOVERY_PREFIX = "rcv"

FEED_SHARDS = 4
LIST_SHARDS = 4
DUE_SHARDS = 8


def endpoints_pk(tenant: TenantScope) -> str:
    """The partition of all endpoints of a merchant and mode."""
    return tenant.pk("ENDPOINTS")


def endpoint_key(tenant: TenantScope, endpoint_id: str) -> Key:
    """One endpoint."""
    return Key(TABLE, endpoints_pk(tenant), endpoint_id)


def endpoint_count_key(tenant: TenantScope) -> Key:
    """The counter that keeps the number of endpoints bounded."""
    return Key(TABLE, endpoints_pk(tenant), "COUNT")


def feed_shard(subject_id: str) -> int:
    """The shard of the feed that holds the events of a payment or a checkout session."""
    return shard_of(subject_id, FEED_SHARDS)


def feed_pk(tenant: TenantScope, shard: int) -> str:
    """The partition of one shard of the feed."""
    return tenant.pk("FEED", str(shard))


def position_sk(position: int) -> str:
    """A position as a sort key: text order is number order."""
    return f"{position:012d}"


def feed_key(tenant: TenantScope, shard: int, position: int) -> Key:
    """The event at a position of the feed."""
    return Key(TABLE, feed_pk(tenant, shard), position_sk(position))


def feed_end_key(tenant: TenantScope, shard: int) -> Key:
    """The last position given out in a shard."""
    return Key(TABLE, tenant.pk("FEED_END", str(shard)), "END")


def event_key(tenant: TenantScope, event_id: str) -> Key:
    """Where an event is in the feed."""
    return Key(TABLE, tenant.pk("EVT", event_id), "EVENT")


def placed_key(tenant: TenantScope, subject_id: str) -> Key:
    """How far the events of a payment or a checkout session are in the feed."""
    return Key(TABLE, tenant.pk("PLACED", subject_id), "PLACED")


def delivery_key(tenant: TenantScope, delivery_id: str) -> Key:
    """One delivery."""
    return Key(TABLE, tenant.pk("DLV", delivery_id), "DELIVERY")


def gate_key(tenant: TenantScope, endpoint_id: str) -> Key:
    """What an endpoint has to bear at once, and how it has answered lately."""
    return Key(TABLE, tenant.pk("GATE", endpoint_id), "GATE")


def event_list_pk(tenant: TenantScope, shard: int) -> str:
    """One shard of the list of all events."""
    return tenant.pk("LIST", "EVENT", str(shard))


def payment_events_pk(tenant: TenantScope, intent_id: str) -> str:
    """The list of one payment's events."""
    return tenant.pk("LIST", "PAYMENT_EVENT", intent_id)


def delivery_list_pk(tenant: TenantScope, endpoint_id: str, shard: int) -> str:
    """One shard of the list of an endpoint's deliveries."""
    return tenant.pk("LIST", "DELIVERY", endpoint_id, str(shard))


def exhausted_pk(tenant: TenantScope, endpoint_id: str) -> str:
    """An endpoint's exhausted deliveries, by id, in the index that showed when they were due."""
    return tenant.pk("LIST", "EXHAUSTED", endpoint_id)


def endpoint_news_key(tenant: TenantScope, endpoint_id: str, what: str, at: str) -> Key:
    """Something that is to be told of an endpoint."""
    return Key(TABLE, tenant.pk("ENDPOINT_NEWS", endpoint_id), f"{what}#{at}")


def recoveries_pk(tenant: TenantScope, endpoint_id: str) -> str:
    """The partition of all recoveries of an endpoint."""
    return tenant.pk("RECOVERIES", endpoint_id)


def recovery_key(tenant: TenantScope, endpoint_id: str, recovery_id: str) -> Key:
    """One recovery."""
    return Key(TABLE, recoveries_pk(tenant, endpoint_id), recovery_id)


def running_key(tenant: TenantScope, endpoint_id: str) -> Key:
    """The row that keeps an endpoint from being recovered twice at once."""
    return Key(TABLE, recoveries_pk(tenant, endpoint_id), "RUNNING")


def due_pk(shard: int) -> str:
    """One shard of the due index's deliveries."""
    return f"DELIVERY#{shard}"


NEWS_DUE_PK = "ENDPOINT_NEWS#0"
RECOVERIES_DUE_PK = "RECOVERY#0"
"""The due index's news of endpoints, and its recoveries. Both are few."""
