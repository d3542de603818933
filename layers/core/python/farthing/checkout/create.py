"""Creating a session, and the key that opens its page.

The key stands in the address after the `#`, which a browser keeps to itself: no server, ours
included, ever has it in a log. It is shown in this answer and in no other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from farthing.access.account import CardEntry, Settings
from farthing.access.checkout_key import checkout_key_put
from farthing.access.keys import NewKey, new_key
from farthing.access.principal import KeyKind, Mode
from farthing.acquiring.fit import require_amount, require_source
from farthing.checkout.sealed import seal
from farthing.checkout.session import LIFE_SECONDS, PREFIX, LineItem, Session
from farthing.checkout.views import show
from farthing.clock import later, to_text
from farthing.errors import INVALID_REQUEST, FarthingError, invalid, not_found
from farthing.http.idempotency_key import IdempotentRequest
from farthing.http.response import Response, created, dump
from farthing.ids import IdSource
from farthing.payments import idempotency
from farthing.payments.customer import customer_key
from farthing.payments.guarded import Guarded, commit
from farthing.payments.intent import CaptureMethod
from farthing.payments.perform import impossible
from farthing.store import EXISTS, NOT_CREATED, Check, Item, Put, TenantScope
from farthing.store.port import Store

SEALED = "sealed_key"


@dataclass(frozen=True)
class NewSession:
    """What the merchant asks for, checked. `currency` in lower case."""

    line_items: tuple[LineItem, ...]
    currency: str
    success_url: str
    cancel_url: str
    customer_id: str | None = None
    customer_email: str | None = None
    capture_method: CaptureMethod = CaptureMethod.AUTOMATIC
    saves_card: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Services:
    """What making a session needs. `store` gives a store that can also write the one key.

    `base_url` is where the API is reached, without a slash at the end.
    """

    tenant: TenantScope
    store: Callable[[NewKey], Store]
    entropy: bytes
    new_id: IdSource
    now: datetime
    base_url: str
    settings: Settings


def create(new: NewSession, request: IdempotentRequest, services: Services) -> Response:
    """The new session with its page's address, or what a first try under this key got.

    Raises FarthingError.
    """
    tenant, now = services.tenant, services.now
    session_id = services.new_id(PREFIX)
    key = _key(services.new_id("key"), tenant, services.entropy)
    store = services.store(key)
    row = idempotency.row_key(tenant, request.row_id)
    known = store.batch_get([row])
    if row in known and idempotency.examine(known[row], request, now).answer is not None:
        return _again(known[row], request, tenant)
    session = _session(new, session_id, services)
    require_taken(session, services.settings)
    page = f"{services.base_url}/checkout/{session_id}"
    answer = created({**show(session, None, now), "url": page})
    sealed = seal(services.entropy, request.key, session_id)
    pays_until = now + timedelta(seconds=LIFE_SECONDS)
    guarded = [
        _key_taken(request, answer, sealed, services),
        Guarded(Put(session.key, session.to_item(), NOT_CREATED), impossible),
        Guarded(checkout_key_put(key, session_id, now, pays_until), impossible),
        *_customer_exists(new.customer_id, tenant),
    ]
    return commit(store, guarded) or _opened(answer, key)


def require_taken(session: Session, settings: Settings) -> None:
    """Raises FarthingError if nobody could pay it: a payer is not to find that out."""
    if settings.card_entry is CardEntry.EXTERNAL:
        raise FarthingError(
            INVALID_REQUEST,
            "this merchant's cards are typed into its acquirer's own fields: our page takes none",
        )
    connector = settings.connector(session.currency)
    if connector is None:
        raise invalid("currency", f"no acquirer takes {session.currency} for this merchant")
    require_source(connector, None, session.currency, "currency")
    require_amount(connector, session.amount_cents, session.currency)


def _session(new: NewSession, session_id: str, services: Services) -> Session:
    return Session(
        tenant=services.tenant,
        session_id=session_id,
        created_at=to_text(services.now),
        expires_at=later(services.now, seconds=LIFE_SECONDS),
        **vars(new),
    )


def _key(key_id: str, tenant: TenantScope, entropy: bytes) -> NewKey:
    return new_key(key_id, tenant.merchant_id, Mode(tenant.mode), KeyKind.CHECKOUT, entropy)


def _key_taken(
    request: IdempotentRequest, answer: Response, sealed: bytes, services: Services
) -> Guarded:
    """The idempotency key, taken and done: with the answer, but for the session's key in it."""
    tenant, now = services.tenant, services.now
    put = idempotency.used(tenant, request, now, answer)

    def refuse(item: Item | None) -> Response:
        if item is None or idempotency.examine(item, request, now).answer is None:
            raise LookupError("an idempotency row vanished")
        return _again(item, request, tenant)

    return Guarded(Put(put.key, put.item | {SEALED: sealed}, put.when), refuse)


def _again(row: Item, request: IdempotentRequest, tenant: TenantScope) -> Response:
    """The answer of an earlier request with this key, the session's key in it again."""
    stored = idempotency.stored_answer(row)
    session_id = json.loads(stored.body)["session_id"]
    return _opened(stored, _key("", tenant, seal(row[SEALED], request.key, session_id)))


def _opened(answer: Response, key: NewKey) -> Response:
    """The answer with the address as a browser opens it."""
    shown: dict[str, Any] = json.loads(answer.body)
    body = dump(shown | {"url": f"{shown['url']}#{key.text}"})
    return Response(answer.status, body, answer.content_type, answer.headers)


def _customer_exists(customer_id: str | None, tenant: TenantScope) -> list[Guarded]:
    if customer_id is None:
        return []

    def refuse(item: Item | None) -> Response:
        raise not_found("customer", customer_id)

    return [Guarded(Check(customer_key(tenant, customer_id), EXISTS), refuse)]
