"""What Stripe's connector must do, before whatever stands in for Stripe.

Where Stripe is otherwise than the suite supposes, a test of the same name says how.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from farthing.acquiring.answer import Outcome
from farthing.acquiring.exchange import Exchanged, NoByteSent, NoUsableAnswer
from farthing.acquiring.port import Found, Kind, Undone
from farthing.clock import from_text
from farthing.vault.source import AcquirerToken
from tests.support.stripe.wire import Wire, changed
from tests.unit.acquiring.conformance import (
    Conformance,
    Harness,
    Trouble,
    charge,
    found,
    reversed_,
    sent,
)

TLS_VOUCHES = frozenset({Trouble.UNSIGNED, Trouble.FORGED})
"""Stripe signs no answers: what is not from Stripe fails before the first byte."""


def marked(**marks: str) -> Callable[[dict[str, Any]], Any]:
    return lambda told: told | {"metadata": told["metadata"] | marks}


CHANGED: dict[Trouble, Callable[[dict[str, Any]], Any]] = {
    Trouble.OTHER_AMOUNT: lambda told: (
        told | {name: told[name] + 1 for name in ("amount", "amount_received") if name in told}
    ),
    Trouble.OTHER_CURRENCY: lambda told: told | {"currency": "usd"},
    Trouble.OTHER_OPERATION: marked(farthing_kind="DISPUTE"),
    Trouble.OTHER_REFERENCE: marked(farthing_reference="SOMEBODYELSES"),
    Trouble.OTHER_ORDER: marked(farthing_order="pi_somebodyelses"),
    Trouble.OTHER_STATUS: lambda told: told | {"status": "maybe"},
}


class Troubled:
    """What every harness of Stripe's connector has in common: tokens, and trouble on the wire."""

    wire: Wire
    trouble: Trouble | None = None

    def card(self) -> AcquirerToken:
        return AcquirerToken("stripe", "pm_card_visa")

    def declined_card(self) -> AcquirerToken:
        return AcquirerToken("stripe", "pm_card_visa_chargeDeclined")

    def meets(self, trouble: Trouble | None) -> None:
        if trouble in TLS_VOUCHES:
            pytest.skip("Stripe does not sign its answers: TLS says whose they are")
        self.trouble = trouble
        self.wire.before, self.wire.back = self.before, self.back

    def before(self, method: str, path: str) -> Exchanged | None:
        if self.trouble is Trouble.REFUSED:
            raise NoByteSent
        if not self.wire.is_struck(method, path):
            return None
        if self.trouble is Trouble.LOST:
            raise NoUsableAnswer
        if self.trouble is Trouble.BUSY:
            return 503, b'{"error": {"type": "api_error", "message": "try again"}}', ""
        return None

    def back(self, answer: Exchanged) -> Exchanged:
        status, raw, date = answer
        match self.trouble:
            case Trouble.NO_ANSWER:
                raise NoUsableAnswer
            case Trouble.HTML:
                return 502, b"<html><body>Bad Gateway</body></html>", date
            case Trouble.GARBAGE:
                return status, raw[: len(raw) // 2], date
            case Trouble.NO_DOCUMENT:
                return status, json.dumps([json.loads(raw)]).encode(), date
            case Trouble.OTHER_ERROR:
                return (500 if status == 200 else status), b'{"error": {"code": "busy"}}', date
            case None:
                return answer
        told = changed(json.loads(raw), CHANGED[self.trouble])
        return status, json.dumps(told).encode(), date

    @property
    def longest_wait_seconds(self) -> int:
        return max(self.wire.deadlines)


class OnStripe(Conformance):
    """The suite, with what is otherwise at Stripe."""

    def test_an_authorization_says_what_later_requests_need(self, place: Harness) -> None:
        # What is captured at once never runs out.
        held, taken = charge(capture=False), charge(capture=True)
        for asked in (held, taken):
            answer = sent(place, asked)
            assert answer.authorization_code and answer.network_reference
            assert answer.acquirer_id and answer.card
            as_of = from_text(found(place, asked).as_of)
            if asked is held:
                assert from_text(answer.expires_at or "") > as_of
            else:
                assert answer.expires_at is None
        assert place.booked(held.order_id, Kind.CAPTURE) == []
        assert place.booked(taken.order_id, Kind.CAPTURE) == [1000]

    def test_a_resend_without_the_security_code_is_the_same_request(self, place: Harness) -> None:
        # There is no security code; a resend is the same request with the same token.
        asked, token = charge(), place.card()
        assert sent(place, asked, token) == sent(place, asked, token)
        assert place.booked(asked.order_id, Kind.AUTHORIZE) == [1000]

    def test_where_nothing_arrived_nothing_is_undone_and_later_arrivals_are_left_alone(
        self, place: Harness
    ) -> None:
        # A reversal shuts the PaymentIntent: what arrives afterwards is refused.
        asked = charge()
        sent(place, asked, place.late_card())
        assert reversed_(place, asked).undone is Undone.REVERSED
        self.let_it_land(place)
        assert place.booked(asked.order_id, Kind.AUTHORIZE) == []
        looked = found(place, asked)
        assert looked.found is Found.FOUND
        assert looked.answer is not None and looked.answer.outcome is Outcome.ABSENT

    def test_a_request_that_only_prepares_and_fails_is_not_sent(self, place: Any) -> None:
        # Nothing of it could move money, whatever became of it.
        for lost in (True, False):
            asked = charge()
            place.wire.before = lose_opening(lost)
            assert sent(place, asked).outcome is Outcome.NOT_SENT
            place.meets(None)
            assert place.booked(asked.order_id, Kind.AUTHORIZE) == []
            assert found(place, asked).found is Found.NOT_FOUND


def lose_opening(lost: bool) -> Callable[[str, str], Exchanged | None]:
    def before(method: str, path: str) -> Exchanged | None:
        if path != "/v1/payment_intents":
            return None
        if lost:
            raise NoUsableAnswer
        return 500, b'{"error": {"type": "api_error"}}', ""

    return before
