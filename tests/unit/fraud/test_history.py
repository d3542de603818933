"""What a customer usually pays, and a card's first payment."""

from __future__ import annotations

from statistics import median_low
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing import runtime
from farthing.fraud.history import (
    PAYMENTS_KEPT,
    PAYMENTS_MIN,
    History,
    Paid,
    card_seen_write,
    history_key,
    history_of,
    history_write,
)
from farthing.ids import make_id
from farthing.store import ConditionFailed, TenantScope
from tests.support.lambdas import MERCHANT
from tests.unit.fraud.test_window import at

TENANT = TenantScope(MERCHANT, "test")


def paid(second: int, amount_cents: int, n: int = 0) -> Paid:
    return Paid.of(make_id("op", at(second), n.to_bytes(10, "big")), amount_cents)


@given(st.lists(st.tuples(st.integers(0, 999), st.integers(1, 10**6)), max_size=40), st.randoms())
def test_the_median_of_the_newest_in_whatever_order_they_are_told(
    payments: list[tuple[int, int]], chance: Any
) -> None:
    told = [paid(second, amount, n) for n, (second, amount) in enumerate(payments)]
    twice = told + told
    chance.shuffle(twice)
    history = History()
    for one in twice:
        history = history.with_payment(one)
    newest = [one.amount_cents for one in sorted(told)[-PAYMENTS_KEPT:]]
    expected = median_low(newest) if len(newest) >= PAYMENTS_MIN else None
    assert history.median_cents() == expected
    assert len(history.recent) == len(newest)


def test_what_was_usual_long_ago_is_so_no_more() -> None:
    history = History()
    for n in range(PAYMENTS_KEPT + 1):
        history = history.with_payment(paid(n, 100 if n < 15 else 9, n))
    # 14 of the first kind and 11 of the other are left of 15 and 11
    assert (len(history.recent), history.median_cents()) == (PAYMENTS_KEPT, 100)
    for n in range(2):
        history = history.with_payment(paid(99 + n, 9, 99 + n))
    assert history.median_cents() == 9


def test_it_is_kept_for_each_customer_and_currency_under_a_version(aws: None) -> None:
    store = runtime.store(TENANT)
    key = history_key(TENANT, "cus_1", "eur")
    for n in range(2):
        before = history_of(store.get(key))
        after = before.with_payment(paid(n, 100 + n, n))
        write = history_write(key, before, after)
        assert write is not None
        store.write(write)
        with pytest.raises(ConditionFailed, match="HISTORY_AS_READ"):
            store.write(write)
        read = history_of(store.get(key))
        assert (read.recent, read.version) == (after.recent, n + 1)
    assert history_write(key, read, read.with_payment(read.recent[0])) is None
    assert history_of(store.get(history_key(TENANT, "cus_1", "usd"))) == History()
    assert history_of(store.get(history_key(TENANT, "cus_2", "eur"))) == History()


def test_a_card_has_one_first_payment(aws: None) -> None:
    store = runtime.store(TENANT)
    store.write(card_seen_write(TENANT, "fp", paid(0, 100)))
    with pytest.raises(ConditionFailed, match="NOT_CREATED"):
        store.write(card_seen_write(TENANT, "fp", paid(1, 100)))
