"""How long a card is kept, decided from rows: its face, and who has claimed it. Pure.

    a token that nobody claimed       its fifteen minutes, and as long again: clocks differ
    one that an intent claimed        until nothing of that payment is in flight, and that time;
                                      two days if its checkout session is to save it
    a saved card                      as long as its method lives, and 8 days: what was begun
                                      before that may be sent again for seven
    one that expired N months ago     its method stays and can pay no more; 8 days later it goes

A face waits in the due index of the payments table for the time at which it is looked at. The index
only finds it: what is deleted is deleted on conditions about the face and its holder, in one
transaction with the card's rows in the vault. So of a card and its face both are there, or neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from farthing.clock import from_text, later, to_text
from farthing.network_tokens.due import due_marker
from farthing.network_tokens.port import TokenStatus
from farthing.payments import payment_method
from farthing.payments.intent import intent_key
from farthing.payments.payment_method import METHOD_SAVED, method_key
from farthing.payments.recovery import DAY, GIVEN_UP_SECONDS
from farthing.payments.states import Detail, Status
from farthing.store.condition import EXISTS, Condition
from farthing.store.item import Item, Key
from farthing.store.scope import TenantScope
from farthing.store.write import Check, Delete, Update, Write
from farthing.vault.face_due import GRACE_SECONDS, marker

AGAIN_SECONDS = 60 * 60
"""When a card is looked at again whose payment is in flight."""

ODD_SECONDS = DAY
"""When one is looked at again whose holder is not there, as after a restore: it is kept."""

LOOK_SECONDS_MAX = 30 * DAY
"""A saved card is looked at so often at least: the setting may have changed."""

TO_BE_SAVED = timedelta(days=2)
"""How long a paid card is there to be saved: a checkout session ends a day after it was made."""

SENDABLE_SECONDS = GIVEN_UP_SECONDS + DAY
"""How long after a method can pay no more something begun with it may need its card: nothing is
sent again after seven days. The rest is for clocks."""

WHATEVER_IS_THERE = Condition(
    "WHATEVER_IS_THERE", "attribute_exists(#pk) OR attribute_not_exists(#pk)"
)
"""A row of a card that goes: its rules are those of its face and its holder."""


class Verdict(StrEnum):
    """What becomes of a card."""

    KEPT = "KEPT"
    CLOSED = "CLOSED"
    PURGED = "PURGED"
    ODD = "ODD"


@dataclass(frozen=True)
class Decided:
    """The verdict and the transaction that makes it true."""

    verdict: Verdict
    writes: Sequence[Write]


@dataclass(frozen=True)
class Facts:
    """A face that is due, its holder if it has one, and the card's rows in the vault.

    `expired_months`: so long after its expiry a saved card goes; 0 is never.
    """

    tenant: TenantScope
    face: Item
    holder: Item | None
    rows: Sequence[Key]
    now: datetime
    expired_months: int

    @property
    def face_key(self) -> Key:
        """Where the face is."""
        return Key("payments", self.face["pk"], self.face["sk"])


def after_deletion(face_key: Key, token: str, now: datetime) -> Update:
    """The write that has the card of a deleted method looked at when nothing can need it any more.

    A saved card has its face as long as its method lives.
    """
    return Update(face_key, EXISTS, set=marker(token, later(now, seconds=SENDABLE_SECONDS)))


def holder_key(tenant: TenantScope, face: Item) -> Key | None:
    """The intent or the method that claimed a token; None if nobody did, or nobody that we know."""
    claimed_by = str(face.get("claimed_by", ""))
    if claimed_by.startswith("pi_"):
        return intent_key(tenant, claimed_by)
    if claimed_by.startswith(f"{payment_method.PREFIX}_"):
        return method_key(tenant, claimed_by)
    return None


def decide(facts: Facts) -> Decided:
    """What becomes of a card whose face is due."""
    claimed_by = str(facts.face.get("claimed_by", ""))
    if not claimed_by:
        return _unclaimed(facts)
    if facts.holder is None:
        return _keep(facts, ODD_SECONDS, Verdict.ODD)
    if claimed_by.startswith("pi_"):
        return _of_intent(facts, facts.holder)
    return _of_method(facts, facts.holder)


def _unclaimed(facts: Facts) -> Decided:
    if "expires_at" not in facts.face:
        return _keep(facts, ODD_SECONDS, Verdict.ODD)
    over = token_is_over(facts.now)
    if facts.face["expires_at"] > over.values["over"]:
        return _keep(facts, GRACE_SECONDS)
    return _purge(facts, over & NOBODYS)


def _of_intent(facts: Facts, intent: Item) -> Decided:
    """A token can be claimed by its intent for as long as it lives, and each time is an operation.

    After that no other one can begin with it, so once none is open, none will be.
    """
    over = token_is_over(facts.now)
    if facts.face.get("expires_at", "") > over.values["over"]:
        return _keep(facts, GRACE_SECONDS)
    if _needs_card(intent) or _is_to_be_saved(facts, intent):
        return _keep(facts, AGAIN_SECONDS)
    key = Key("payments", intent["pk"], intent["sk"])
    return _purge(facts, over & held_by(facts.face["claimed_by"]), Check(key, NEEDS_NO_CARD))


def _of_method(facts: Facts, method: Item) -> Decided:
    key, now = Key("payments", method["pk"], method["sk"]), facts.now
    long_ago = to_text(now - timedelta(seconds=SENDABLE_SECONDS))
    if deleted_at := method.get("deleted_at"):
        if deleted_at > long_ago:
            return _keep_until(facts, later(from_text(deleted_at), seconds=SENDABLE_SECONDS))
        deleted = Check(key, ended_before("deleted_at", long_ago))
        return _purge(facts, held_by(facts.face["claimed_by"]), deleted)
    if closed_at := method.get("closed_at"):
        if closed_at > long_ago:
            return _keep_until(facts, later(from_text(closed_at), seconds=SENDABLE_SECONDS))
        closed = Check(key, ended_before("closed_at", long_ago) & METHOD_SAVED)
        return Decided(Verdict.PURGED, [closed, *_rows_go(facts), _unmarked(facts)])
    ends_at = _ends_at(method, facts.expired_months)
    if ends_at is None or to_text(now) < ends_at:
        latest = later(now, seconds=LOOK_SECONDS_MAX)
        return _keep_until(facts, min(latest, ends_at or latest))
    return Decided(
        Verdict.CLOSED,
        [
            Update(
                key, method_expired(method), set={"closed_at": to_text(now)} | _token_goes(facts)
            ),
            _looked_at(facts, later(now, seconds=SENDABLE_SECONDS)),
        ],
    )


# --- the rules, as the database sees them --------------------------------------------------------

NOBODYS = Condition("NOBODYS", "attribute_not_exists(#claimed_by)")
"""Nobody has claimed the token."""

NEEDS_NO_CARD = Condition(
    "NEEDS_NO_CARD",
    "attribute_not_exists(#open_operation) AND "
    "(#status <> :processing OR #status_detail = :requires_capture)",
    {"processing": Status.PROCESSING.value, "requires_capture": Detail.REQUIRES_CAPTURE.value},
)
"""Nothing of the payment is in flight that might be sent again: what is held is captured, given
back and refunded without the card."""


def token_is_over(now: datetime) -> Condition:
    """TOKEN_IS_OVER: its time ended so long ago that nobody's clock lets it be claimed."""
    over = to_text(now - timedelta(seconds=GRACE_SECONDS))
    return Condition("TOKEN_IS_OVER", "#expires_at <= :over", {"over": over})


def held_by(claimed_by: str) -> Condition:
    """HELD_BY: the card is still that of the payment or the method whose row was read."""
    return Condition("HELD_BY", "#claimed_by = :holder", {"holder": claimed_by})


def ended_before(attribute: str, long_ago: str) -> Condition:
    """ENDED_LONG_AGO: since then it can pay no more, and nothing begun with it can be sent."""
    return Condition("ENDED_LONG_AGO", f"#{attribute} <= :long_ago", {"long_ago": long_ago})


def method_expired(method: Item) -> Condition:
    """METHOD_EXPIRED: it is saved, not closed, and its card expires when it did when it was
    read."""
    return METHOD_SAVED & Condition(
        "METHOD_EXPIRED",
        "attribute_not_exists(#closed_at) AND #exp_month = :month AND #exp_year = :year",
        {"month": method["exp_month"], "year": method["exp_year"]},
    )


def still_due(face: Item) -> Condition:
    """STILL_DUE: nobody has looked at the face since, or has given it another time."""
    return Condition("STILL_DUE", "#due_at = :due_seen", {"due_seen": face["due_at"]})


# --- how -----------------------------------------------------------------------------------------


def _needs_card(intent: Item) -> bool:
    """The same rule as NEEDS_NO_CARD."""
    held = intent.get("status_detail") == Detail.REQUIRES_CAPTURE
    return "open_operation" in intent or (intent["status"] == Status.PROCESSING and not held)


def _is_to_be_saved(facts: Facts, intent: Item) -> bool:
    """Whether its checkout session makes a method of it, which is done when the session is read or
    ends. A customer may have no room for it, so it is not waited for longer. What a person had to
    look at was not paid before."""
    if not intent.get("checkout", {}).get("saves_card") or "authorization" not in intent:
        return False
    looked_at = intent.get("review", {}).get("closed_at") or ""
    paid_at: str = max(facts.face["created_at"], looked_at)
    return paid_at > to_text(facts.now - TO_BE_SAVED)


def _ends_at(method: Mapping[str, object], expired_months: int) -> str | None:
    """When the number of a saved card goes; None if it stays as long as its method."""
    month, year = method.get("exp_month"), method.get("exp_year")
    if not expired_months or not isinstance(month, int) or not isinstance(year, int):
        return None
    months = (
        year * 12 + month + expired_months
    )  # the month after the one in which it expires, and N
    return to_text(datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC))


def _token_goes(facts: Facts) -> Item:
    """Where there may be a network token, somebody is to see to it that there is none."""
    method = facts.holder or {}
    if method.get("network_token") in {None, TokenStatus.DELETED}:
        return {}
    return due_marker(method["method_id"], to_text(facts.now))


def _purge(facts: Facts, face_rule: Condition, *checks: Check) -> Decided:
    face = Delete(facts.face_key, face_rule & still_due(facts.face))
    return Decided(Verdict.PURGED, [face, *checks, *_rows_go(facts)])


def _rows_go(facts: Facts) -> list[Write]:
    return [Delete(key, WHATEVER_IS_THERE) for key in facts.rows]


def _keep(facts: Facts, seconds: int, verdict: Verdict = Verdict.KEPT) -> Decided:
    return _keep_until(facts, later(facts.now, seconds=seconds), verdict)


def _keep_until(facts: Facts, at: str, verdict: Verdict = Verdict.KEPT) -> Decided:
    return Decided(verdict, [_looked_at(facts, at)])


def _looked_at(facts: Facts, at: str) -> Update:
    return Update(facts.face_key, still_due(facts.face), set={"due_at": at})


def _unmarked(facts: Facts) -> Update:
    """Not looked at again, unless its method is deleted."""
    return Update(facts.face_key, still_due(facts.face), remove=("due_pk", "due_at"))
