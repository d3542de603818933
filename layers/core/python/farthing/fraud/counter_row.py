"""Where a counter is kept, and the one write that changes it.

Tx-1 writes that an attempt is in flight, beside the operation that it creates; Tx-2 writes that it
failed, or takes it away. Each is one conditional update of one item, so that a transaction can hold
it:

    what changes                    condition          two at once
    an attempt begins, or failed    COUNTER_AS_READ    the later one reads anew, and decides anew
    an attempt is taken away        EXISTS             both are written

Each attempt in flight is an attribute of its own, named by its operation, so taking one away
touches nothing that somebody else writes, and needs no version. What was read before it may count
one too many, never one too few.

Contention. Whoever loses a race in Tx-1 reads the counters again and asks the rules again, so two
that are tried at once cannot both be the fourth. A card tester's attempts all fail. Among them a
race is lost to one that begins or to one that fails: on each of the two counters three begin and
three fail before one more trips it, so after `RACES_MAX` tries an attempt is let in or refused. Who
loses more has lost to attempts that went well or were long ago: a busy address, such as a shop's
own till. Its payment goes on without the mark, and is not counted while it is in flight; if it
fails, it is counted then.

Whoever loses a race in Tx-2 reads the counter again and writes the same again; after `RACES_MAX`,
Tx-2 is written without it. A failure that is not written stays in flight, which counts the same; an
approval that is not written counts like a failure until its window is past. So no counter ever
keeps a payment from being tried or concluded.

TTL is a broom: a row that it has not swept up yet says nothing that its times do not say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from farthing.access.rate_limit import network_of
from farthing.fraud.window import (
    CARDS_SECONDS,
    FORGOTTEN_SECONDS,
    LIMIT_MAX,
    Attempt,
    Counter,
    TriedCard,
)
from farthing.store import EXISTS, Condition, Item, Key, TenantScope, Update
from farthing.store.item import SCHEMA_VERSION

RISK = "risk"
ATTEMPTS = "ATTEMPTS"
"""The table of counters, and the sort key of each."""

COUNTERS = 2
RACES_MAX = COUNTERS * 2 * LIMIT_MAX + 2
"""The last of these tries finds a counter tripped, if all were lost to attempts that failed."""

_ATTEMPT_PREFIX = "op_"
_NO_NETWORK = network_of("")


def card_key(tenant: TenantScope, fingerprint: str) -> Key:
    """A card's counter. The fingerprint is the vault's keyed hash: it leads to no number."""
    return Key(RISK, tenant.pk(ATTEMPTS, "CARD", fingerprint), ATTEMPTS)


def address_key(tenant: TenantScope, ip_address: str | None) -> Key | None:
    """An address's counter, in IPv6 that of its /64; None if the address is not known."""
    known = network(ip_address)
    return Key(RISK, tenant.pk(ATTEMPTS, "IP", known), ATTEMPTS) if known else None


def counters_of(tenant: TenantScope, fingerprint: str | None, ip_address: str | None) -> list[Key]:
    """Of a card and of an address, where these are known."""
    card = card_key(tenant, fingerprint) if fingerprint else None
    return [key for key in (card, address_key(tenant, ip_address)) if key is not None]


def network(ip_address: str | None) -> str | None:
    """Whom an address stands for, wherever one is counted or remembered; None: nobody knows."""
    found = network_of(ip_address or "")
    return None if found == _NO_NETWORK else found


def counter_of(item: Mapping[str, Any] | None) -> Counter:
    """The counter of a row, or of none."""
    if item is None:
        return Counter()
    marks = (
        Attempt(at_ms, name) for name, at_ms in item.items() if name.startswith(_ATTEMPT_PREFIX)
    )
    failed = (Attempt(at_ms, operation_id) for at_ms, operation_id in item.get("failed", ()))
    cards = (TriedCard(at_ms, fingerprint) for at_ms, fingerprint in item.get("cards", ()))
    version = item.get("version", 0)
    return Counter(tuple(sorted(failed)), tuple(sorted(marks)), version, tuple(cards))


def counter_write(key: Key, before: Counter, after: Counter) -> Update | None:
    """The update that makes of the row `before`, as it was read, the row `after`; None if it is."""
    sets = _marks(set(after.in_flight) - set(before.in_flight))
    gone = sorted(_marks(set(before.in_flight) - set(after.in_flight)))
    if after.failed != before.failed:
        sets["failed"] = [[one.at_ms, one.operation_id] for one in after.failed]
    if after.cards != before.cards:
        sets["cards"] = [[one.at_ms, one.fingerprint] for one in after.cards]
    if not sets:
        return Update(key, EXISTS, remove=gone) if gone else None
    sets |= {
        "entity": "attempts",
        "schema_version": SCHEMA_VERSION,
        "version": before.version + 1,
        "ttl": _forgotten_at(after),
    }
    return Update(key, counter_as_read(before.version), set=sets, remove=gone)


def _forgotten_at(counter: Counter) -> int:
    """In Unix seconds: when neither a window nor the model asks for anything in it any more."""
    attempts_ms = max((one.at_ms for one in counter.failed + counter.in_flight), default=0)
    cards_ms = max((one.at_ms for one in counter.cards), default=0)
    return max(attempts_ms // 1000 + FORGOTTEN_SECONDS, cards_ms // 1000 + CARDS_SECONDS)


def counter_as_read(version: int) -> Condition:
    """COUNTER_AS_READ: nobody began and nobody failed since it was read."""
    if version == 0:
        return Condition("COUNTER_AS_READ", "attribute_not_exists(#version)")
    return Condition("COUNTER_AS_READ", "#version = :version", {"version": version})


def _marks(attempts: Iterable[Attempt]) -> Item:
    return {one.operation_id: one.at_ms for one in attempts}
