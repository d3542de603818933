"""The rules by which a session is paid once, as the database sees them."""

from __future__ import annotations

from farthing.store import Condition


def no_other_attempt(version: int) -> Condition:
    """NO_OTHER_ATTEMPT: nobody began one, or ended the session, since it was read."""
    return Condition("NO_OTHER_ATTEMPT", "#version = :version", {"version": version})


def not_expired(now: str) -> Condition:
    """NOT_EXPIRED: its time is not over, also at the last second."""
    return Condition("NOT_EXPIRED", "#expires_at > :now", {"now": now})
