"""A batch's name follows from whose it is and of which day, and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.ids import is_id
from farthing.settlement.batch import Batch, BatchName
from farthing.settlement.entry import Operation, entry_id_of, entry_key, settlement_entry
from farthing.settlement.view import settlement_object
from farthing.store import TenantScope
from tests.unit.settlement.world import TENANT, World, at, day

NAME = BatchName(TENANT, "sandbox", "eur", date(2026, 11, 1))
names = st.builds(
    BatchName,
    st.builds(
        TenantScope,
        st.from_regex(r"mer_[0-9a-hjkmnp-tv-z]{26}", fullmatch=True),
        st.sampled_from(["test", "live"]),
    ),
    st.just("sandbox"),
    st.sampled_from(["eur", "usd"]),
    st.dates(date(2020, 1, 1), date(2100, 1, 1)),
    st.integers(1, 9999),
)


@given(name=names, other=names)
def test_ids_are_deterministic_distinct_and_sort_by_business_day(
    name: BatchName, other: BatchName
) -> None:
    assert is_id("st", name.settlement_id)
    assert replace(name).settlement_id == name.settlement_id
    if name != other:
        assert name.settlement_id != other.settlement_id
        assert name.reference != other.reference
    if name.business_day != other.business_day:
        older = min(name, other, key=lambda one: one.business_day)
        assert older.settlement_id == min(name.settlement_id, other.settlement_id)


@given(name=names)
def test_the_acquirer_takes_the_reference(name: BatchName) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.:~-]{1,80}", name.reference)


@pytest.mark.parametrize(
    "other",
    [
        replace(NAME, tenant=TenantScope(TENANT.merchant_id, "live")),
        replace(NAME, tenant=TenantScope("mer_01jd0000000000000000000bbb", "test")),
        replace(NAME, acquirer="another"),
        replace(NAME, currency="usd"),
        replace(NAME, business_day=date(2026, 11, 2)),
        replace(NAME, number=2),
    ],
)
def test_each_part_of_the_name_makes_another_batch(other: BatchName) -> None:
    assert other.settlement_id != NAME.settlement_id


def test_an_entry_is_found_in_its_day_and_named_after_its_operation() -> None:
    key, item = settlement_entry(
        TENANT,
        "pi_1",
        "op_1",
        "ref_1",
        Operation.CAPTURE,
        1000,
        "eur",
        "sandbox",
        day(0),
        at(1, hour=3),
    )

    assert entry_id_of("op_1", Operation.REFUND) == "op_1-refund"
    assert re.fullmatch(re.escape(TENANT.pk("SETTLE", "sandbox", "2026-11-01")) + "#[0-7]", key.pk)
    assert key.sk == "eur#op_1-capture"
    assert item["business_day"] == "2026-11-01"
    assert (item["merchant_id"], item["mode"]) == (TENANT.merchant_id, "test")
    assert "settlement_id" not in item


@pytest.mark.parametrize("cents", [0, -1])
def test_an_entry_has_a_positive_amount(cents: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        settlement_entry(
            TENANT,
            "pi_1",
            "op_1",
            "ref_1",
            Operation.REFUND,
            cents,
            "eur",
            "sandbox",
            day(0),
            at(0),
        )


def test_entries_of_a_day_spread_over_all_shards() -> None:
    world = World()
    keys = {entry_key(TENANT, world.enter(0)).pk for _ in range(200)}

    assert len(keys) == 8


def test_an_open_batch_shows_no_figures_yet() -> None:
    shown = settlement_object(Batch.of(TENANT, NAME.opened("2026-11-02T01:00:00.000Z", 1)))

    assert shown["status"] == "OPEN"
    figures = ("entry_count", "refunded_cents", "gross_cents", "fee_cents", "net_cents")
    assert all(shown[figure] is None for figure in figures)
    assert shown["exception"] is None
    assert shown["livemode"] is False
