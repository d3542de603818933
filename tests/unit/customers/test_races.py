"""Many requests at once: one token is used once, one customer has one default."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farthing.payments import payment_methods
from farthing.payments.payment_methods import CHANGE_ATTEMPTS_MAX
from tests.support import lambdas
from tests.support.threads import one_call_at_a_time
from tests.unit.customers.conftest import Shop

WORKERS = 6


@pytest.fixture
def racing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose requests interleave between their calls to the database."""
    one_call_at_a_time(monkeypatch)
    for name in ("customers", "payment_methods"):
        lambdas.load(name)
    return shop


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(WORKERS) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def holds(shop: Shop, customer_id: str) -> tuple[list[str], str | None]:
    """Check the rule of one default; give what there is."""
    ids, defaults = shop.defaults(customer_id)
    assert len(defaults) == (1 if ids else 0)
    default = shop.customer_of(customer_id)["default_payment_method_id"]
    assert [default] == (defaults or [None])
    return ids, default


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.sampled_from(["attach", "take over", "delete", "prefer"]), max_size=12),
    st.randoms(),
)
def test_one_default_after_any_requests(
    shop: Shop, steps: list[str], chance: random.Random
) -> None:
    customer_id = shop.customer()
    count = 0
    for step in steps:
        ids, _ = shop.defaults(customer_id)
        if step in {"attach", "take over"}:
            assert shop.save(customer_id, is_default=step == "take over").status == 201
            count += 1
        elif ids:
            act = shop.delete if step == "delete" else shop.prefer
            assert act(chance.choice(ids)).status == 200
            count -= step == "delete"
        ids, _ = holds(shop, customer_id)
        assert len(ids) == count


def test_one_token_at_once_makes_one_method(racing: Shop) -> None:
    token, customers = racing.token(), [racing.customer() for _ in range(WORKERS)]
    answers = at_once(*(lambda c=c: racing.save(c, token=token) for c in customers))
    assert sorted(answer.status for answer in answers) == [201] + [400] * (WORKERS - 1)
    assert sum(len(racing.defaults(customer)[0]) for customer in customers) == 1


def test_first_methods_at_once_leave_one_default(racing: Shop) -> None:
    customer_id = racing.customer()
    tokens = [racing.token() for _ in range(WORKERS)]
    answers = at_once(
        *(lambda t=t: racing.save(customer_id, token=t, is_default=True) for t in tokens)
    )
    assert {answer.status for answer in answers} == {201}
    ids, _ = holds(racing, customer_id)
    assert len(ids) == WORKERS


@pytest.mark.parametrize("seed", range(4))
def test_a_wild_mix_leaves_one_default(racing: Shop, seed: int) -> None:
    chance = random.Random(seed)
    customer_id = racing.customer()
    ids = [racing.method(customer_id) for _ in range(5)]
    doomed = chance.sample(ids, 3)
    calls = [
        *(lambda i=i: racing.delete(i) for i in doomed),
        *(lambda i=i: racing.prefer(i) for i in chance.sample(ids, 3)),
        *(lambda: racing.save(customer_id, is_default=True) for _ in range(2)),
        lambda: racing.delete(doomed[0]),
    ]
    chance.shuffle(calls)
    statuses = sorted(answer.status for answer in at_once(*calls))

    assert set(statuses) <= {200, 201, 404}
    left, _ = holds(racing, customer_id)
    assert not set(doomed) & set(left)
    assert len(left) == 5 - 3 + 2


def test_who_is_never_first_is_told_to_come_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given somebody who changes the customer before each of our writes."""
    customer_id = shop.customer()
    first, second = shop.method(customer_id), shop.method(customer_id)
    tries = []
    original = payment_methods._commit

    def beaten(store: Any, *writes: Any, also: Any = ()) -> None:
        tries.append(1)
        with monkeypatch.context() as undone:
            undone.setattr(payment_methods, "_commit", original)
            third = first if shop.get(first).body["is_default"] is False else None
            shop.method(customer_id) if third is None else shop.prefer(third)
        original(store, *writes, also=also)

    monkeypatch.setattr(payment_methods, "_commit", beaten)
    answer = shop.prefer(second)
    monkeypatch.undo()
    assert (answer.status, answer.body["code"]) == (409, "conflict")
    assert answer.headers["Retry-After"] == "1"
    assert len(tries) == CHANGE_ATTEMPTS_MAX
