"""Cards that nobody needs any more go: out of the vault, and their faces out of the payments table.

The due index says which faces to look at. Each is read itself, with its holder and its rows in the
vault, `retention` decides, and the decision is written on conditions. A CVC that nobody may read
any more goes at the first look, whatever becomes of its card: the table's own broom may take days.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from farthing.clock import from_text, later, to_text
from farthing.store.condition import Condition
from farthing.store.errors import ConditionFailed
from farthing.store.item import Item, Key
from farthing.store.page import DUE
from farthing.store.port import Gets, Lists, Queries, Writes
from farthing.store.scope import TenantScope
from farthing.store.write import Delete, Update
from farthing.vault.envelope import TokenRef
from farthing.vault.face_due import DUE_SHARDS, due_pk
from farthing.vault.retention import (
    AGAIN_SECONDS,
    Facts,
    Verdict,
    decide,
    holder_key,
    still_due,
)
from farthing.vault.rows import card_key, cvc_key

OLDEST_METRIC = "OldestCardToPurgeSeconds"
SHARD_PAGE_ITEMS = 25
AT_ONCE = 8
STOP_SECONDS = 20
"""With less time left, no other page is begun."""


class PurgeStore(Gets, Queries, Lists, Writes, Protocol):
    """What is needed of the payments table and the vault's."""


class PurgeIncomplete(Exception):
    """Some cards could not be seen to. They come up again within the hour; somebody should look."""


@dataclass(frozen=True)
class Services:
    """Every merchant's cards, for one run. `at_once` does something to several things at a time."""

    store: PurgeStore
    now: datetime
    expired_months: int
    at_once: Callable[[Callable[[Item], Verdict | None], Sequence[Item], int], list[Verdict | None]]
    seconds_left: Callable[[], float]
    gauge: Callable[[str, int], None]
    log_failure: Callable[[Exception], None]
    log_odd: Callable[[TenantScope, str], None]


FAILED = "FAILED"


def purge(services: Services) -> dict[str, int]:
    """See to every card that is due. How many were kept, closed and purged.

    Raises PurgeIncomplete, after all others, if some could not be seen to.
    """
    counts: Counter[str] = Counter()
    oldest = timedelta()

    def see_to(face: Item) -> Verdict | None:
        try:
            return _see_to(face, services)
        except Exception as error:  # noqa: BLE001 - one card must not stop the others
            services.log_failure(error)
            counts[FAILED] += 1
            _put_off(face, services)
            return None

    shards = [(services.now.minute + shard) % DUE_SHARDS for shard in range(DUE_SHARDS)]
    moved = 1
    while moved and services.seconds_left() >= STOP_SECONDS:
        moved = 0
        for shard in shards:
            faces = _due(due_pk(shard), services)
            for face in faces[:1]:
                oldest = max(oldest, services.now - from_text(face["due_at"]))
            if services.seconds_left() < STOP_SECONDS:
                break
            seen = [one for one in services.at_once(see_to, faces, AT_ONCE) if one is not None]
            counts.update(seen)
            moved += len(seen)
    services.gauge(OLDEST_METRIC, int(oldest.total_seconds()))
    if counts[FAILED]:
        raise PurgeIncomplete(f"{counts[FAILED]} beside {counts.total() - counts[FAILED]}")
    return {verdict.value.lower(): counts[verdict] for verdict in Verdict}


def _due(pk: str, services: Services) -> list[Item]:
    """The faces of one shard that are due, the longest waiting first. An index may lag."""
    now = to_text(services.now)
    page = services.store.query_index("payments", DUE, pk, sk_before=now, limit=SHARD_PAGE_ITEMS)
    return page.items


def _see_to(shown: Item, services: Services) -> Verdict | None:
    """Look at one card and write what becomes of it. None if it is not due, or somebody was faster.

    What decides is read here, consistently; of what the index showed, only where it is.
    """
    store = services.store
    key = Key("payments", shown["pk"], shown["sk"])
    face = store.get(key)
    if face is None or str(face.get("due_at", "~")) > to_text(services.now):
        return None
    ref = _ref(face)
    rows = store.query("vault", card_key(ref).pk).items
    _forget_cvc(rows, ref, services)
    holder = holder_key(ref.tenant, face)
    facts = Facts(
        tenant=ref.tenant,
        face=face,
        holder=store.get(holder) if holder is not None else None,
        rows=[Key("vault", row["pk"], row["sk"]) for row in rows],
        now=services.now,
        expired_months=services.expired_months,
    )
    decided = decide(facts)
    if decided.verdict is Verdict.ODD:
        services.log_odd(ref.tenant, ref.token)
    try:
        store.write(*decided.writes)
    except ConditionFailed:
        return None
    return decided.verdict


def _forget_cvc(rows: Sequence[Item], ref: TokenRef, services: Services) -> None:
    key, now = cvc_key(ref), to_text(services.now)
    if any(row["sk"] == key.sk and row["expires_at"] <= now for row in rows):
        with suppress(ConditionFailed):
            services.store.write(Delete(key, cvc_is_over(now)))


def cvc_is_over(now: str) -> Condition:
    """CVC_IS_OVER: nobody may read it any more."""
    return Condition("CVC_IS_OVER", "#expires_at <= :now", {"now": now})


def _put_off(face: Item, services: Services) -> None:
    """What cannot be seen to now holds up nothing, and comes up again within the hour."""
    key, again = Key("payments", face["pk"], face["sk"]), later(services.now, seconds=AGAIN_SECONDS)
    try:
        services.store.write(Update(key, still_due(face), set={"due_at": again}))
    except Exception as error:  # noqa: BLE001 - it is due again as it is
        services.log_failure(error)


def _ref(face: Item) -> TokenRef:
    """Whose card it is, by where its face is."""
    merchant_id, mode, _, token = face["pk"].split("#")
    return TokenRef(TenantScope(merchant_id, mode), token)
