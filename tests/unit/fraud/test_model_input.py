"""What the model is told online is what a replay of the same payments tells it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from farthing.fraud.counter_row import address_key, card_key, counter_of, counter_write
from farthing.fraud.facts import Facts, risk_keys
from farthing.fraud.history import Paid, history_key, history_write, past_of
from farthing.fraud.model.features import FEATURES, TERMINAL_FEATURES, pack_row
from farthing.fraud.model_input import features_of
from farthing.fraud.window import Attempt
from farthing.ids import make_id
from farthing.store import Item, Key, TenantScope, Update
from farthing.store.item import item_from_wire, item_to_wire
from farthing_cli.fraud import dataset, replay, simulator
from farthing_cli.fraud.dataset import Labelled
from tests.unit.fraud.test_window import NOON, attempt

TENANT = TenantScope("mer_1", "test")
CURRENCY = "eur"


class Rows:
    """The risk table: each item as it is read again."""

    def __init__(self) -> None:
        self.items: dict[Key, Item] = {}

    def batch(self, keys: list[Key]) -> dict[Key, Item]:
        return {key: self.items[key] for key in keys if key in self.items}

    def write(self, update: Update | None) -> None:
        if update is None:
            return
        changed = {**self.items.get(update.key, {}), **update.set}
        for name in update.remove:
            changed.pop(name, None)
        self.items[update.key] = item_from_wire(item_to_wire(changed))


def facts_of(one: Labelled) -> Facts:
    paid = one.payment
    return Facts(
        amount_cents=paid.amount_cents,
        currency=CURRENCY,
        fingerprint=paid.card,
        billing_country=paid.card_country,
        ip_address=paid.ip,
        ip_country=paid.ip_country,
        customer_id=None if paid.customer == paid.card else paid.customer,
    )


def online(payments: list[Labelled]) -> Iterator[list[float]]:
    """Each payment as `confirm` sees it: one batched read, and then its writes."""
    table = Rows()
    for number, one in enumerate(payments):
        moment = datetime.fromtimestamp(one.payment.at, UTC) + timedelta(milliseconds=number % 1000)
        operation = make_id("op", moment, number.to_bytes(10, "big"))
        facts = facts_of(one)
        yield features_of(TENANT, facts, table.batch(risk_keys(TENANT, facts)), moment)
        attempted(table, facts, Attempt.of(operation), failed=one.failed)
        if not one.failed:
            paid(table, facts, Paid.of(operation, facts.amount_cents))


def attempted(table: Rows, facts: Facts, tried: Attempt, *, failed: bool) -> None:
    """Its begin and its end, on both counters."""
    card = card_key(TENANT, facts.fingerprint) if facts.fingerprint else None
    address = address_key(TENANT, facts.ip_address)
    for key, fingerprint in ((card, None), (address, facts.fingerprint)):
        if key is None:
            continue
        before = counter_of(table.items.get(key))
        table.write(counter_write(key, before, before.begun(tried, fingerprint)))
        before = counter_of(table.items[key])
        after = before.failed_with(tried) if failed else before.ended_otherwise(tried)
        table.write(counter_write(key, before, after))


def paid(table: Rows, facts: Facts, one: Paid) -> None:
    if facts.payer is None:
        return
    key = history_key(TENANT, facts.payer, facts.currency)
    before = past_of(table.items.get(key))
    table.write(history_write(key, before, before.with_payment(one, facts.ip_address)))


@pytest.fixture(scope="module")
def payments() -> list[Labelled]:
    """Simulated ones, with attacks, from addresses as there are, of which one in five is of IPv6;
    now and then the address or the card is not known."""
    addresses: dict[str | None, str] = {}
    found = []
    simulated = simulator.simulate(seed=3, days=40, people=100, terminals=False)
    for number, one in enumerate(simulated):
        place = len(addresses)
        ipv4, ipv6 = f"203.0.{place // 256}.{place % 256}", f"2001:db8:0:{place:x}::1"
        ip = addresses.setdefault(one.payment.ip, ipv6 if place % 5 == 0 else ipv4)
        payment = replace(one.payment, ip=None if number % 37 == 0 else ip)
        if number % 41 == 0 and payment.card != payment.customer:
            payment = replace(payment, card=None)
        found.append(one._replace(payment=payment))
    return found


def test_a_stream_is_told_online_and_offline_alike_to_the_last_bit(
    payments: list[Labelled], tmp_path: Path
) -> None:
    # Given some hundred payments as a file that a model is trained on
    dataset.write(tmp_path / "payments.csv", payments)
    replayed = list(replay.rows(dataset.read(tmp_path / "payments.csv")))
    # When they are made one by one, with nothing known but what their rows say
    told = list(online(payments))
    # Then
    assert len(told) == len(replayed) > 500
    for there, here in zip(told, replayed, strict=True):
        assert pack_row(there) == pack_row(here)
    # And every feature was asked for: none but those of a terminal is always the same
    for name, values in zip(FEATURES, zip(*told, strict=True), strict=True):
        assert (len(set(map(repr, values))) == 1) == (name in TERMINAL_FEATURES)


def named(facts: Facts, rows: dict[Key, Item]) -> dict[str, float]:
    return dict(zip(FEATURES, features_of(TENANT, facts, rows, NOON), strict=True))


STRANGER = Facts(1000, "eur", fingerprint="card_a", ip_address="203.0.113.7")


def test_what_is_in_flight_has_not_failed() -> None:
    # Given an attempt that failed and one whose end is not known, of another card
    table, failed, waits = Rows(), attempt(-60, 1), attempt(-30, 2)
    attempted(table, STRANGER, failed, failed=True)
    address = address_key(TENANT, STRANGER.ip_address)
    assert address is not None
    before = counter_of(table.items[address])
    table.write(counter_write(address, before, before.begun(waits, "card_b")))
    # Then the first is a failure of both, and both are cards that were tried there
    found = named(STRANGER, table.items)
    assert (found["card_failures_1h"], found["ip_failures_1h"]) == (1, 1)
    assert found["ip_cards_1d"] == 2


def test_a_card_of_nobody_is_its_own_customer_and_a_known_one_is_the_same_with_every_card() -> None:
    # Given a payment of a card of nobody, and one of somebody with it
    table, known = Rows(), replace(STRANGER, customer_id="cus_1")
    paid(table, STRANGER, Paid.of(attempt(-60, 1).operation_id, 500))
    for n in (2, 3):
        paid(table, known, Paid.of(attempt(-60, n).operation_id, 4000))
    # Then each has its own history, in its own currency
    assert named(STRANGER, table.items)["customer_ratio_to_median"] == 2
    other_card = replace(known, fingerprint="card_b")
    for facts in (known, other_card):
        assert named(facts, table.items)["customer_payments_1d"] == 2
    assert named(replace(known, currency="usd"), table.items)["customer_payments_1d"] == 0


def test_who_and_what_is_not_known_is_no_number() -> None:
    found = named(Facts(1000, "eur"), {})
    unknown = {name for name, value in found.items() if math.isnan(value)}
    assert {"card_failures_1h", "ip_failures_1h", "ip_cards_1d", "country_mismatch"} <= unknown
    assert {"customer_ip_is_new", "customer_hours_since_last", *TERMINAL_FEATURES} <= unknown
    assert (found["amount"], found["hour"], found["customer_payments_7d"]) == (1000, 12, 0)
