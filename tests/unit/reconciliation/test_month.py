"""A month with every kind of break: reconciliation names what was put in, and nothing else."""

from __future__ import annotations

import pytest

from farthing.reconciliation.intake import take_file
from farthing.reconciliation.kind import Kind
from tests.unit.reconciliation.month import SOURCE, Month
from tests.unit.reconciliation.steps import Story


@pytest.mark.parametrize("seed", range(2))
def test_exactly_the_injected_breaks_are_named(seed: int) -> None:
    month = Month(3_000, 12, seed=seed)
    month.live()
    month.inject()

    month.reconcile()

    assert month.named() == month.injected
    assert {kind for kind, _, _ in month.injected} == {kind.value for kind in Kind}


def test_files_in_any_order_and_again_come_to_the_same(seed: int = 5) -> None:
    """Reports before statements or after, a month's twice: the same breaks and the same books."""
    months = []
    for shuffled in (False, True):
        month = Month(300, 4, seed=seed)
        month.live()
        month.inject()
        files = list(month.files())
        if shuffled:
            month.random.shuffle(files)
        for kind, content in files:
            take_file(kind, content, SOURCE, month.ours.services())
        month.miss()
        before = Story(ours=month.ours).state()
        for kind, content in files:
            take_file(kind, content, SOURCE, month.ours.services())
        assert Story(ours=month.ours).state() == before
        months.append(month)
    straight, mixed = months
    assert mixed.named() == straight.named() == straight.injected
    assert mixed.ours.balances() == straight.ours.balances()


def test_a_month_without_a_break_has_none() -> None:
    month = Month(300, 0, seed=9)
    month.live()
    month.reconcile()

    assert month.named() == {}
    assert month.ours.balances()["acquirer_receivable:sandbox", "eur"] == 0
