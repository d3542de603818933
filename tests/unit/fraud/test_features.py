"""One row of features, whoever asks: a table online, or a replay of what is past."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farthing.fraud.model.features import (
    FEATURES,
    FEATURES_MAX,
    TERMINAL_FEATURES,
    History,
    Payment,
    pack_row,
    record,
    row,
    unpack_row,
)
from farthing.fraud.model.history import (
    BUCKETS_SECONDS,
    DAY,
    HOUR,
    LABEL_DELAY_SECONDS,
    Customer,
    Terminal,
    Tries,
)
from farthing_cli.failure import Failure
from farthing_cli.fraud.dataset import Labelled
from farthing_cli.fraud.replay import known_at, rows

START = 1_790_000_000


def payment(at: int = 0, amount_cents: int = 1000, **more: Any) -> Payment:
    return Payment(START + at, amount_cents, more.pop("customer", "c"), "t", **more)


def named(values: list[float]) -> dict[str, float]:
    return dict(zip(FEATURES, values, strict=True))


few = st.sampled_from(["1", "2", "3"])


@st.composite
def streams(draw: st.DrawFn) -> list[Labelled]:
    """Payments of a few people at a few terminals, over some weeks, with what became of them."""
    gaps = draw(st.lists(st.integers(0, 2 * DAY), min_size=2, max_size=60))
    found, at = [], START
    for number, gap in enumerate(gaps):
        at += gap
        paid = Payment(
            at,
            draw(st.integers(1, 50_000)),
            draw(few),
            draw(st.none() | few),
            draw(st.none() | few),
            draw(st.none() | few),
            draw(st.sampled_from([None, "de", "fr"])),
            draw(st.sampled_from([None, "de", "fr"])),
        )
        told = draw(st.none() | st.integers(0, 20 * DAY).map(lambda after, at=at: at + after))
        one = Labelled(paid, draw(st.booleans()), draw(st.booleans()), told, str(number))
        found.append(one)
    return found


class Table:
    """As a table keeps histories: as text between two payments, its numbers not even ints."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], str] = {}

    def get(self, kind: Callable[[Any], Any], key: str | None) -> Any:
        text = self.items.get((kind.__name__, key or "")) if key else None
        return kind(json.loads(text, parse_int=Decimal) if text else None)

    def put(self, key: str | None, state: Any) -> None:
        if key:
            self.items[type(state).__name__, key] = json.dumps(state.to_item())


def online(payments: list[Labelled]) -> Iterator[list[float]]:
    """Payment by payment, every state written and read again; labels when they are told."""
    table, labels = Table(), list[Labelled]()
    for one in payments:
        paid = one.payment
        for old in [label for label in labels if known_at(label) <= paid.at]:
            labels.remove(old)
            if not old.payment.terminal:
                continue
            terminal = table.get(Terminal, old.payment.terminal)
            terminal.defrauded(old.payment.at)
            table.put(old.payment.terminal, terminal)
        keys = (
            (Customer, paid.customer),
            (Terminal, paid.terminal),
            (Tries, paid.card and f"card {paid.card}"),
            (Tries, paid.ip and f"ip {paid.ip}"),
        )
        states = [table.get(kind, key) for kind, key in keys]
        yield row(paid, History(*states))
        record(paid, History(*states), failed=one.failed)
        for (_, key), state in zip(keys, states, strict=True):
            table.put(key, state)
        if one.fraud and not one.failed:
            labels.append(one)


@settings(max_examples=150, deadline=None)
@given(streams())
def test_online_and_replayed_rows_are_equal_bit_for_bit(payments: list[Labelled]) -> None:
    for there, here in zip(online(payments), rows(payments), strict=True):
        assert list(map(float.hex, there)) == list(map(float.hex, here))


@settings(max_examples=150, deadline=None)
@given(streams(), st.data())
def test_no_label_counts_before_its_payment_is_seven_days_old(
    payments: list[Labelled], data: st.DataObject
) -> None:
    # Given a payment, and others whose label is another and told at once
    at = data.draw(st.integers(0, len(payments) - 1))
    young = payments[at].payment.at - LABEL_DELAY_SECONDS
    changed = [
        one._replace(fraud=not one.fraud, labelled_at=one.payment.at)
        if one.payment.at > young
        else one
        for one in payments
    ]
    # Then its row is the same, for all of them are younger than the delay
    before, after = list(rows(payments))[at], list(rows(changed))[at]
    assert list(map(float.hex, before)) == list(map(float.hex, after))


def test_a_label_counts_once_it_is_old_enough() -> None:
    bad = Labelled(payment(0, customer="a"), fraud=True)
    later = [Labelled(payment(d * DAY, customer=str(d)), fraud=False) for d in (6, 8)]
    young, aged = map(named, list(rows([bad, *later]))[1:])
    assert math.isnan(young["terminal_risk_7d"])
    assert (aged["terminal_risk_7d"], aged["terminal_last_risk"]) == (1.0, 1.0)
    assert 7 < aged["terminal_fraud_run_days"] <= 8.25


def test_a_label_counts_to_the_second_where_little_is_paid_and_late_where_much_is() -> None:
    # Given a fraud that is told at once, alone in its hours or with another payment two hours later
    bad, beside = Labelled(payment(0), True, labelled_at=START), Labelled(payment(2 * HOUR), False)
    for others, counts_after in (([], LABEL_DELAY_SECONDS), ([beside], 2 * HOUR + 7 * DAY)):
        for late, known in ((counts_after - 1, False), (counts_after, True)):
            # When somebody else pays at that terminal as late as that
            stream = [bad, *others, Labelled(payment(late, customer="other"), fraud=False)]
            found = named(list(rows(stream))[-1])
            # Then it is known as soon as all payments of its hours are seven days old
            assert math.isnan(found["terminal_last_risk"]) is not known


def test_ids_are_no_features() -> None:
    # Given the same stream under other names
    def stream(mark: str) -> list[Labelled]:
        return [
            Labelled(
                Payment(START + at * HOUR, 1000 + at, f"{mark}{at % 3}", mark, f"{mark}x", mark),
                fraud=at % 4 == 0,
            )
            for at in range(300)
        ]

    # Then the rows are the same
    assert repr(list(rows(stream("a")))) == repr(list(rows(stream("zz"))))
    assert len(FEATURES) <= FEATURES_MAX == 25


def test_what_is_unusual_does_not_become_usual() -> None:
    # Given a customer who pays ten, and once a hundred
    history = History()
    for hour, cents in enumerate([1000] * 10 + [10_000]):
        record(payment(hour * HOUR, cents), history)
    # When they pay a hundred again
    found = named(row(payment(35 * HOUR, 10_000), history))
    # Then it is as unusual as the first time, and the first is remembered
    assert (found["customer_ratio_to_usual"], found["customer_worst_ratio_14d"]) == (10.0, 10.0)
    assert found["customer_anomalies_14d"] == 1
    assert found["customer_days_since_anomaly"] == 25 / 24


def test_failures_and_cards_of_an_address_are_counted_within_their_time() -> None:
    # Given four cards tried from one address, all of them refused
    history = History()
    for minute in range(0, 40, 10):
        tried = payment(minute * 60, card=f"card{minute}", ip="192.0.2.1")
        record(tried, History(card=Tries(), ip=history.ip), failed=True)
    # Then the fifth within the hour sees them, and one a day later sees none
    at_once = named(row(payment(3000, card="new", ip="192.0.2.1"), history))
    assert (at_once["ip_failures_1h"], at_once["ip_cards_1d"]) == (4, 4)
    later = named(row(payment(2 * DAY, card="new", ip="192.0.2.1"), history))
    assert (later["ip_failures_1h"], later["ip_cards_1d"]) == (0, 0)
    # And a try that failed says nothing of what the customer pays
    assert history.customer.times == []


@pytest.mark.parametrize(
    ("more", "is_nan"),
    [
        ({}, True),
        ({"ip": "192.0.2.1", "card": "x", "card_country": "de", "ip_country": "de"}, False),
    ],
)
def test_what_is_not_known_is_no_number(more: dict[str, str], is_nan: bool) -> None:
    found = named(row(payment(**more), History()))
    for name in ("country_mismatch", "ip_cards_1d", "card_failures_1h", "customer_ip_is_new"):
        assert math.isnan(found[name]) == is_nan


def test_without_a_terminal_nothing_is_known_or_remembered_of_it() -> None:
    history = History()
    nowhere = Payment(START, 1000, "c")
    record(nowhere, history)
    found = named(row(nowhere, history))
    assert all(math.isnan(found[name]) for name in TERMINAL_FEATURES)
    assert len(TERMINAL_FEATURES) == 7
    assert history.terminal.to_item() == Terminal().to_item()


@given(st.lists(st.floats(), min_size=len(FEATURES), max_size=len(FEATURES)))
def test_a_row_is_kept_to_the_last_bit(values: list[float]) -> None:
    packed = pack_row(values)
    assert list(map(float.hex, unpack_row(packed))) == list(map(float.hex, values))
    with pytest.raises(ValueError, match="200 bytes, not 176"):
        unpack_row(packed[32:])


def test_histories_stay_small_however_much_is_paid() -> None:
    history = History()
    for number in range(3000):
        paid = payment(number * HOUR, 1000 + number**2, card=str(number), ip=str(number))
        record(paid, History(history.customer, history.terminal, Tries(), history.ip), failed=False)
        record(paid, History(Customer(), Terminal(), history.card, history.ip), failed=True)
    for state in (history.customer, history.terminal, history.card, history.ip):
        assert len(json.dumps(state.to_item())) < 5000
    assert history.terminal.starts[0] >= START + 2999 * HOUR - BUCKETS_SECONDS


def test_payments_out_of_order_are_refused() -> None:
    with pytest.raises(Failure, match="not in the order of time"):
        list(rows([Labelled(payment(10), False), Labelled(payment(0), False)]))
