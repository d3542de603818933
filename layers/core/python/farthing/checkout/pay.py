"""Paying a session: an attempt of its own each time, and never two at once.

    read     the session, its newest attempt, the card's face: one batched read, and one more
    refuse   an attempt is at work, its outcome is unknown, it was paid, the time is over
    Tx-1     as for every payment, and the session: it names this attempt now, on the condition
             that it is the session that was read (NO_OTHER_ATTEMPT) and in time (NOT_EXPIRED)

So of any number of requests, whatever their keys and tokens, one begins an attempt and the others
are told that one is at work. What sent nothing leaves its attempt as it was, and that one is begun
again; what was declined is over for good, and another one begins.
"""

from __future__ import annotations

from dataclasses import replace

from farthing.checkout.conditions import no_other_attempt, not_expired
from farthing.checkout.kept_card import keep_card
from farthing.checkout.read import Found, require, with_attempt
from farthing.checkout.session import ATTEMPTS_MAX, Session, key_of
from farthing.clock import to_text
from farthing.errors import LIMIT_REACHED, WRONG_STATE, FarthingError, invalid
from farthing.http.idempotency_key import IdempotentRequest
from farthing.http.response import Response
from farthing.ids import instant_of
from farthing.method_type import MethodType
from farthing.payments import idempotency, states
from farthing.payments.begin import in_progress
from farthing.payments.checkout import SessionStatus
from farthing.payments.confirm import authorize
from farthing.payments.guarded import Guarded
from farthing.payments.instruments import Paying, read_instrument
from farthing.payments.intent import Instrument, Intent, intent_key
from farthing.payments.payable import Payable
from farthing.payments.replay import replay
from farthing.payments.scoring import keys_in_force
from farthing.payments.services import Services
from farthing.store import Item, Update
from farthing.vault.card_face import card_face_key

SUCCESS_STATUS = 200


def pay(
    session_id: str,
    token: str,
    request: IdempotentRequest,
    ip_address: str | None,
    request_id: str,
    services: Services,
) -> Response:
    """Charge or authorize what the session asks for, by this card. Raises FarthingError."""
    row = idempotency.row_key(services.tenant, request.row_id)
    key, face = key_of(services.tenant, session_id), card_face_key(services.tenant, token)
    known = services.store.batch_get([row, key, face, *keys_in_force(services.tenant)])
    earlier = idempotency.examine(known.get(row), request, services.now())
    if not earlier.is_new:
        return replay(earlier, services)
    found = with_attempt(require(session_id, known.get(key)), services)
    require_payable(found, services)
    card = read_instrument(Paying(token=token), known.get(face), found.session.customer_id)
    if card.type is not MethodType.CARD:
        raise invalid("token", "is of no card, and a checkout session is paid by card")
    payable = _attempt(found, card, ip_address, services)
    answer = authorize(
        payable, request, request_id, services, success_status=SUCCESS_STATUS, found=known
    )
    if answer.status == SUCCESS_STATUS and found.session.saves_card:
        keep_card(_read(payable.intent, services), services)
    return answer


def require_payable(found: Found, services: Services) -> None:
    """Raises FarthingError unless the session waits for a payer.

    The same rules guard the write: this one gives the payer a good message, those hold when two
    requests race.
    """
    status = found.status(services.now())
    if status is SessionStatus.PROCESSING:
        raise in_progress()
    if status is not SessionStatus.OPEN:
        raise over(status)
    if _begins_anew(found.intent) and found.session.attempts >= ATTEMPTS_MAX:
        raise FarthingError(LIMIT_REACHED, f"{ATTEMPTS_MAX} cards were tried: start a new purchase")


def over(status: SessionStatus) -> FarthingError:
    """It was paid, or it cannot be paid any more."""
    return FarthingError(
        WRONG_STATE,
        f"a checkout session that is {status.value} cannot be paid",
        extensions={"session_status": status.value},
    )


def _begins_anew(intent: Intent | None) -> bool:
    """Whether there is no attempt that sent nothing, and can be begun again."""
    return intent is None or intent.state != states.NEW


def _attempt(found: Found, card: Instrument, ip_address: str | None, services: Services) -> Payable:
    """The payment that this attempt is, and the session's part in its Tx-1."""
    session, before = found.session, found.intent
    if before is not None and not _begins_anew(before):
        again = replace(before, instrument=card, ip_address=ip_address)
        return Payable(again, before, (_named(session, before.intent_id, 0, services),))
    intent_id = services.new_id("pi")
    intent = Intent(
        tenant=services.tenant,
        intent_id=intent_id,
        amount_cents=session.amount_cents,
        currency=session.currency,
        capture_method=session.capture_method,
        created_at=to_text(instant_of(intent_id)),
        customer_id=session.customer_id,
        instrument=card,
        ip_address=ip_address,
        metadata=session.metadata,
        event_sequence=1,
        checkout=session.checkout,
    )
    return Payable(intent, None, (_named(session, intent_id, 1, services),))


def _named(session: Session, intent_id: str, attempts: int, services: Services) -> Guarded:
    """The session's write of Tx-1: its newest attempt is this one, if nobody was faster."""
    now = to_text(services.now())
    update = Update(
        session.key,
        no_other_attempt(session.version) & not_expired(now),
        set={"intent_id": intent_id},
        add={"attempts": attempts, "version": 1},
    )

    def refuse(item: Item | None) -> Response:
        if item is None:
            raise LookupError("a checkout session vanished")
        if "expired_at" in item or item["expires_at"] <= now:
            raise over(SessionStatus.EXPIRED)
        raise in_progress()

    return Guarded(update, refuse)


def _read(intent: Intent, services: Services) -> Intent:
    item = services.store.get(intent_key(services.tenant, intent.intent_id))
    if item is None:
        raise LookupError(intent.intent_id)
    return Intent.from_item(item)
