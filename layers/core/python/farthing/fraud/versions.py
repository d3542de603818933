"""Lists of what was in force one after the other: versions count from 1 and are kept for good."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from farthing.http.page import page_request, unknown_cursor
from farthing.store import Item
from farthing.store.port import Queries

VERSIONS_SK = "VERSION#"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,7}")


@dataclass(frozen=True)
class VersionPage:
    """How much is asked for; `before` is the version that was seen last."""

    limit: int
    before: int | None


def number_of(text: str) -> int | None:
    """The version that a path or a cursor names, if it can be one."""
    return int(text) if _NUMBER.fullmatch(text) else None


def version_page(query: Mapping[str, str]) -> VersionPage:
    """The page asked for. Raises FarthingError; whether `before` is there is still to be asked."""
    cursor = query.get("starting_after")
    rest = {name: text for name, text in query.items() if name != "starting_after"}
    limit = page_request(rest, "").limit
    before = None if cursor is None else number_of(cursor)
    if cursor is not None and before is None:
        raise unknown_cursor(cursor)
    return VersionPage(limit, before)


def version_sk(version: int) -> str:
    """A version's sort key, in the partition that has them all."""
    return f"{VERSIONS_SK}{version:08d}"


def newest_versions(store: Queries, pk: str, before: int | None, limit: int) -> list[Item]:
    """The `limit` rows before a version, or the newest; fewer are all that there are.

    A read ends at 1 MB, which a few large versions fill.
    """
    found: list[Item] = []
    start: Item | None = None
    while len(found) < limit:
        page = store.query(
            "risk",
            pk,
            sk_after=VERSIONS_SK,
            sk_before=f"{VERSIONS_SK}~" if before is None else version_sk(before),
            newest_first=True,
            limit=limit - len(found),
            start=start,
        )
        found += page.items
        start = page.next_start
        if start is None:
            break
    return found
