"""Allow lists and block lists: single values, each a row of its own, and ranges, in one row.

A value is on one list at most: who wants it on the other takes it off first. An entry ends at its
time to the second, whether or not its row has been swept up.

A range is kept as its first and last address in hexadecimal digits of one length, in which the
order of texts is the order of addresses: nothing is parsed while a payment waits.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from farthing.clock import epoch_seconds, from_text, to_text
from farthing.fraud.action import Action
from farthing.fraud.fields import BIN, COUNTRY
from farthing.ids import is_id
from farthing.store import NOT_CREATED, Condition, Item, Key, Put, TenantScope
from farthing.store.item import SCHEMA_VERSION

RANGES_MAX = 200
REASON_LENGTH_MAX = 200
LISTED = frozenset({Action.ALLOW, Action.BLOCK})


class Kind(StrEnum):
    """What an entry names. COUNTRY is that of the address: a billing address is only typed."""

    CARD = "CARD"
    IP = "IP"
    RANGE = "RANGE"
    EMAIL = "EMAIL"
    COUNTRY = "COUNTRY"
    BIN = "BIN"
    CUSTOMER = "CUSTOMER"


@dataclass(frozen=True)
class Entry:
    """One value on one list. Raises ValueError for a value that its kind cannot have."""

    entry_id: str
    kind: Kind
    value: str
    action: Action
    reason: str
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.action not in LISTED:
            raise ValueError(f"a list allows or blocks, and does not {self.action}")
        if not 0 < len(self.reason.strip()) <= REASON_LENGTH_MAX:
            raise ValueError(f"a reason has 1 to {REASON_LENGTH_MAX} characters")
        if self.value != normal(self.kind, self.value):
            raise ValueError(f"{self.value!r} is written {normal(self.kind, self.value)!r}")

    def to_item(self) -> Item:
        """As kept."""
        item: Item = {
            "entity": "list_entry",
            "schema_version": SCHEMA_VERSION,
            "entry_id": self.entry_id,
            "kind": self.kind.value,
            "value": self.value,
            "action": self.action.value,
            "reason": self.reason,
        }
        if self.expires_at is not None:
            at = self.expires_at
            item |= {"expires_at": to_text(at), "ttl": epoch_seconds(at) + 1}
        return item

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Entry:
        """As read."""
        ends = item.get("expires_at")
        return cls(
            item["entry_id"],
            Kind(item["kind"]),
            item["value"],
            Action(item["action"]),
            item["reason"],
            from_text(ends) if ends else None,
        )

    def counts(self, now: datetime) -> bool:
        """Whether its time is not over."""
        return self.expires_at is None or to_text(now) < to_text(self.expires_at)


@dataclass(frozen=True)
class Hit:
    """An entry that names this payment."""

    entry_id: str
    kind: Kind
    action: Action
    reason: str

    def to_item(self) -> Item:
        """As kept with the decision."""
        return {**vars(self), "kind": self.kind.value, "action": self.action.value}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Hit:
        """Of an entry's row, or as kept with a decision."""
        return cls(item["entry_id"], Kind(item["kind"]), Action(item["action"]), item["reason"])


@dataclass(frozen=True)
class Subject:
    """What of a payment may be listed; None is not known, and is on no list."""

    values: Mapping[Kind, str | None]

    def known(self) -> Iterator[tuple[Kind, str]]:
        """Each value, as entries write it. What cannot be one is on no list."""
        for kind, value in self.values.items():
            try:
                if value:
                    yield kind, normal(kind, value)
            except ValueError:
                continue


def entry_key(tenant: TenantScope, kind: Kind, value: str) -> Key:
    """A single value's row."""
    return Key("risk", tenant.pk("LIST", kind.value, value), "ENTRY")


def ranges_key(tenant: TenantScope) -> Key:
    """The row of all ranges."""
    return Key("risk", tenant.pk("LIST", Kind.RANGE.value), "RANGES")


def keys(tenant: TenantScope, subject: Subject) -> list[Key]:
    """The rows that may name it."""
    single = [entry_key(tenant, kind, value) for kind, value in subject.known()]
    return [*single, ranges_key(tenant)]


def hits(
    tenant: TenantScope, subject: Subject, rows: Mapping[Key, Item], now: datetime
) -> tuple[Hit, ...]:
    """The entries that name it and have not ended, those of single values first."""
    listed = dict(subject.known())
    found = [rows.get(entry_key(tenant, kind, value)) for kind, value in listed.items()]
    in_ranges = rows.get(ranges_key(tenant), {}).get("ranges", ())
    if (address := listed.get(Kind.IP)) is not None:
        digits = _digits(ipaddress.ip_address(address))
        found += [one for one in in_ranges if _holds(one, digits)]
    now_text = to_text(now)
    return tuple(
        Hit.from_item(item)
        for item in found
        if item is not None and ("expires_at" not in item or now_text < item["expires_at"])
    )


def entry_write(tenant: TenantScope, entry: Entry, now: datetime) -> Put:
    """A single value's entry, unless it is on a list."""
    if entry.kind is Kind.RANGE:
        raise ValueError("ranges are kept together")
    return Put(entry_key(tenant, entry.kind, entry.value), entry.to_item(), on_no_list(now))


def on_no_list(now: datetime) -> Condition:
    """ON_NO_LIST: the value is on no list, or its time there is over."""
    return Condition(
        "ON_NO_LIST", "attribute_not_exists(#pk) OR #expires_at <= :now", {"now": to_text(now)}
    )


class RangesFull(ValueError):
    """There are as many ranges as may be."""


def ranges_write(
    tenant: TenantScope, before: Mapping[str, Any] | None, entries: Iterable[Entry], now: datetime
) -> Put:
    """The row of ranges with these beside those of `before`, without what has ended. Raises
    RangesFull."""
    ranges = ranges_of(before, now) + [_range_item(entry) for entry in entries]
    if len(ranges) > RANGES_MAX:
        raise RangesFull(f"there are at most {RANGES_MAX} ranges")
    return _ranges_put(tenant, before, ranges)


def ranges_without(
    tenant: TenantScope, before: Mapping[str, Any], entry_id: str, now: datetime
) -> Put:
    """The row of ranges without this one, and without what has ended."""
    kept = [one for one in ranges_of(before, now) if one["entry_id"] != entry_id]
    return _ranges_put(tenant, before, kept)


def ranges_of(row: Mapping[str, Any] | None, now: datetime) -> list[Item]:
    """The ranges of a row, or of none, that have not ended."""
    ranges = [] if row is None else row["ranges"]
    return [one for one in ranges if "expires_at" not in one or to_text(now) < one["expires_at"]]


def _ranges_put(tenant: TenantScope, before: Mapping[str, Any] | None, ranges: list[Item]) -> Put:
    version = 0 if before is None else before["version"]
    item = {"entity": "list_ranges", "ranges": ranges, "version": version + 1}
    when = NOT_CREATED if version == 0 else ranges_as_read(version)
    return Put(ranges_key(tenant), item, when)


def ranges_as_read(version: int) -> Condition:
    """RANGES_AS_READ: nobody changed the ranges since they were read."""
    return Condition("RANGES_AS_READ", "#version = :version", {"version": version})


def normal(kind: Kind, value: str) -> str:
    """The one form in which a value of this kind is kept and looked for. Raises ValueError."""
    match kind:
        case Kind.IP:
            return str(_unmapped(_without_zone(ipaddress.ip_address(value))))
        case Kind.RANGE:
            return str(ipaddress.ip_network(value))
        case Kind.EMAIL:
            return _checked(value.strip().lower(), r"[^@\s]+@[^@\s]+", "an e-mail address")
        case Kind.COUNTRY:
            return _checked(value, *COUNTRY)
        case Kind.BIN:
            return _checked(value, *BIN)
        case Kind.CARD:
            return _checked(value, r"[a-z2-7]{26}", "a card's fingerprint")
        case Kind.CUSTOMER if is_id("cus", value):
            return value
    raise ValueError(f"{value!r} is no customer_id")


def _checked(value: str, form: str, says: str) -> str:
    if re.fullmatch(form, value) is None:
        raise ValueError(f"{value!r} is not {says}")
    return value


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _unmapped(address: Address) -> Address:
    """IPv4 that is written as IPv6 is IPv4."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _without_zone(address: Address) -> Address:
    """A zone is a name on the machine that wrote it: no payment comes with one."""
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise ValueError(f"{str(address)!r} is an address with a zone")
    return address


def _digits(address: Address) -> str:
    return address.packed.hex()


def _range_item(entry: Entry) -> Item:
    network = ipaddress.ip_network(entry.value)
    bounds = {"first": _digits(network[0]), "last": _digits(network[-1])}
    kept = {name: value for name, value in entry.to_item().items() if name not in _OF_A_ROW}
    return kept | bounds


_OF_A_ROW = frozenset({"entity", "schema_version", "ttl"})


def _holds(range_: Mapping[str, Any], digits: str) -> bool:
    """IPv4 and IPv6 have digits of different length, so neither is in a range of the other."""
    return len(digits) == len(range_["first"]) and range_["first"] <= digits <= range_["last"]
