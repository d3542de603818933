"""Who is on a list, until when, and that nobody is on two."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing import runtime
from farthing.fraud.action import Action
from farthing.fraud.lists import (
    RANGES_MAX,
    Entry,
    Kind,
    Subject,
    entry_write,
    hits,
    keys,
    normal,
    ranges_key,
    ranges_write,
)
from farthing.store import ConditionFailed, TenantScope
from tests.support.lambdas import MERCHANT
from tests.unit.fraud.test_window import NOON

TENANT = TenantScope(MERCHANT, "test")
CUSTOMER = "cus_01hg0000000000000000000000"
VALUES = {
    Kind.CARD: "abcdefghijklmnopqrstuvwxyz",
    Kind.IP: "203.0.113.7",
    Kind.EMAIL: "a.b@shop.example",
    Kind.COUNTRY: "DE",
    Kind.BIN: "424242",
    Kind.CUSTOMER: CUSTOMER,
}


def entry(kind: Kind, value: str, action: Action = Action.BLOCK, **more: Any) -> Entry:
    return Entry("le_1", kind, value, action, "a reason", **more)


def found(
    subject: Mapping[Kind, str | None], rows: dict[Any, Any], now: datetime = NOON
) -> list[str]:
    return [hit.entry_id for hit in hits(TENANT, Subject(subject), rows, now)]


@pytest.mark.parametrize("kind", VALUES)
def test_each_kind_is_found_by_its_value_and_by_no_other(kind: Kind) -> None:
    put = entry_write(TENANT, entry(kind, VALUES[kind]), NOON)
    rows = {put.key: put.item}
    assert put.key in keys(TENANT, Subject({kind: VALUES[kind]}))
    assert found({**VALUES}, rows) == ["le_1"]
    assert found({**VALUES, kind: None}, rows) == []
    others = {k: VALUES[kind] for k in VALUES if k is not kind}
    assert found(others, rows) == []
    assert hits(TenantScope("mer_other", "test"), Subject(VALUES), rows, NOON) == ()


@given(st.integers(0, 10**6), st.integers(-2000, 2000))
def test_an_entry_ends_at_its_time(seconds: int, off_ms: int) -> None:
    ends = NOON + timedelta(seconds=seconds)
    single = entry_write(TENANT, entry(Kind.COUNTRY, "DE", expires_at=ends), NOON)
    many = ranges_write(TENANT, None, [entry(Kind.RANGE, "203.0.113.0/24", expires_at=ends)], NOON)
    now = ends + timedelta(milliseconds=off_ms)
    for subject, put in (({Kind.COUNTRY: "DE"}, single), ({Kind.IP: "203.0.113.7"}, many)):
        assert found(subject, {put.key: put.item}, now) == (["le_1"] if off_ms < 0 else [])
    # And the broom comes after it
    assert single.item["ttl"] > ends.timestamp()


@given(st.ip_addresses(), st.data())
def test_a_range_holds_its_addresses_and_no_others(ip: Any, data: st.DataObject) -> None:
    bits = data.draw(st.integers(0, ip.max_prefixlen))
    network = ipaddress.ip_network(f"{ip}/{bits}", strict=False)
    other = data.draw(st.ip_addresses())
    put = ranges_write(TENANT, None, [entry(Kind.RANGE, str(network))], NOON)
    rows = {put.key: put.item}
    assert put.key == ranges_key(TENANT)
    mapped = getattr(ip, "ipv4_mapped", None)
    assert found({Kind.IP: str(ip)}, rows) == ([] if mapped else ["le_1"])
    if not getattr(other, "ipv4_mapped", None):
        assert found({Kind.IP: str(other)}, rows) == (["le_1"] if other in network else [])


def test_a_value_has_one_form_however_it_is_written() -> None:
    put = entry_write(TENANT, entry(Kind.EMAIL, "a.b@shop.example"), NOON)
    assert found({Kind.EMAIL: " A.B@Shop.example"}, {put.key: put.item}) == ["le_1"]
    put = entry_write(TENANT, entry(Kind.IP, "203.0.113.7"), NOON)
    assert found({Kind.IP: "::ffff:203.0.113.7"}, {put.key: put.item}) == ["le_1"]
    assert normal(Kind.RANGE, "2001:DB8::/32") == "2001:db8::/32"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.IP, "203.0.113"),
        (Kind.RANGE, "203.0.113.7/24"),
        (Kind.RANGE, "everybody"),
        (Kind.EMAIL, "shop.example"),
        (Kind.EMAIL, "A@shop.example"),
        (Kind.COUNTRY, "de"),
        (Kind.BIN, "4242424242424242"),
        (Kind.CARD, "4242424242424242"),
        (Kind.CUSTOMER, "someone"),
    ],
)
def test_what_no_payment_could_have_is_refused(kind: Kind, value: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        entry(kind, value)
    assert found({kind: value}, {}) == []


def test_a_list_allows_or_blocks_and_says_why() -> None:
    with pytest.raises(ValueError, match="REVIEW"):
        entry(Kind.COUNTRY, "DE", Action.REVIEW)
    with pytest.raises(ValueError, match="reason"):
        Entry("le_1", Kind.COUNTRY, "DE", Action.BLOCK, " ")


def test_a_value_is_on_one_list_until_its_time_is_over(aws: None) -> None:
    store = runtime.store(TENANT)
    ends = datetime(2026, 11, 23, tzinfo=UTC)
    store.write(entry_write(TENANT, entry(Kind.BIN, "424242", expires_at=ends), NOON))
    allow = entry(Kind.BIN, "424242", Action.ALLOW)
    for now in (NOON, ends - timedelta(milliseconds=1)):
        with pytest.raises(ConditionFailed, match="ON_NO_LIST"):
            store.write(entry_write(TENANT, allow, now))
    store.write(entry_write(TENANT, allow, ends))
    # And one without an end is there for good
    with pytest.raises(ConditionFailed, match="ON_NO_LIST"):
        store.write(entry_write(TENANT, allow, ends + timedelta(days=999)))


def test_ranges_are_changed_by_one_at_a_time_and_what_has_ended_makes_room(aws: None) -> None:
    store, key = runtime.store(TENANT), ranges_key(TENANT)
    ends = NOON + timedelta(days=1)
    full = [
        entry(Kind.RANGE, f"198.51.{n}.0/24", expires_at=ends if n == 0 else None)
        for n in range(RANGES_MAX)
    ]
    more = [entry(Kind.RANGE, "203.0.113.0/24")]
    store.write(ranges_write(TENANT, None, full, NOON))
    with pytest.raises(ConditionFailed, match="NOT_CREATED"):
        store.write(ranges_write(TENANT, None, more, NOON))
    before = store.get(key)
    with pytest.raises(ValueError, match="at most"):
        ranges_write(TENANT, before, more, NOON)
    store.write(ranges_write(TENANT, before, more, ends))
    with pytest.raises(ConditionFailed, match="RANGES_AS_READ"):
        store.write(ranges_write(TENANT, before, more, ends))
