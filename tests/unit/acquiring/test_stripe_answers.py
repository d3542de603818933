"""What each answer of Stripe's proves, and what our requests to it say."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.acquiring.answer import Answer, Outcome
from farthing.acquiring.decline import REASONS
from farthing.acquiring.exchange import Exchanged
from farthing.acquiring.port import (
    Found,
    Initiator,
    Instruction,
    Kind,
    LookUpFailed,
    StoredCredential,
    Undone,
    Use,
)
from farthing.acquiring.stripe import units
from farthing.acquiring.stripe.api import HEADERS, Api
from farthing.acquiring.stripe.connector import StripeAcquirer
from farthing.acquiring.stripe.declines import REASON_OF_CODE, decline_of
from farthing.acquiring.stripe.form import encode
from farthing.acquiring.stripe.guarantees import (
    ANSWER_TIMEOUT_SECONDS,
    CAPABILITIES,
    OPEN_AGAIN_SECONDS,
    SEARCH_TELLS_SECONDS,
)
from farthing.money import EXPONENTS
from farthing.vault.card import Card
from farthing.vault.pan import Pan
from farthing.vault.source import AcquirerToken
from tests.support.stripe.double import StripeDouble
from tests.support.stripe.wire import Wire

TOKEN = AcquirerToken("stripe", "pm_card_visa")


@pytest.fixture
def stripe() -> StripeDouble:
    return StripeDouble()


def connector(stripe: StripeDouble, **more: Any) -> StripeAcquirer:
    now = lambda: datetime.fromtimestamp(stripe.now, UTC)  # noqa: E731
    api = Api(more.pop("exchange", stripe), more.pop("clock", lambda: stripe.now))
    return StripeAcquirer(api, now, "mer_1:test")


def asked(reference: str = "R1", **more: Any) -> Instruction:
    values: dict[str, Any] = {
        "order_id": "pi_1",
        "amount_cents": 1000,
        "currency": "eur",
        "capture": True,
        "merchant_reference": "mer_1:test",
    }
    return Instruction(Kind.AUTHORIZE, reference, **(values | more))


def error(status: int, type_: str, **more: Any) -> Exchanged:
    return status, json.dumps({"error": {"type": type_, **more}}).encode(), ""


def at(ending: str, answer: Exchanged) -> Callable[[str, str], Exchanged | None]:
    return lambda method, path: answer if method == "POST" and path.endswith(ending) else None


class TestWhatAnErrorProves:
    @pytest.mark.parametrize(
        ("answer", "outcome"),
        [
            (error(401, "invalid_request_error"), Outcome.NOT_SENT),
            (error(403, "invalid_request_error"), Outcome.NOT_SENT),
            (error(429, "invalid_request_error", code="rate_limit"), Outcome.NOT_SENT),
            (error(429, "invalid_request_error", code="lock_timeout"), Outcome.UNKNOWN),
            (error(409, "idempotency_error", code="idempotency_key_in_use"), Outcome.UNKNOWN),
            (error(400, "idempotency_error"), Outcome.UNKNOWN),
            (error(500, "api_error"), Outcome.UNKNOWN),
            (error(503, "api_error"), Outcome.UNKNOWN),
            (error(424, "api_error"), Outcome.UNKNOWN),
            (error(402, "card_error", code="card_declined"), Outcome.UNKNOWN),
            (error(402, "api_error"), Outcome.UNKNOWN),
            (error(400, "invalid_request_error"), Outcome.DECLINED),
            (error(404, "invalid_request_error", code="resource_missing"), Outcome.DECLINED),
            (error(200, "card_error"), Outcome.UNKNOWN),
            ((401, b"<html>", ""), Outcome.UNKNOWN),
            ((302, b"{}", ""), Outcome.UNKNOWN),
            ((400, b'{"error": "no"}', ""), Outcome.UNKNOWN),
        ],
    )
    def test_to_the_request_that_moves_money(
        self, stripe: StripeDouble, answer: Exchanged, outcome: Outcome
    ) -> None:
        stripe.fail = at("/confirm", answer)
        said = connector(stripe).send(asked(), TOKEN)
        assert said.outcome is outcome
        assert (said.decline is not None) is (outcome is Outcome.DECLINED)

    @pytest.mark.parametrize("status", [401, 403, 409, 429, 500, 503])
    def test_to_the_request_before_it_nothing_was_sent(
        self, stripe: StripeDouble, status: int
    ) -> None:
        stripe.fail = at("/v1/payment_intents", error(status, "api_error"))
        assert connector(stripe).send(asked(), TOKEN).outcome is Outcome.NOT_SENT

    def test_a_request_that_stripe_cannot_open_is_declined(self, stripe: StripeDouble) -> None:
        refused = error(400, "invalid_request_error", code="amount_too_small")
        stripe.fail = at("/v1/payment_intents", refused)
        said = connector(stripe).send(asked(), TOKEN)
        assert said.outcome is Outcome.DECLINED and said.decline is not None
        assert said.decline.reason_code == "NOT_PERMITTED"
        assert said.decline.acquirer_code == "amount_too_small"

    def test_a_request_sent_again_that_stripe_cannot_open_says_nothing_of_the_first(
        self, stripe: StripeDouble
    ) -> None:
        """The first may have been confirmed, and be on its way still."""
        refused = error(400, "invalid_request_error", code="amount_too_small")
        stripe.fail = at("/v1/payment_intents", refused)
        again = replace(asked(), sent_before=True)
        assert connector(stripe).send(again, TOKEN).outcome is Outcome.NOT_SENT

    def test_an_unknown_outcome_keeps_stripes_name_of_the_payment(
        self, stripe: StripeDouble
    ) -> None:
        stripe.fail_after = at("/confirm", error(500, "api_error"))
        said = connector(stripe).send(asked(), TOKEN)
        assert said == Answer(Outcome.UNKNOWN)
        assert said.acquirer_id in stripe.payments

    def test_confirming_what_was_confirmed_before_is_unknown_and_the_look_up_tells(
        self, stripe: StripeDouble
    ) -> None:
        # Given that Stripe has forgotten the key, and the payment is known by its id
        first = connector(stripe).send(asked(), TOKEN)
        stripe.layer.kept.clear()
        again = replace(asked(), acquirer_id=first.acquirer_id)
        assert connector(stripe).send(again, TOKEN).outcome is Outcome.UNKNOWN
        looked = connector(stripe).look_up(again)
        assert (looked.found, looked.answer) == (Found.FOUND, first)

    def test_a_decline_after_which_the_payment_is_not_declined_is_none(
        self, stripe: StripeDouble
    ) -> None:
        def contradictory(answer: Exchanged) -> Exchanged:
            told = json.loads(answer[1])
            told["error"]["payment_intent"] |= {"status": "succeeded", "amount_received": 1000}
            return answer[0], json.dumps(told).encode(), answer[2]

        wire = Wire(stripe, back=contradictory)
        declined = AcquirerToken("stripe", "pm_1_poor")
        said = connector(stripe, exchange=wire).send(asked(), declined)
        assert said.outcome is Outcome.UNKNOWN

    def test_in_use_elsewhere_is_unknown(self, stripe: StripeDouble) -> None:
        stripe.layer.in_use.add("R1")
        assert connector(stripe).send(asked(), TOKEN).outcome is Outcome.UNKNOWN


class TestWhatIsAsked:
    def bodies(self, stripe: StripeDouble, source: Any, **more: Any) -> dict[str, dict[str, str]]:
        """Path ending → form fields, of one authorization."""
        seen: dict[str, dict[str, str]] = {}

        def exchange(method: str, path: str, body: Any, timeout: int, headers: Any) -> Exchanged:
            if body is not None:
                seen[path.rpartition("/")[2]] = {
                    **dict(parse_qsl(body.decode())),
                    "key": headers["Idempotency-Key"],
                }
            return stripe(method, path, body, timeout, headers)

        connector(stripe, exchange=exchange).send(asked(**more), source)
        return seen

    def test_the_first_request_says_whose_it_is_and_moves_nothing(
        self, stripe: StripeDouble
    ) -> None:
        opened = self.bodies(stripe, TOKEN)["payment_intents"]
        assert opened == {
            "amount": "1000",
            "currency": "eur",
            "capture_method": "automatic",
            "payment_method_types[]": "card",
            "description": "pi_1",
            "metadata[farthing_kind]": "AUTHORIZE",
            "metadata[farthing_reference]": "R1",
            "metadata[farthing_order]": "pi_1",
            "metadata[farthing_merchant]": "mer_1:test",
            "key": "R1-open",
        }

    @pytest.mark.parametrize(
        ("stored", "wanted"),
        [
            (None, {"error_on_requires_action": "true"}),
            (
                StoredCredential(Use.FIRST, Initiator.CUSTOMER),
                {"error_on_requires_action": "true", "setup_future_usage": "off_session"},
            ),
            (
                StoredCredential(Use.SUBSEQUENT, Initiator.CUSTOMER, "n"),
                {"error_on_requires_action": "true"},
            ),
            (
                StoredCredential(Use.SUBSEQUENT, Initiator.MERCHANT, "n"),
                {"off_session": "true"},
            ),
        ],
    )
    def test_the_second_says_who_is_there_and_whether_the_card_is_kept(
        self, stripe: StripeDouble, stored: StoredCredential | None, wanted: dict[str, str]
    ) -> None:
        confirmed = self.bodies(stripe, TOKEN, stored_credential=stored)["confirm"]
        common = {"payment_method": "pm_card_visa", "expand[]": "latest_charge", "key": "R1"}
        assert confirmed == common | wanted

    def test_opening_is_the_same_whatever_pays(self, stripe: StripeDouble) -> None:
        first = self.bodies(stripe, TOKEN)["payment_intents"]
        stored = StoredCredential(Use.SUBSEQUENT, Initiator.MERCHANT, "n")
        other = AcquirerToken("stripe", "pm_another")
        assert self.bodies(stripe, other, stored_credential=stored)["payment_intents"] == first

    @pytest.mark.parametrize(
        "source",
        [None, Card(Pan("4242424242424242"), 12, 2030), AcquirerToken("another", "pm_card_visa")],
    )
    def test_what_it_cannot_take_is_not_sent(self, stripe: StripeDouble, source: Any) -> None:
        assert connector(stripe).send(asked(), source).outcome is Outcome.NOT_SENT
        assert stripe.requests == []

    def test_the_version_is_pinned(self) -> None:
        assert HEADERS["Stripe-Version"] == "2026-06-24.dahlia"

    def test_all_requests_of_one_sending_share_the_time(self, stripe: StripeDouble) -> None:
        # Given a Stripe that takes all the time it is given
        stored = StoredCredential(Use.SUBSEQUENT, Initiator.MERCHANT, "n")
        waits: list[int] = []

        def slow(method: str, path: str, body: Any, timeout: int, headers: Any) -> Exchanged:
            waits.append(timeout)
            stripe.now += timeout
            return stripe(method, path, body, timeout, headers)

        one = connector(stripe, exchange=slow)
        # When a payment needs more than it has, Then the request that counts is never sent
        answer = one.send(asked(stored_credential=stored), AcquirerToken("stripe", "pm_slow"))
        assert answer.outcome is Outcome.NOT_SENT
        assert sum(waits) <= ANSWER_TIMEOUT_SECONDS
        assert not any(path.endswith("/confirm") for _, path in stripe.requests)

    def test_the_request_that_counts_is_not_sent_when_nobody_could_wait_for_it(
        self, stripe: StripeDouble
    ) -> None:
        # Given a saved card of a customer, and a Stripe that takes long to prepare
        stored = StoredCredential(Use.SUBSEQUENT, Initiator.MERCHANT, "n")
        saved = AcquirerToken("stripe", "pm_saved")
        assert connector(stripe).send(asked(), saved).outcome is Outcome.APPROVED
        stripe.methods["pm_saved"] |= {"customer": "cus_1"}

        def slow(method: str, path: str, body: Any, timeout: int, headers: Any) -> Exchanged:
            stripe.now += min(timeout, 3)
            return stripe(method, path, body, timeout, headers)

        # When each of three preparations takes three seconds, Then six are enough
        quick = connector(stripe, exchange=slow).send(asked("R2", stored_credential=stored), saved)
        assert quick.outcome is Outcome.APPROVED

        def slower(method: str, path: str, body: Any, timeout: int, headers: Any) -> Exchanged:
            stripe.now += min(timeout, 4)
            return stripe(method, path, body, timeout, headers)

        # When each takes four, Then three seconds are not
        late = connector(stripe, exchange=slower).send(asked("R3", stored_credential=stored), saved)
        assert late.outcome is Outcome.NOT_SENT


class TestLookingUp:
    def test_an_answer_without_stripes_clock_says_nothing(self, stripe: StripeDouble) -> None:
        timeless = Wire(stripe, back=lambda answer: (answer[0], answer[1], "tomorrow"))
        with pytest.raises(LookUpFailed):
            connector(stripe, exchange=_all_struck(timeless)).look_up(asked())

    def test_a_payment_at_work_is_pending_and_cannot_be_undone(self, stripe: StripeDouble) -> None:
        connector(stripe).send(asked(), TOKEN)
        (payment,) = stripe.payments.values()
        payment["status"] = "processing"
        assert connector(stripe).look_up(asked()).found is Found.PENDING
        assert connector(stripe).reverse(asked(), "R1R2").undone is Undone.UNKNOWN

    def test_less_money_than_was_asked_for_is_not_adopted(self, stripe: StripeDouble) -> None:
        connector(stripe).send(asked(), TOKEN)
        (payment,) = stripe.payments.values()
        payment["amount_received"] = 999
        with pytest.raises(LookUpFailed):
            connector(stripe).look_up(asked())

    def test_a_capture_by_somebody_else_is_not_ours(self, stripe: StripeDouble) -> None:
        held = asked(capture=False)
        id_ = connector(stripe).send(held, TOKEN).acquirer_id
        capture = replace(
            held, kind=Kind.CAPTURE, reference="C1", original_reference="R1", acquirer_id=id_
        )
        (payment,) = stripe.payments.values()
        payment |= {"status": "succeeded", "amount_received": 1000}
        with pytest.raises(LookUpFailed):
            connector(stripe).look_up(capture)
        assert connector(stripe).send(capture, None).outcome is Outcome.UNKNOWN

    def test_what_ran_out_at_stripe_can_be_voided_and_not_captured(
        self, stripe: StripeDouble
    ) -> None:
        held = asked(capture=False)
        id_ = connector(stripe).send(held, TOKEN).acquirer_id
        (payment,) = stripe.payments.values()
        payment |= {"status": "canceled"}
        follow = replace(held, original_reference="R1", acquirer_id=id_)
        captured = connector(stripe).send(replace(follow, kind=Kind.CAPTURE, reference="C1"), None)
        voided = connector(stripe).send(replace(follow, kind=Kind.VOID, reference="V1"), None)
        assert captured.outcome is Outcome.DECLINED
        assert voided.outcome is Outcome.APPROVED

    def test_a_refund_that_failed_is_declined_with_its_reason(self, stripe: StripeDouble) -> None:
        one = connector(stripe)
        id_ = one.send(asked(), AcquirerToken("stripe", "pm_1_pending")).acquirer_id
        refund = replace(
            asked(), kind=Kind.REFUND, reference="F1", original_reference="R1", acquirer_id=id_
        )
        assert one.send(refund, None).outcome is Outcome.UNKNOWN
        stripe.end_refunds("failed", "lost_or_stolen_card")
        looked = one.look_up(refund)
        assert looked.answer is not None and looked.answer.decline is not None
        assert looked.answer.decline.acquirer_code == "lost_or_stolen_card"

    @pytest.mark.parametrize(
        ("age_seconds", "opened"),
        [(0, True), (OPEN_AGAIN_SECONDS - 1, True), (OPEN_AGAIN_SECONDS, False)],
    )
    def test_nothing_is_opened_once_the_key_may_be_forgotten(
        self, stripe: StripeDouble, age_seconds: int, opened: bool
    ) -> None:
        created = datetime.fromtimestamp(stripe.now - age_seconds, UTC).isoformat()
        old = asked(created_at=created)
        for ask in (connector(stripe).look_up, lambda i: connector(stripe).send(i, TOKEN)):
            stripe.payments.clear()
            stripe.layer.kept.clear()
            try:
                ask(old)
            except LookUpFailed:
                assert not opened
            assert bool(stripe.payments) is opened

    def test_the_hours_in_which_nobody_can_tell_leave_search_its_delay(self) -> None:
        assert CAPABILITIES.key_retention_seconds > OPEN_AGAIN_SECONDS
        assert SEARCH_TELLS_SECONDS - OPEN_AGAIN_SECONDS >= 3 * 3600


class TestReversing:
    def test_an_answer_about_another_payment_undoes_nothing(self, stripe: StripeDouble) -> None:
        held = asked(capture=False)
        connector(stripe).send(held, TOKEN)
        other = Wire(stripe, back=lambda a: (a[0], a[1].replace(b'"R1"', b'"R9"'), a[2]))
        undone = connector(stripe, exchange=other).reverse(held, "R1R2").undone
        assert undone is Undone.UNKNOWN

    def test_a_reversal_that_is_pending_is_neither_done_nor_done_again(
        self, stripe: StripeDouble
    ) -> None:
        one = connector(stripe)
        one.send(asked(), AcquirerToken("stripe", "pm_1_pending"))
        for number in (2, 3):
            assert one.reverse(asked(), f"R1R{number}").undone is Undone.UNKNOWN
        assert one.look_up(asked()).found is Found.PENDING
        assert len(stripe.refunds) == 1
        stripe.end_refunds()
        assert one.reverse(asked(), "R1R4").undone is Undone.REVERSED

    def test_one_that_failed_is_done_again(self, stripe: StripeDouble) -> None:
        one = connector(stripe)
        one.send(asked(), AcquirerToken("stripe", "pm_1_pending"))
        one.reverse(asked(), "R1R2")
        stripe.end_refunds("failed")
        (payment,) = stripe.payments.values()
        payment["latest_charge"]["amount_refunded"] = 0
        looked = one.look_up(asked())
        assert looked.answer is not None and looked.answer.outcome is Outcome.APPROVED
        one.reverse(asked(), "R1R3")
        assert len(stripe.refunds) == 2


class TestUnits:
    @pytest.mark.parametrize(
        ("amount_cents", "currency", "sent"),
        [
            (1999, "eur", 1999),
            (500, "jpy", 500),
            (5, "isk", 500),
            (5, "ugx", 500),
            (500, "mga", 5),
            (5120, "kwd", 5120),
            (99_999_999, "usd", 99_999_999),
            (1045, "huf", 1045),
        ],
    )
    def test_an_amount_in_stripes_units(self, amount_cents: int, currency: str, sent: int) -> None:
        assert units.to_stripe(amount_cents, currency) == sent
        assert units.from_stripe(sent, currency) == amount_cents

    @pytest.mark.parametrize(
        ("amount_cents", "currency"),
        [(501, "mga"), (5124, "kwd"), (1000, "iqd"), (1000, "lyd"), (1_000_000, "isk")],
    )
    def test_what_stripe_has_no_units_for(self, amount_cents: int, currency: str) -> None:
        with pytest.raises(units.NotRepresentable):
            units.to_stripe(amount_cents, currency)

    @given(st.integers(1, 99_999_999), st.sampled_from(sorted(EXPONENTS)))
    def test_what_is_sent_comes_back_as_it_was(self, amount_cents: int, currency: str) -> None:
        try:
            sent = units.to_stripe(amount_cents, currency)
        except units.NotRepresentable:
            return
        assert 0 < sent <= units.AMOUNT_MAX
        assert units.from_stripe(sent, currency) == amount_cents

    def test_a_fraction_that_we_could_not_have_asked_for_is_no_amount(self) -> None:
        with pytest.raises(units.NotRepresentable):
            units.from_stripe(501, "isk")


class TestDeclines:
    def test_every_code_has_one_of_our_reasons(self) -> None:
        assert set(REASON_OF_CODE.values()) <= set(REASONS)

    @pytest.mark.parametrize(
        ("error", "reason", "code"),
        [
            ({"code": "card_declined", "decline_code": "insufficient_funds"}, "INSUFFICIENT_FUNDS",
             "insufficient_funds"),
            ({"code": "card_declined", "decline_code": "stolen_card"}, "SECURITY_VIOLATION",
             "stolen_card"),
            ({"code": "expired_card", "decline_code": "something_new"}, "EXPIRED_CARD",
             "something_new"),
            ({"code": "card_declined"}, "DO_NOT_HONOR", "card_declined"),
            ({"code": "something_new"}, "OTHER", "something_new"),
            ({"type": "card_error"}, "OTHER", "card_error"),
            ({"code": 7, "decline_code": None}, "OTHER", "unknown"),
            ({"code": "x" * 500}, "OTHER", "x" * 80),
        ],
    )  # fmt: skip
    def test_a_code_in_our_words(self, error: dict[str, Any], reason: str, code: str) -> None:
        told = decline_of(error, "OTHER")
        assert (told.reason_code, told.acquirer_code) == (reason, code)


def test_a_form_is_nested_by_brackets() -> None:
    fields = {"a": {"b": 1, "c": None}, "d": ["x", "y"], "e": True, "f": None, "g": "1&2"}
    assert encode(fields) == "a%5Bb%5D=1&d%5B%5D=x&d%5B%5D=y&e=true&g=1%262"


def _all_struck(wire: Wire) -> Wire:
    wire.is_struck = lambda method, path: True  # type: ignore[method-assign]
    return wire


def test_nonsense_is_no_answer(stripe: StripeDouble) -> None:
    for raw in (b"[]", b"null", b"{", b'{"object": "charge"}', b'{"object":"payment_intent"}'):

        def exchange(*_: Any, raw: bytes = raw) -> Exchanged:
            return 200, raw, stripe.date()

        one = connector(stripe, exchange=exchange)
        with pytest.raises(LookUpFailed):
            one.look_up(asked())
        with pytest.raises(LookUpFailed):
            one.transactions("2026-01-01T00:00:00Z", None)
        assert one.reverse(asked(), "R1R2").undone is Undone.UNKNOWN
        assert one.send(replace(asked(), acquirer_id="pi_1"), TOKEN).outcome is Outcome.UNKNOWN


def test_a_cursor_that_is_none_reads_nothing(stripe: StripeDouble) -> None:
    for cursor in ("x", "1+2+3", "+"):
        with pytest.raises(LookUpFailed):
            connector(stripe).transactions("2026-01-01T00:00:00Z", cursor)


def test_a_second_that_is_too_busy_for_one_answer_is_read_in_several(
    stripe: StripeDouble,
) -> None:
    # Given a hundred payments in one second, and one in the next
    one = connector(stripe)
    for number in range(100):
        one.send(asked(f"R{number}", order_id=f"pi_{number}"), TOKEN)
    stripe.now += 1
    one.send(asked("LAST", order_id="pi_last"), TOKEN)
    stripe.now += 1
    # Then all are listed, once each
    since = datetime.fromtimestamp(1_780_000_000, UTC).isoformat()
    found, after = [], None
    for _ in range(100):
        page = one.transactions(since, after)
        found += [row.reference for row in page.transactions]
        after = page.next
        if after is None:
            break
    assert found == [f"R{number}" for number in range(100)] + ["LAST"]
