"""The daily pass: everybody has a turn, whoever fails and however little time there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from farthing.reconciliation.daily import (
    SECONDS_FOR_A_MERCHANT,
    PassIncomplete,
    Services,
    daily_pass,
)
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.take import Reconciler
from farthing.settlement.batch import BatchName
from farthing.store import TenantScope
from tests.unit.reconciliation.ours import ACQUIRER, FIRST_DAY, OTHER, TENANT
from tests.unit.reconciliation.steps import Story

FOR_ONE = SECONDS_FOR_A_MERCHANT + 1.0


@pytest.fixture
def story() -> Story:
    """A merchant whose batch lacks a line, too late."""
    story = Story()
    name = story.batch_of(1_000, 2_000)
    story.at(name).pop()
    story.report(name)
    story.days_later(3)
    return story


def services(
    story: Story,
    merchants: list[str],
    seconds: Iterator[float] | None = None,
    books: Callable[[TenantScope, str], Reconciler] | None = None,
) -> tuple[Services, list[str], list[Exception]]:
    behind: list[str] = []
    failed: list[Exception] = []

    def plain(tenant: TenantScope, acquirer: str) -> Reconciler:
        return story.ours.books(BatchName(tenant, acquirer, "eur", FIRST_DAY))

    left = seconds or iter([FOR_ONE] * 10)
    made = Services(
        merchants, [ACQUIRER], books or plain, lambda: next(left), behind.append, failed.append
    )
    return made, behind, failed


def test_a_line_that_is_too_late_is_missed(story: Story) -> None:
    made, _, _ = services(story, [OTHER.merchant_id, TENANT.merchant_id])

    assert daily_pass(story.ours.clock.now().date(), made) == {"merchants": 2, "missed": 1}
    assert story.only().kind is Kind.MISSING_IN_REPORT


def test_one_that_fails_stops_no_other_and_is_told(story: Story) -> None:
    def books(tenant: TenantScope, acquirer: str) -> Reconciler:
        if tenant.merchant_id == OTHER.merchant_id:
            tenant = TenantScope("mer_other", tenant.mode)
            return Reconciler(
                tenant,
                acquirer,
                story.ours.terms,
                None,
                story.ours.clock,  # type: ignore[arg-type]
            )
        return story.ours.books(BatchName(tenant, acquirer, "eur", FIRST_DAY))

    made, _, failed = services(story, [OTHER.merchant_id, TENANT.merchant_id], books=books)

    with pytest.raises(PassIncomplete):
        daily_pass(story.ours.clock.now().date(), made)
    assert failed and story.only().kind is Kind.MISSING_IN_REPORT


def test_out_of_time_it_says_where_the_next_one_goes_on(story: Story) -> None:
    names = [OTHER.merchant_id, TENANT.merchant_id]
    made, behind, _ = services(story, names, iter([FOR_ONE, 0.0]))

    with pytest.raises(PassIncomplete):
        daily_pass(story.ours.clock.now().date(), made)
    assert behind == [OTHER.merchant_id]
    assert story.open() == []
