"""Lists: `limit`, `starting_after`, newest first, `{"data": […], "has_more": …}`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from farthing.clock import from_text
from farthing.errors import UNKNOWN_CURSOR, FarthingError, invalid
from farthing.http.response import Response, ok
from farthing.ids import is_id

LIMIT_DEFAULT = 10
LIMIT_MAX = 100
_LIMIT = re.compile(r"[1-9][0-9]?|100")


@dataclass(frozen=True)
class PageRequest:
    """How much of a list is asked for. `starting_after` is the id of the last one seen."""

    limit: int
    starting_after: str | None


def page_request(query: Mapping[str, str], prefix: str, *filters: str) -> PageRequest:
    """The page asked for. Raises FarthingError for a bad limit, cursor or unknown parameter."""
    for name in query:
        if name not in {"limit", "starting_after", *filters}:
            raise invalid(name, "is not a parameter of this list")
    text = query.get("limit", str(LIMIT_DEFAULT))
    if not _LIMIT.fullmatch(text):
        raise invalid("limit", f"is a whole number from 1 to {LIMIT_MAX}")
    cursor = query.get("starting_after")
    if cursor is not None and not is_id(prefix, cursor):
        raise unknown_cursor(cursor)
    return PageRequest(int(text), cursor)


def unknown_cursor(cursor: str) -> FarthingError:
    """The cursor names nothing that this caller could have seen."""
    return FarthingError(UNKNOWN_CURSOR, f"starting_after: there is no {cursor[:64]}")


def time_filter(query: Mapping[str, str], name: str) -> datetime | None:
    """A time in the query. Raises FarthingError if it is no RFC 3339 time with a zone."""
    text = query.get(name)
    if text is None:
        return None
    try:
        return from_text(text)
    except (ValueError, OverflowError) as error:
        raise invalid(name, "is an RFC 3339 time, such as 2026-11-22T09:00:00Z") from error


def choice_filter(query: Mapping[str, str], name: str, choices: Iterable[str]) -> str | None:
    """One of `choices` in the query, or None. Raises FarthingError for anything else."""
    text = query.get(name)
    if text is not None and text not in set(choices):
        raise invalid(name, "is one of " + ", ".join(choices))
    return text


def page(data: list[dict[str, Any]], *, has_more: bool) -> Response:
    """One page of a list."""
    return ok({"data": data, "has_more": has_more})
