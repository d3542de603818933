"""Creating a PaymentIntent, and confirming it in the same call if asked to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from farthing.clock import to_text
from farthing.errors import not_found
from farthing.http.idempotency_key import IdempotentRequest
from farthing.http.response import Response, created
from farthing.ids import instant_of
from farthing.payments import idempotency
from farthing.payments.confirm import authorize, confirm
from farthing.payments.customer import customer_key
from farthing.payments.guarded import Guarded, commit
from farthing.payments.instruments import Paying, read_instrument
from farthing.payments.intent import CaptureMethod, Instrument, Intent
from farthing.payments.method_rules import require_payable
from farthing.payments.payable import Payable, creation_event
from farthing.payments.perform import impossible, key_used
from farthing.payments.replay import replay
from farthing.payments.scoring import keys_in_force
from farthing.payments.services import Services
from farthing.payments.views import show_intent
from farthing.store import NOT_CREATED, Item, Key, Put

CREATED_STATUS = 201


@dataclass(frozen=True)
class NewIntent:
    """What the caller wants. `amount_cents` in the minor unit of `currency` (lower case)."""

    amount_cents: int
    currency: str
    capture_method: CaptureMethod
    confirm: bool
    paying: Paying
    customer_id: str | None = None
    ip_address: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


def create(
    new: NewIntent, request: IdempotentRequest, request_id: str, services: Services
) -> Response:
    """The new intent, or what a first try under this key got. Raises FarthingError."""
    row = idempotency.row_key(services.tenant, request.row_id)
    paying_key = new.paying.key(services.tenant)
    customer_key = _customer_key(new, services)
    wanted = [key for key in (row, paying_key, customer_key) if key is not None]
    wanted += keys_in_force(services.tenant) if new.confirm else []
    found = services.store.batch_get(wanted)
    earlier = idempotency.examine(found.get(row), request, services.now())
    if not earlier.is_new:
        return replay(earlier, services)
    if earlier.intent_id is not None:
        return confirm(
            earlier.intent_id,
            Paying(),
            request,
            request_id,
            services,
            success_status=CREATED_STATUS,
        )
    intent = _intent(new, found, paying_key, customer_key, services)
    if new.confirm:
        return authorize(
            Payable(intent),
            request,
            request_id,
            services,
            success_status=CREATED_STATUS,
            found=found,
        )
    return _store(intent, request, services)


def _intent(
    new: NewIntent,
    found: Mapping[Key, Item],
    paying_key: Key | None,
    customer_key: Key | None,
    services: Services,
) -> Intent:
    if customer_key is not None and customer_key not in found:
        raise not_found("customer", new.customer_id or "")
    instrument: Instrument | None = None
    if paying_key is not None:
        instrument = read_instrument(new.paying, found.get(paying_key), new.customer_id)
    intent_id = services.new_id("pi")
    intent = Intent(
        tenant=services.tenant,
        intent_id=intent_id,
        amount_cents=new.amount_cents,
        currency=new.currency,
        capture_method=new.capture_method,
        created_at=to_text(instant_of(intent_id)),
        customer_id=new.customer_id or (instrument.customer_id if instrument else None),
        instrument=instrument,
        ip_address=new.ip_address,
        metadata=new.metadata,
        event_sequence=1,
    )
    if instrument is not None:
        require_payable(intent, instrument)
    return intent


def _store(intent: Intent, request: IdempotentRequest, services: Services) -> Response:
    """One transaction: key with its answer, intent, event. Nothing is sent."""
    answer = created(show_intent(intent))
    guarded = [
        key_used(request, answer, services),
        Guarded(Put(intent.key, intent.to_item(), NOT_CREATED), impossible),
        creation_event(intent, services),
    ]
    return commit(services.store, guarded) or answer


def _customer_key(new: NewIntent, services: Services) -> Key | None:
    if new.customer_id is None:
        return None
    return customer_key(services.tenant, new.customer_id)
