"""Stripe's connector before a server that somebody else wrote: localstripe, in its own process.

Of the conformance suite runs what localstripe can do. What it does otherwise than Stripe's
documentation is in `localstripe.DIFFERENCES`, each with a test that it is still so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import pytest

from farthing.acquiring.port import Kind
from farthing.acquiring.stripe.form import encode
from farthing.vault.source import AcquirerToken
from tests.support.stripe.localstripe import DIFFERENCES, Documented, Server, running
from tests.support.stripe.wire import OfOurOperations, Wire, booked

pytest.register_assert_rewrite(
    "tests.unit.acquiring.conformance", "tests.unit.acquiring.stripe_conformance"
)

from tests.unit.acquiring.conformance import Harness  # noqa: E402
from tests.unit.acquiring.stripe_conformance import OnStripe, Troubled  # noqa: E402

pytestmark = pytest.mark.localstripe

CANNOT: dict[str, str] = {
    "test_an_authorization_says_what_later_requests_need": "it tells nothing of the card",
    "test_each_answer_says_when_and_that_moves_with_the_acquirers_clock": "its clock is ours",
    "test_a_reference_is_known_for_as_long_as_declared": "its clock is ours",
    "test_a_refund_that_is_not_decided_is_pending_until_it_is": "its refunds succeed at once",
    "test_the_books_are_complete_and_oldest_first": "it lists no times, and its clock is ours",
    "test_the_books_say_what_each_row_belongs_to_and_how_it_stands_now": "it lists no times",
    "test_the_books_begin_where_they_are_asked_to": "it lists no times",
}
"""Tests of the suite that say nothing before localstripe, and why. They run on our double."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as made:
        yield made


class OnLocalstripe(Troubled):
    """The connector on localstripe."""

    def __init__(self, server: Server) -> None:
        self.beyond = Documented(server.raw())
        self.wire, self.late = Wire(self.beyond, late=lambda body: self.is_late()), False
        self.acquirer = OfOurOperations(self.wire, lambda: datetime.now(UTC), monotonic)

    def declined_card(self) -> AcquirerToken:
        return AcquirerToken("stripe", "pm_card_chargeCustomerFail")

    def late_card(self) -> AcquirerToken:
        self.late = True
        return self.card()

    def is_late(self) -> bool:
        """Whether this confirmation is on its way for long: the next one after `late_card`."""
        late, self.late = self.late, False
        return late

    def pending_card(self) -> AcquirerToken:
        raise NotImplementedError

    def end_pending(self) -> None:
        raise NotImplementedError

    def advance(self, seconds: int) -> None:
        """Its clock is the machine's; what was on its way arrives all the same."""
        self.wire.land()

    def booked(self, order_id: str, kind: Kind) -> list[int]:
        return booked(self.beyond, order_id, kind)


class TestOnLocalstripe(OnStripe):
    """The suite, as far as localstripe goes."""

    @pytest.fixture
    def place(self, server: Server, request: pytest.FixtureRequest) -> Harness:
        name = getattr(request.node, "originalname", request.node.name)
        if name in CANNOT:
            pytest.skip(f"localstripe: {CANNOT[name]}")
        return OnLocalstripe(server)  # type: ignore[return-value]


def test_what_is_left_out_are_tests_of_the_suite() -> None:
    assert all(callable(getattr(OnStripe, name)) for name in CANNOT)


def ask(server: Server, path: str, fields: dict[str, Any], key: str = "k") -> tuple[int, Any]:
    """One request as Stripe documents it, to localstripe itself."""
    body, headers = encode(fields).encode(), {"Idempotency-Key": key}
    status, raw, _ = server.raw()("POST", path, body, 5, headers)
    return status, json.loads(raw)


def opened(server: Server, **more: Any) -> str:
    fields = {"amount": 1000, "currency": "eur", "capture_method": "manual", **more}
    status, told = ask(server, "/v1/payment_intents", fields)
    assert status == 200, told
    id_: str = told["id"]
    return id_


def confirmed(server: Server, token: str = "pm_card_visa", **more: Any) -> tuple[int, Any, str]:
    path = f"/v1/payment_intents/{opened(server, payment_method=token, **more)}"
    return *ask(server, f"{path}/confirm", {}), path


class TestDifferences:
    """Each is still so: what stands between the connector and localstripe is needed for it."""

    def test_every_difference_has_a_test(self) -> None:
        assert {name for name in vars(TestDifferences) if name in DIFFERENCES} == set(DIFFERENCES)

    @staticmethod
    def idempotency(server: Server) -> bool:
        return opened(server) != opened(server)

    @staticmethod
    def description(server: Server) -> bool:
        fields = {"amount": 1, "currency": "eur", "description": "pi_1"}
        return ask(server, "/v1/payment_intents", fields)[0] == 400

    @staticmethod
    def confirmation(server: Server) -> bool:
        path = f"/v1/payment_intents/{opened(server)}/confirm"
        return ask(server, path, {"payment_method": "pm_card_visa"})[0] != 200

    @staticmethod
    def capture_metadata(server: Server) -> bool:
        _, _, path = confirmed(server)
        return ask(server, f"{path}/capture", {"metadata": {"a": "b"}})[0] == 400

    @staticmethod
    def amount_received(server: Server) -> bool:
        status, told, _ = confirmed(server, capture_method="automatic")
        return status == 200 and told["status"] == "succeeded" and "amount_received" not in told

    @staticmethod
    def decline_type(server: Server) -> bool:
        status, told, _ = confirmed(server, "pm_card_chargeCustomerFail")
        documented = told["error"]["type"] == "card_error" or "payment_intent" in told["error"]
        return status == 402 and not documented

    @staticmethod
    def over_refund(server: Server) -> bool:
        _, told, _ = confirmed(server, capture_method="automatic")
        fields = {"payment_intent": told["id"], "amount": 5000}
        return ask(server, "/v1/refunds", fields)[0] == 200

    @staticmethod
    def created(server: Server) -> bool:
        path = "/v1/payment_intents?created%5Bgte%5D=1"
        return server.raw()("GET", path, None, 5)[0] == 400

    @pytest.mark.parametrize("name", DIFFERENCES)
    def test_it_is_otherwise_than_stripes_documentation_says(
        self, server: Server, name: str
    ) -> None:
        assert getattr(TestDifferences, name)(server), DIFFERENCES[name]

    def test_the_numbers_that_stripe_declines_are_approved(self, server: Server) -> None:
        # So declines are tried with one number, which it does decline, and on our double.
        assert confirmed(server, "pm_card_visa_chargeDeclined")[0] == 200

    def test_there_are_no_disputes(self, server: Server) -> None:
        assert server.raw()("GET", "/v1/disputes", None, 5)[0] == 404
