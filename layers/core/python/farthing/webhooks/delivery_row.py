"""Deliveries as rows, and the condition that their steps depend on."""

from __future__ import annotations

from farthing.ids import shard_of
from farthing.store import NOT_CREATED, Condition, Item, Put, TenantScope, Update
from farthing.webhooks.attempt import Attempt
from farthing.webhooks.delivery import Delivery, EndReason, Status
from farthing.webhooks.keys import (
    DUE_SHARDS,
    LIST_SHARDS,
    delivery_key,
    delivery_list_pk,
    due_pk,
    exhausted_pk,
)


def nobody_else_claimed(delivery: Delivery) -> Condition:
    """No attempt was opened since `delivery` was read, and it has not moved on."""
    return Condition(
        "NOBODY_ELSE_CLAIMED",
        "#claims = :claims AND #status = :status_read",
        {"claims": delivery.claims, "status_read": delivery.status.value},
    )


def delivery_put(delivery: Delivery) -> Put:
    """The write of a new delivery: there is one for an event and an endpoint."""
    tenant, id_ = delivery.tenant, delivery.delivery_id
    item = {
        "entity": "delivery",
        "merchant_id": tenant.merchant_id,
        "mode": tenant.mode,
        "delivery_id": id_,
        "endpoint_id": delivery.endpoint_id,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "feed_shard": delivery.feed_shard,
        "position": delivery.position,
        "created_at": delivery.created_at,
        "list_pk": delivery_list_pk(tenant, delivery.endpoint_id, shard_of(id_, LIST_SHARDS)),
        "list_sk": id_,
        **{name: value for name, value in _changing(delivery).items() if value is not None},
    }
    return Put(delivery_key(tenant, id_), item, NOT_CREATED)


def delivery_update(delivery: Delivery, when: Condition) -> Update:
    """The write of a step. `when` is about the delivery before it."""
    changing = _changing(delivery)
    return Update(
        delivery_key(delivery.tenant, delivery.delivery_id),
        when,
        set={name: value for name, value in changing.items() if value is not None},
        remove=[name for name, value in changing.items() if value is None],
    )


def delivery_of(item: Item) -> Delivery:
    """The delivery of its row."""
    return Delivery(
        tenant=TenantScope(item["merchant_id"], item["mode"]),
        delivery_id=item["delivery_id"],
        endpoint_id=item["endpoint_id"],
        event_id=item["event_id"],
        event_type=item["event_type"],
        feed_shard=item["feed_shard"],
        position=item["position"],
        created_at=item["created_at"],
        status=Status(item["status"]),
        attempts=tuple(Attempt.of(row) for row in item["attempts"]),
        next_attempt_at=item.get("next_attempt_at"),
        due_at=None if item["status"] == Status.EXHAUSTED else item.get("due_at"),
        lease_until=item.get("lease_until"),
        end_reason=EndReason(item["end_reason"]) if "end_reason" in item else None,
        round_from=item.get("round_from", 0),
        round_at=item.get("round_at"),
        deferrals=item.get("deferrals", 0),
        held_since=item.get("held_since"),
    )


def _changing(delivery: Delivery) -> Item:
    due = _place_in_the_due_index(delivery)
    return {
        "status": delivery.status.value,
        "claims": delivery.claims,
        "takes": 0,
        "attempts": [attempt.item() for attempt in delivery.attempts],
        "next_attempt_at": delivery.next_attempt_at,
        "lease_until": delivery.lease_until,
        "end_reason": delivery.end_reason.value if delivery.end_reason else None,
        "due_pk": due[0],
        "due_at": due[1],
        "round_from": delivery.round_from,
        "round_at": delivery.round_at,
        "deferrals": delivery.deferrals,
        "held_since": delivery.held_since,
    }


def _place_in_the_due_index(delivery: Delivery) -> tuple[str, str] | tuple[None, None]:
    """Among what is due; or, when it did not arrive, in a list of its endpoint's own: few are in it
    among many, and they are looked for."""
    if delivery.due_at is not None:
        return due_pk(shard_of(delivery.delivery_id, DUE_SHARDS)), delivery.due_at
    if delivery.status is Status.EXHAUSTED:
        return exhausted_pk(delivery.tenant, delivery.endpoint_id), delivery.delivery_id
    return None, None
