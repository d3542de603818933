"""What a payer usually pays, and a card's first payment."""

from __future__ import annotations

import json
from dataclasses import replace
from statistics import median_low
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing import runtime
from farthing.fraud.history import (
    KEPT_SECONDS,
    PAYMENTS_COUNTED,
    PAYMENTS_MIN,
    TOLD_KEPT,
    Paid,
    Past,
    card_seen_write,
    history_key,
    history_write,
    past_of,
)
from farthing.fraud.model.history import Customer
from farthing.ids import make_id
from farthing.money import AMOUNT_MINOR_MAX
from farthing.store import ConditionFailed, TenantScope
from farthing.store.item import item_to_wire
from tests.support.lambdas import MERCHANT
from tests.unit.fraud.test_window import at

TENANT = TenantScope(MERCHANT, "test")


def paid(second: int, amount_cents: int, n: int = 0) -> Paid:
    return Paid.of(make_id("op", at(second), n.to_bytes(10, "big")), amount_cents)


PAYMENTS = st.lists(st.tuples(st.integers(0, 999), st.integers(1, 10**6)), max_size=40)


@given(PAYMENTS, st.randoms())
def test_the_median_of_the_newest_in_whatever_order_they_are_told(
    payments: list[tuple[int, int]], chance: Any
) -> None:
    told = [paid(second, amount, n) for n, (second, amount) in enumerate(payments)]
    chance.shuffle(told)
    past = Past()
    for n, one in enumerate(told):
        past = past.with_payment(one, None)
        # And one of the newest is told again
        again = chance.choice(told[max(0, n + 1 - TOLD_KEPT) : n + 1])
        assert past.with_payment(again, None) is past
    counted = sorted(told, key=lambda one: one.at_ms // 1000)[-PAYMENTS_COUNTED:]
    newest = [one.amount_cents for one in counted]
    assert past.payments == len(newest)
    # Of those of one second, either may be the oldest that counts
    if len({second for second, _ in payments}) == len(payments):
        expected = median_low(newest) if len(newest) >= PAYMENTS_MIN else None
        assert past.median_cents() == expected


@given(PAYMENTS, st.integers(0, 999), st.randoms())
def test_a_payment_that_is_told_late_stands_at_its_place_in_time(
    payments: list[tuple[int, int]], seconds: int, chance: Any
) -> None:
    # Given payments that are told in any order
    chance.shuffle(payments)
    customer = Customer()
    for second, amount in payments:
        customer.paid(second, amount, None)
    # Then each keeps its amount, and how many were made lately is what a list would say
    kept = list(zip(customer.times, customer.amounts, strict=True))
    assert sorted(kept) == sorted(payments)
    assert customer.times == sorted(customer.times)
    assert customer.since(999, seconds) == sum(second > 999 - seconds for second, _ in payments)
    anomalies = zip(customer.anomalies, customer.anomaly_percents, strict=True)
    assert customer.anomalies == sorted(at for at, _ in anomalies)


def test_what_was_usual_long_ago_is_so_no_more() -> None:
    past = Past()
    for n in range(PAYMENTS_COUNTED + 1):
        past = past.with_payment(paid(n, 100 if n < 15 else 9, n), None)
    # 14 of the first kind and 11 of the other are left of 15 and 11
    assert (past.payments, past.median_cents()) == (PAYMENTS_COUNTED, 100)
    for n in range(2):
        past = past.with_payment(paid(99 + n, 9, 99 + n), None)
    assert past.median_cents() == 9


def test_an_address_of_a_household_is_one_address() -> None:
    # Given one payment from an IPv6 address, and one from another of the same network
    past = Past()
    for n, ip in enumerate(("2001:db8::1", "2001:db8::2", None, "no address")):
        past = past.with_payment(paid(n, 100, n), ip)
    assert past.customer["ips"] == ["2001:db8::/64"]


def test_it_is_kept_for_each_payer_and_currency_under_a_version(aws: None) -> None:
    store = runtime.store(TENANT)
    key = history_key(TENANT, "cus_1", "eur")
    for n in range(2):
        before = past_of(store.get(key))
        after = before.with_payment(paid(n, 100 + n, n), "203.0.113.7")
        write = history_write(key, before, after)
        assert write is not None
        store.write(write)
        with pytest.raises(ConditionFailed, match="HISTORY_AS_READ"):
            store.write(write)
        read = past_of(store.get(key))
        assert read == replace(after, version=n + 1)
    item = store.get(key)
    assert item is not None
    assert item["ttl"] == int(at(1).timestamp()) + KEPT_SECONDS
    assert history_write(key, read, read.with_payment(paid(0, 100), None)) is None
    assert past_of(store.get(history_key(TENANT, "cus_1", "usd"))) == Past()
    assert past_of(store.get(history_key(TENANT, "cus_2", "eur"))) == Past()


def test_a_row_stays_small_however_much_is_paid() -> None:
    past, most = Past(), AMOUNT_MINOR_MAX
    for n in range(300):
        address = f"2001:db8:0:{n:x}::1"
        past = past.with_payment(paid(n, most if n % 7 == 0 else most // 100, n), address)
    write = history_write(history_key(TENANT, "cus_1", "eur"), Past(), past)
    assert write is not None
    assert len(json.dumps(item_to_wire(write.set))) < 8000


def test_a_card_has_one_first_payment(aws: None) -> None:
    store = runtime.store(TENANT)
    store.write(card_seen_write(TENANT, "fp", paid(0, 100)))
    with pytest.raises(ConditionFailed, match="NOT_CREATED"):
        store.write(card_seen_write(TENANT, "fp", paid(1, 100)))
