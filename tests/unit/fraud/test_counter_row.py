"""The counter in the table: its key, its condition, and many at it at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import boto3
import pytest

from farthing import runtime
from farthing.fraud.counter_row import (
    RACES_MAX,
    address_key,
    card_key,
    counter_write,
)
from farthing.fraud.window import (
    FAILURES_KEPT,
    HOUR_SECONDS,
    LIMIT_MAX,
    Attempt,
    Counter,
    TriedCard,
)
from farthing.ids import make_id
from farthing.store import ConditionFailed, Key, TenantScope
from tests.support.attempts import Till, a_card, arrive
from tests.support.lambdas import MERCHANT
from tests.support.threads import at_once, one_call_at_a_time
from tests.unit.fraud.test_window import NOON, at, attempt

TENANT = TenantScope(MERCHANT, "test")
CARD = a_card(TENANT, "1")


@pytest.fixture
def till(aws: None) -> Till:
    return Till(runtime.store(TENANT), TENANT)


def write(till: Till, key: Key, before: Counter, after: Counter) -> None:
    made = counter_write(key, before, after)
    assert made is not None
    till.store.write(made)


def test_it_is_read_as_it_was_written_and_a_change_that_changes_nothing_is_no_write(
    till: Till,
) -> None:
    counter = Counter()
    for n in range(6):
        changes: list[Callable[[Attempt], Counter]] = [counter.begun, counter.failed_with]
        after = changes[n % 2](attempt(n, n // 2))
        write(till, CARD, counter, after)
        counter = till.read(CARD)
        assert (counter.failed, counter.in_flight) == (after.failed, after.in_flight)
        assert counter.version == n + 1
    assert counter_write(CARD, counter, counter.failed_with(counter.failed[0])) is None
    assert counter_write(CARD, counter, counter.ended_otherwise(attempt(9, 9))) is None


def test_what_was_decided_on_a_counter_that_changed_is_not_written(till: Till) -> None:
    # Given two that read the same, absent and then present
    for n in (0, 2):
        read = till.read(CARD)
        write(till, CARD, read, read.begun(attempt(n, n)))
        # When the second writes what it decided then, nothing of it is written
        for late in (read.begun(attempt(n + 1, n + 1)), read.failed_with(attempt(n, n))):
            with pytest.raises(ConditionFailed, match="COUNTER_AS_READ"):
                write(till, CARD, read, late)
        assert till.read(CARD).in_flight == tuple(attempt(m, m) for m in range(0, n + 1, 2))


def test_one_that_went_well_is_taken_away_whoever_is_at_it(till: Till) -> None:
    first, second, third = (attempt(n, n) for n in range(3))
    for one in (first, second):
        read = till.read(CARD)
        write(till, CARD, read, read.begun(one))
    # Given that one ends while others begin and fail
    read = till.read(CARD)
    write(till, CARD, read, read.failed_with(second))
    write(till, CARD, read, read.ended_otherwise(first))
    after = till.read(CARD)
    assert (after.failed, after.in_flight) == ((second,), ())
    # And nobody's write brings it back
    write(till, CARD, after, after.begun(third))
    write(till, CARD, read, read.ended_otherwise(first))
    assert till.read(CARD).in_flight == (third,)


def test_taking_away_makes_no_row(till: Till) -> None:
    read = Counter().begun(attempt(0))
    with pytest.raises(ConditionFailed, match="EXISTS"):
        write(till, CARD, read, read.ended_otherwise(attempt(0)))


def test_the_broom_comes_when_nothing_in_it_counts_any_more(till: Till) -> None:
    newest = Counter().failed_with(attempt(0)).begun(attempt(60, 1))
    write(till, CARD, Counter(), newest)
    (item,) = boto3.client("dynamodb").scan(TableName=runtime.table_names()["risk"])["Items"]
    assert int(item["ttl"]["N"]) == int(at(60 + 7200).timestamp())
    assert (item["entity"]["S"], item["schema_version"]["N"]) == ("attempts", "1")


def test_an_address_remembers_the_cards_in_the_write_that_an_attempt_begins_with(
    till: Till,
) -> None:
    address = address_key(TENANT, "203.0.113.7")
    assert address is not None
    # Given two that read the same, and of which one begins
    read = till.read(address)
    write(till, address, read, read.begun(attempt(0), "card_a"))
    with pytest.raises(ConditionFailed, match="COUNTER_AS_READ"):
        write(till, address, read, read.begun(attempt(1, 1), "card_b"))
    # When another begins, and all of them end
    read = till.read(address)
    write(till, address, read, read.begun(attempt(2, 2), "card_c"))
    for end in (lambda c: c.failed_with(attempt(0)), lambda c: c.ended_otherwise(attempt(2, 2))):
        read = till.read(address)
        write(till, address, read, end(read))
    # Then it knows the two for a day, and nothing of the one that lost
    after = till.read(address)
    assert after.cards == (
        TriedCard(attempt(0).at_ms, "card_a"),
        TriedCard(attempt(2).at_ms, "card_c"),
    )
    assert (after.failed, after.in_flight) == ((attempt(0),), ())
    item = till.store.get(address)
    assert item is not None
    assert item["ttl"] == int(at(2 + 86_400).timestamp())


def test_merchants_modes_cards_and_networks_have_counters_of_their_own() -> None:
    other, live = TenantScope("mer_other", "test"), TenantScope(MERCHANT, "live")
    keys = [card_key(tenant, card) for tenant in (TENANT, other, live) for card in ("a", "b")]
    keys += [
        key
        for tenant in (TENANT, other, live)
        for ip in ("203.0.113.7", "203.0.113.8", "2001:db8::1", "2001:db8:0:1::1")
        if (key := address_key(tenant, ip)) is not None
    ]
    assert len(set(keys)) == 6 + 12
    assert address_key(TENANT, "2001:db8::1") == address_key(TENANT, "2001:db8::ffff:2")
    assert address_key(TENANT, "::ffff:203.0.113.7") == address_key(TENANT, "203.0.113.7")
    assert address_key(TENANT, None) is None
    assert address_key(TENANT, "no address") is None


def test_of_many_at_once_that_all_fail_four_are_tried(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a card that twenty try at once, each from an address of its own
    one_call_at_a_time(monkeypatch)

    def tries(n: int) -> bool:
        one = Attempt.of(make_id("op", NOON + timedelta(milliseconds=n), bytes(9) + bytes([n])))
        address = address_key(TENANT, f"203.0.113.{n}")
        assert address is not None
        if not till.begin(one, [CARD, address], at(1)):
            return False
        till.end(one, [CARD, address], failed=True)
        till.end(one, [CARD, address], failed=True)
        return True

    let_in = at_once(tries, range(20), 20)
    assert sum(let_in) == FAILURES_KEPT
    counter = till.read(CARD)
    assert (len(counter.failed), counter.in_flight) == (FAILURES_KEPT, ())


def test_who_loses_every_race_to_a_card_tester_is_refused_by_the_last_try() -> None:
    # Given one who reads both counters, and every time somebody is faster on one of them
    counters = [Counter(), Counter()]
    lost = 0
    for which in (0, 1):
        for n in range(LIMIT_MAX):
            # Attempts that begin and fail, one after the other
            for change in (Counter.begun, Counter.failed_with):
                assert not any(one.trips(HOUR_SECONDS, LIMIT_MAX, at(9)) for one in counters)
                before = counters[which]
                counters[which] = change(before, attempt(n, n))
                assert counter_write(CARD, before, counters[which]) is not None
                lost += 1
    counters[0] = counters[0].begun(attempt(4, 4))
    lost += 1
    # Then there is nothing left to lose to: it is refused, by a try that it still has
    assert counters[0].trips(HOUR_SECONDS, LIMIT_MAX, at(9))
    assert lost + 1 == RACES_MAX


@pytest.mark.parametrize("seed", range(4))
def test_random_arrivals_are_counted_as_counting_does(
    till: Till, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    one_call_at_a_time(monkeypatch)
    address = address_key(TENANT, "203.0.113.7")
    assert address is not None
    arrive(till, address, NOON, seed)
