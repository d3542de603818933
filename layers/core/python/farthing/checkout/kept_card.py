"""The card of a paid session, kept for its customer's later payments if the session says so.

It is kept after the payment, by whoever sees first that it was approved: the request itself, a
read of the session, or the tick at the session's end. The method's id follows from the token, so
all of them make the same one, once; a card that was declined is never kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from farthing.errors import FarthingError
from farthing.payments import customer as customers
from farthing.payments.checkout import SessionStatus, attempt_status
from farthing.payments.customer import change_methods, customer_key
from farthing.payments.intent import Intent
from farthing.payments.payment_method import from_face, method_key, to_item
from farthing.payments.services import Services
from farthing.store import NOT_CREATED, Condition, ConditionFailed, Put, StoreBusy, Update
from farthing.vault.card_face import CardFace, card_face_key

TRIES_MAX = 5


@dataclass(frozen=True)
class Spent:
    """What a payment was made with: the token, and what later payments by the card refer to."""

    intent_id: str
    customer_id: str
    token: str
    network_reference: str | None


def keep_card(intent: Intent | None, services: Services) -> None:
    """Make a payment method of what paid, unless that was done. Never raises for a lost race.

    A customer who has as many methods as may be keeps those.
    """
    spent = to_be_kept(intent)
    if spent is None:
        return
    for attempt in range(TRIES_MAX):
        try:
            if _keep(spent, services):
                return
        except (FarthingError, StoreBusy):
            return
        services.pause(attempt)


def to_be_kept(intent: Intent | None) -> Spent | None:
    """What an approved payment was made with, if its session keeps the card."""
    if intent is None or intent.checkout is None or not intent.checkout.saves_card:
        return None
    if intent.authorization is None or intent.instrument is None or intent.customer_id is None:
        return None
    if attempt_status(intent) is not SessionStatus.PAID:
        return None
    reference = intent.authorization.network_reference
    return Spent(intent.intent_id, intent.customer_id, intent.instrument.token, reference)


def method_id_of(token: str) -> str:
    """The id of the method that is made of a token."""
    return f"pm_{token.split('_', 1)[1]}"


def paid_with(intent_id: str) -> Condition:
    """PAID_WITH: the token was spent on this payment, and on nothing since."""
    return Condition("PAID_WITH", "#claimed_by = :intent", {"intent": intent_id})


def _keep(spent: Spent, services: Services) -> bool:
    """Whether it is kept now, by us or by somebody else; not if the customer changed meanwhile."""
    tenant, method_id = services.tenant, method_id_of(spent.token)
    method, face = method_key(tenant, method_id), card_face_key(tenant, spent.token)
    customer = customer_key(tenant, spent.customer_id)
    found = services.store.batch_get([method, face, customer])
    if method in found or face not in found:
        return True  # done; or the card is gone, as it goes when nobody came to keep it for days
    owner = customers.from_item(found[customer])
    shown = CardFace.from_item(found[face])
    kept = replace(
        from_face(shown, method_id, owner.customer_id, None, services.now()),
        network_reference=spent.network_reference,
    )
    saved = {"claimed_by": method_id}
    try:
        services.store.write(
            change_methods(owner, owner.methods.attach(method_id, as_default=False), tenant),
            Put(method, to_item(kept, tenant), NOT_CREATED),
            Update(face, paid_with(spent.intent_id), set=saved, remove=("expires_at",)),
        )
    except ConditionFailed:
        return False
    return True
