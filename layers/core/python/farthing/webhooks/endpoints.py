"""What a merchant does with its endpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from farthing.clock import to_text
from farthing.errors import CONFLICT, LIMIT_REACHED, FarthingError, invalid, not_found
from farthing.ids import IdSource, is_id
from farthing.store import (
    EXISTS,
    NOT_CREATED,
    ConditionFailed,
    Delete,
    Key,
    Put,
    TenantScope,
    Update,
    Value,
)
from farthing.store.port import Store
from farthing.webhooks.endpoint import (
    ENDPOINTS_MAX,
    OVERLAP_SECONDS,
    ROOM_FOR_ANOTHER,
    DisabledReason,
    Endpoint,
    Payload,
    old_secrets_value,
    secret_is_still,
    with_first,
)
from farthing.webhooks.endpoint_news import ping_of
from farthing.webhooks.gate import Gate
from farthing.webhooks.gate_row import change_gate
from farthing.webhooks.keys import (
    ENDPOINT_PREFIX,
    TABLE,
    endpoint_count_key,
    endpoint_key,
    endpoints_pk,
    gate_key,
)
from farthing.webhooks.ports import Queue
from farthing.webhooks.signature import SECRET_BYTES, make_secret
from farthing.webhooks.url import UrlRefused, parse_url


@dataclass(frozen=True)
class Services:
    """One merchant's view of the world, for one request."""

    tenant: TenantScope
    store: Store
    now: datetime
    new_id: IdSource
    entropy: Callable[[int], bytes]
    allow_loopback: bool
    queue: Queue
    log_failure: Callable[[Exception], None]


def create(
    services: Services,
    *,
    url: str,
    event_types: list[str],
    description: str = "",
    metadata: Mapping[str, str] | None = None,
    payload: str = Payload.FULL,
    retry_delays_seconds: list[int] | None = None,
) -> Endpoint:
    """A new endpoint with its secret, and the news of it. Raises FarthingError for a bad URL or one
    too many."""
    delays = with_first(retry_delays_seconds)
    endpoint = Endpoint(
        endpoint_id=services.new_id(ENDPOINT_PREFIX),
        url=_checked_url(services, url),
        event_types=tuple(event_types),
        description=description,
        metadata=dict(metadata or {}),
        created_at=to_text(services.now),
        livemode=services.tenant.mode == "live",
        secret=make_secret(services.entropy(SECRET_BYTES)),
        payload=Payload(payload),
        retry_delays=None if delays is None else tuple(delays),
    )
    try:
        services.store.write(
            Update(
                endpoint_count_key(services.tenant),
                ROOM_FOR_ANOTHER,
                set={"entity": "webhook_endpoint_count"},
                add={"endpoints": 1},
            ),
            Put(_key(services, endpoint.endpoint_id), endpoint.item(), NOT_CREATED),
            ping_of(services.tenant, endpoint).put(),
        )
    except ConditionFailed as error:
        if error.condition != ROOM_FOR_ANOTHER.name:
            raise
        raise FarthingError(
            LIMIT_REACHED, f"there are {ENDPOINTS_MAX} webhook endpoints already; delete one first"
        ) from error
    return endpoint


def get(services: Services, endpoint_id: str) -> Endpoint:
    """One endpoint. Raises FarthingError if this merchant has none of that id."""
    item = None
    if is_id(ENDPOINT_PREFIX, endpoint_id):
        item = services.store.get(_key(services, endpoint_id))
    if item is None:
        raise not_found("webhook endpoint", endpoint_id)
    return Endpoint.of(item)


def every(services: Services) -> list[Endpoint]:
    """All endpoints, newest first. There are few, by ROOM_FOR_ANOTHER."""
    return endpoints_of(services.store, services.tenant)


def endpoints_of(store: Store, tenant: TenantScope) -> list[Endpoint]:
    """All endpoints of a merchant and mode, newest first."""
    page = store.query(
        TABLE, endpoints_pk(tenant), sk_prefix=f"{ENDPOINT_PREFIX}_", newest_first=True
    )
    return [Endpoint.of(item) for item in page.items]


@dataclass(frozen=True)
class Change:
    """The endpoint after an update; and, if that turned it on again, since when it may have missed
    something: it was off, or failed before."""

    after: Endpoint
    recover_since: str | None = None

    def view(self) -> dict[str, Any]:
        """The endpoint as the API shows it; after it was turned on, with what to recover."""
        since = self.recover_since
        return self.after.view() | ({"recover_since": since} if since else {})


def update(services: Services, endpoint_id: str, changes: Mapping[str, Any]) -> Change:
    """Change what was sent and leave the rest. `enabled` turns a disabled endpoint on again."""
    before = get(services, endpoint_id)
    changing: dict[str, Value] = dict(changes)
    if "url" in changing:
        _checked_url(services, changing["url"])
    if "retry_delays_seconds" in changing:
        changing["retry_delays"] = with_first(changes["retry_delays_seconds"])
        del changing["retry_delays_seconds"]
    since = None
    if changing.get("enabled") and not before.enabled:
        failing_since = _forgive(services, endpoint_id)
        since = min(filter(None, (before.disabled_at, failing_since)), default=None)
    elif changing.get("url", before.url) != before.url:
        _forgive(services, endpoint_id)
    if "enabled" in changing:
        changing |= _switched(before, to_text(services.now), on=changes["enabled"])
    if not changing:
        return Change(before)
    try:
        services.store.write(Update(_key(services, endpoint_id), EXISTS, set=changing))
    except ConditionFailed as error:
        raise not_found("webhook endpoint", endpoint_id) from error
    return Change(Endpoint.of(before.item() | changing), since)


def _forgive(services: Services, endpoint_id: str) -> str | None:
    """Before it is on again, or elsewhere: its next failure would turn it off at once, by what came
    before. Since when it failed."""
    at = gate_key(services.tenant, endpoint_id)
    gate = Gate.of(services.store.get(at))
    change_gate(services.store, at, gate, Gate.forgiven)
    return gate.failing_since


def _switched(before: Endpoint, now_text: str, *, on: bool) -> dict[str, Value]:
    """What goes with `enabled`. Who turns off what is off does not move the time of that."""
    if on:
        return {"disabled_reason": None, "disabled_at": None}
    since = now_text if before.enabled else before.disabled_at
    return {"disabled_reason": DisabledReason.MERCHANT.value, "disabled_at": since}


def rotate_secret(
    services: Services, endpoint_id: str, overlap_seconds: int = OVERLAP_SECONDS
) -> Endpoint:
    """A new secret. The old one signs too for `overlap_seconds`; 0 ends all that there were."""
    before = get(services, endpoint_id)
    secret = make_secret(services.entropy(SECRET_BYTES))
    after = before.rotated(secret, services.now, overlap_seconds)
    try:
        services.store.write(
            Update(
                _key(services, endpoint_id),
                secret_is_still(before.secret),
                set={"secret": after.secret, "old_secrets": old_secrets_value(after)},
            )
        )
    except ConditionFailed as error:
        raise FarthingError(CONFLICT, "somebody else rotated or deleted it just now") from error
    return after


def delete(services: Services, endpoint_id: str) -> None:
    """Remove it; what still waits to be sent to it is not sent. Its id is never used again."""
    get(services, endpoint_id)
    try:
        services.store.write(
            Delete(_key(services, endpoint_id), EXISTS),
            Update(endpoint_count_key(services.tenant), EXISTS, add={"endpoints": -1}),
        )
    except ConditionFailed as error:
        raise not_found("webhook endpoint", endpoint_id) from error


def _checked_url(services: Services, url: str) -> str:
    try:
        parse_url(url, allow_loopback=services.allow_loopback)
    except UrlRefused as error:
        raise invalid("url", str(error)) from error
    return url


def _key(services: Services, endpoint_id: str) -> Key:
    return endpoint_key(services.tenant, endpoint_id)
