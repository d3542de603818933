"""Stripe's connector keeps the port's contract: on our double, with all that can go wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from farthing.acquiring.answer import Outcome
from farthing.acquiring.port import Kind
from farthing.vault.source import AcquirerToken
from tests.support.stripe.double import StripeDouble
from tests.support.stripe.wire import OfOurOperations, Wire, booked

pytest.register_assert_rewrite(
    "tests.unit.acquiring.conformance", "tests.unit.acquiring.stripe_conformance"
)

from tests.unit.acquiring.conformance import Harness, arrived, charge, sent  # noqa: E402
from tests.unit.acquiring.stripe_conformance import OnStripe, Troubled  # noqa: E402


class OnTheDouble(Troubled):
    """The connector on our own Stripe."""

    def __init__(self, *, forgetful: bool) -> None:
        self.stripe = StripeDouble()
        self.wire = Wire(self.stripe, late=lambda body: b"pm_card_late" in body)
        self.acquirer = OfOurOperations(
            self.wire,
            lambda: datetime.fromtimestamp(self.stripe.now, UTC),
            lambda: self.stripe.now,
            forgetful,
        )

    def late_card(self) -> AcquirerToken:
        return AcquirerToken("stripe", "pm_card_late")

    def pending_card(self) -> AcquirerToken:
        return AcquirerToken("stripe", "pm_card_pending")

    def end_pending(self) -> None:
        self.stripe.end_refunds()

    def advance(self, seconds: int) -> None:
        self.stripe.now += seconds
        self.wire.land()

    def booked(self, order_id: str, kind: Kind) -> list[int]:
        return booked(self.stripe, order_id, kind)


class TestOnTheDouble(OnStripe):
    """The connector on our double, with Stripe's ids at hand and without."""

    @pytest.fixture(params=["remembered", "forgotten"])
    def place(self, request: pytest.FixtureRequest) -> Harness:
        return OnTheDouble(forgetful=request.param == "forgotten")  # type: ignore[return-value]


def test_a_capture_without_an_id_finds_its_payment_by_search() -> None:
    # Given a payment whose id nobody knows any more, old enough for search to find it
    place = OnTheDouble(forgetful=False)
    held = charge(capture=False)
    sent(place, held)  # type: ignore[arg-type]
    capture = replace(held, kind=Kind.CAPTURE, reference="C", original_reference=held.reference)
    place.acquirer.ids.clear()
    # When search is behind, Then nothing is sent
    assert place.acquirer.send(capture, None).outcome is Outcome.NOT_SENT
    # When it has caught up, Then the payment is captured
    place.advance(61)
    assert place.acquirer.send(capture, None).outcome is Outcome.APPROVED
    arrived(place)  # type: ignore[arg-type]
    assert place.booked(held.order_id, Kind.CAPTURE) == [1000]
