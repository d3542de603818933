"""The end of a session that nobody paid: when its time is over, or because its merchant says so.

It ends on the condition that no attempt has begun since it was read, so a payer who was in time
wins, and a session with an attempt at work waits for its outcome.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from farthing.checkout.conditions import no_other_attempt
from farthing.checkout.kept_card import keep_card
from farthing.checkout.pay import over
from farthing.checkout.read import Found, retrieve, with_attempt
from farthing.checkout.session import Session, session_key
from farthing.checkout.views import show_expired
from farthing.clock import to_text
from farthing.payments.begin import in_progress
from farthing.payments.checkout import SessionStatus
from farthing.payments.event import session_event_put
from farthing.payments.services import Services
from farthing.store import EXISTS, ConditionFailed, StoreBusy, Update

TRIES_MAX = 3
LOOK_AGAIN = timedelta(minutes=10)
"""When a session is looked at again that had an attempt at work at its end."""

LOOK_AGAIN_UNDER_REVIEW = timedelta(hours=1)
"""The same where the attempt waits for a person, which may take days."""


def expire(session_id: str, services: Services) -> Found:
    """End it now, for its merchant. Raises FarthingError if it was paid, or is being paid."""
    for _ in range(TRIES_MAX):
        found = retrieve(session_id, services)
        status = found.status(services.now())
        if status is SessionStatus.PROCESSING:
            raise in_progress()
        if status is SessionStatus.PAID:
            raise over(status)
        if found.session.expired_at is not None:
            return found
        with suppress(ConditionFailed):
            _end(found, services)
    raise in_progress()


def end_if_due(session_id: str, services: Services) -> None:
    """End it if its time is over and nobody paid; else take it out of the due index, or wait."""
    item = services.store.get(session_key(services.tenant, session_id))
    if item is None or "due_pk" not in item:
        return
    found = with_attempt(Session.from_item(item), services)
    with suppress(ConditionFailed, StoreBusy):
        match found.status(services.now()):
            case SessionStatus.EXPIRED:
                _end(found, services)
            case SessionStatus.PAID:
                keep_card(found.intent, services)
                leave = Update(found.session.key, EXISTS, remove=("due_pk", "due_at"))
                services.store.write(leave)
            case SessionStatus.PROCESSING:
                reviewed = found.intent is not None and found.intent.is_under_review
                pause = LOOK_AGAIN_UNDER_REVIEW if reviewed else LOOK_AGAIN
                again = to_text(services.now() + pause)
                services.store.write(Update(found.session.key, EXISTS, set={"due_at": again}))


def _end(found: Found, services: Services) -> None:
    """One transaction: it is over, and its merchant is told. Raises ConditionFailed."""
    session, now = found.session, services.now()
    ended = Update(
        session.key,
        no_other_attempt(session.version),
        set={"expired_at": to_text(now)},
        add={"version": 1},
        remove=("due_pk", "due_at"),
    )
    shown, event_id = show_expired(session), services.new_id("evt")
    told = session_event_put(session.tenant, event_id, "checkout_session.expired", shown, now)
    services.store.write(ended, told)
