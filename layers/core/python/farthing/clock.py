"""Time as text and as a parameter.

Nobody asks the system for the time but `runtime`; everybody else is given an instant. Instants
are stored as RFC 3339 UTC with milliseconds, so that text order is time order and a DynamoDB
condition can compare them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What tells the time: the system's, a test stack's shifted one, or a simulator's."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        ...


def to_text(at: datetime) -> str:
    """`2026-11-22T09:00:00.123Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def from_text(text: str) -> datetime:
    """The instant of an RFC 3339 text. Raises ValueError for anything without a time zone."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"a time needs a zone, such as Z: {text!r}")
    return at.astimezone(UTC)


def epoch_seconds(at: datetime) -> int:
    """Whole seconds since 1970, the form that DynamoDB's TTL wants."""
    return int(at.timestamp())


def later(at: datetime, *, seconds: int) -> str:
    """The text of the instant `seconds` after `at`."""
    return to_text(at + timedelta(seconds=seconds))
