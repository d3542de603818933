"""The counters of failed attempts on the stack's own table, whose transactions are real."""

from __future__ import annotations

import random
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from farthing.fraud.counter_row import address_key
from farthing.fraud.window import FAILURES_KEPT, Attempt
from farthing.ids import make_id
from farthing.store import TenantScope
from farthing.store.table import DynamoStore
from tests.stack.live import Live
from tests.support.attempts import Till, a_card, arrive
from tests.support.threads import at_once

AT_ONCE = 12


def a_till(live: Live) -> Till:
    stacks = live.aws("cloudformation").describe_stacks(StackName=live.dev["stack_name"])
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stacks["Stacks"][0]["Outputs"]}
    tenant = TenantScope(f"mer_{uuid.uuid4().hex}", "test")
    store = DynamoStore(
        client=live.aws("dynamodb"),
        table_names={"risk": outputs["RiskTable"]},
        scope=tenant,
        sleep=time.sleep,
        chance=random.random,
        new_token=lambda: str(uuid.uuid4()),
    )
    return Till(store, tenant)


def test_of_twelve_tries_of_a_card_at_once_four_are_let_in(live: Live) -> None:
    till, now = a_till(live), datetime.now(UTC)
    card, address = a_card(till.tenant, "1"), address_key(till.tenant, "203.0.113.7")
    assert address is not None

    def tries(n: int) -> Attempt | None:
        one = Attempt.of(make_id("op", now, n.to_bytes(10, "big")))
        if not till.begin(one, [card, address], now):
            return None
        till.end(one, [card, address], failed=True)
        return one

    # When all of them are declined
    let_in = [one for one in at_once(tries, range(AT_ONCE), AT_ONCE) if one is not None]
    # Then no more were tried than may be, and both counters hold just those
    assert len(let_in) == FAILURES_KEPT
    for key in (card, address):
        counter = till.read(key)
        assert counter.failed == tuple(sorted(let_in))
        assert counter.in_flight == ()


@pytest.mark.parametrize("seed", [11, 12])
def test_random_arrivals_are_counted_as_counting_does(live: Live, seed: int) -> None:
    till = a_till(live)
    arrive(till, a_card(till.tenant, "2"), datetime.now(UTC) - timedelta(hours=2), seed)
