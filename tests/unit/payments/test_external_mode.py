"""Cards typed into the acquirer's own fields: paid, saved, refunded, recovered, restored."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from farthing import runtime
from farthing.access.account import CardEntry, Settings
from farthing.acquiring.charge import CannotSend
from farthing.acquiring.exchange import NoByteSent, NoUsableAnswer
from farthing.acquiring.port import Kind
from farthing.acquiring.stripe_wiring import stripe
from farthing.store import TenantScope
from tests.support.lambdas import MERCHANT, Answer, Context, load
from tests.support.stack import Stack
from tests.support.stripe.stack import EXTERNAL, KEYS, OnDouble, put_secret, start_on
from tests.support.stripe.wire import booked

HOUR, DAY = 3600, 86_400


@pytest.fixture
def shop(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> OnDouble:
    made = OnDouble(stack, None)  # type: ignore[arg-type]
    made.wire = start_on(stack, made.stripe, monkeypatch).wire
    return made


def moved(shop: OnDouble, intent_id: str, kind: Kind) -> list[int]:
    return booked(shop.stripe, intent_id, kind)


def by_hand(**event: Any) -> dict[str, Any]:
    context = Context(remaining_milliseconds=60_000)
    answer: dict[str, Any] = load("resolve_unknown").handler(event, context)
    return answer


def follow(shop: OnDouble, seconds: int) -> int:
    """Let time pass, and each look come at its time; the seconds until nothing was left to do."""
    passed, looks = 0, shop.stack.looks
    while looks.sent:
        delay, body = min(looks.sent, key=lambda look: look[0])
        if passed + delay > seconds:
            break
        looks.sent = [(d - delay, b) for d, b in looks.sent]
        looks.sent.remove((0, body))
        shop.advance(delay)
        passed += delay
        by_hand(Records=[{"messageId": "m", "body": json.dumps(body)}])
    return passed


def silent(shop: OnDouble, ending: str, times: int = 1) -> None:
    """Stripe does what it is asked, and its answers to requests that end so never come."""
    left = [times]

    def lose(method: str, path: str) -> Any:
        if method == "POST" and path.endswith(ending) and left[0]:
            left[0] -= 1
            raise NoUsableAnswer
        return None

    shop.stripe.fail_after = lose


def lost(shop: OnDouble, *endings: str) -> None:
    """Requests that end so never arrive."""

    def lose(method: str, path: str) -> Any:
        if method == "POST" and path.endswith(endings):
            raise NoUsableAnswer
        return None

    shop.wire.before = lose


def vanishing(shop: OnDouble) -> Answer:
    """A payment whose `charge` died after Stripe had answered it."""

    def vanish(moment: str) -> None:
        if moment == "after":
            raise ReadTimeoutError(endpoint_url="https://lambda")

    shop.stack.charge.fail = vanish
    answer = shop.pay()
    shop.stack.charge.fail = lambda moment: None
    return answer


def row(shop: OnDouble, intent_id: str) -> dict[str, Any]:
    (found,) = [i for i in shop.stack.items("intent") if i["intent_id"]["S"] == intent_id]
    return found


def state(shop: OnDouble, intent_id: str) -> tuple[str, str | None]:
    found = row(shop, intent_id)
    return found["status"]["S"], found.get("status_detail", {}).get("S")


class TestPaying:
    def test_a_token_of_the_acquirers_fields_pays_is_captured_and_refunded(
        self, shop: OnDouble
    ) -> None:
        # When it is held, captured in part and refunded
        held = shop.pay(1000, capture_method="MANUAL")
        assert held.status == 201, held.text
        intent_id = held.body["intent_id"]
        assert held.body["authorization"]["expires_at"]
        captured = shop.capture(intent_id, amount_cents=600)
        refunded = shop.refund(intent_id, amount_cents=250)
        # Then both books say the same
        assert (captured.status, captured.body["amount_captured_cents"]) == (200, 600)
        assert (refunded.status, refunded.body["status"]) == (201, "SUCCEEDED")
        assert moved(shop, intent_id, Kind.CAPTURE) == [600]
        assert moved(shop, intent_id, Kind.REFUND) == [250]
        # And every operation went to Stripe
        assert {o["connector"]["S"] for o in shop.stack.items("operation")} == {"stripe"}
        assert shop.stack.acquirer.requests == []

    def test_a_charge_at_once_and_a_void(self, shop: OnDouble) -> None:
        paid = shop.pay(700)
        assert paid.body["amount_captured_cents"] == 700
        held = shop.pay(800, capture_method="MANUAL").body["intent_id"]
        assert shop.post(f"payment_intents/{held}/cancel").body["status"] == "CANCELLED"
        assert moved(shop, held, Kind.VOID) == [800]

    def test_a_decline_says_why(self, shop: OnDouble) -> None:
        answer = shop.pay(acquirer_token="pm_1_poor")
        assert answer.status == 402
        decline = answer.body["payment_intent"]["decline"]
        assert (decline["reason_code"], decline["acquirer_code"]) == (
            "INSUFFICIENT_FUNDS",
            "insufficient_funds",
        )

    def test_what_needs_the_payers_authentication_is_a_decline(self, shop: OnDouble) -> None:
        answer = shop.pay(acquirer_token="pm_1_secure")
        assert answer.status == 402
        assert answer.body["payment_intent"]["decline"]["reason_code"] == "AUTHENTICATION_REQUIRED"

    def test_what_stripe_says_of_the_card_is_shown(self, shop: OnDouble) -> None:
        # Given a card of which the browser said something else
        method_id = shop.saved(shop.token(last_four="0000", card_brand="amex"))
        assert shop.stack.get(f"payment_methods/{method_id}").body["last_four"] == "0000"
        # When it has paid
        assert shop.pay(payment_method_id=method_id).status == 201
        # Then it is shown as Stripe knows it
        shown = shop.stack.get(f"payment_methods/{method_id}").body
        assert (shown["last_four"], shown["card_brand"]) == ("4242", "visa")
        assert (shown["exp_month"], shown["exp_year"]) == (12, 2034)

    def test_a_saved_card_pays_again_and_again_as_a_customers(self, shop: OnDouble) -> None:
        method_id = shop.saved()
        answers = [shop.pay(payment_method_id=method_id, key=f"k{n}") for n in range(3)]
        assert [answer.status for answer in answers] == [201, 201, 201]
        (method,) = [m for m in shop.stripe.methods.values() if m["customer"]]
        assert list(shop.stripe.customers) == [method["customer"]]

    def test_a_token_that_is_used_once_never_pays_as_somebodys_saved_card(
        self, shop: OnDouble
    ) -> None:
        # Given a saved card of a customer at Stripe, whose token somebody else knows
        method_id = shop.saved(shop.token("pm_victim"))
        for number in range(2):
            assert shop.pay(payment_method_id=method_id, key=f"k{number}").status == 201
        # When they make a token of it, Then it pays for nothing
        answer = shop.pay(acquirer_token="pm_victim")
        assert answer.status == 402, answer.text
        # Nor if it is saved as theirs
        stolen = shop.saved(shop.token("pm_victim"))
        assert shop.pay(payment_method_id=stolen).status == 402

    def test_a_card_in_our_vault_does_not_go_to_stripe_nor_a_token_to_others(
        self, shop: OnDouble
    ) -> None:
        ours, theirs = shop.stack.token(), shop.token()
        body = {"amount_cents": 100, "currency": "eur", "confirm": True}
        card = shop.post("payment_intents", body | {"token": ours})
        token = shop.stack.post("payment_intents", body | {"token": theirs})
        for answer in (card, token):
            assert answer.status == 400
            assert answer.body["fields"][0]["field"] == "token"
        assert shop.stack.items("operation") == []
        # And neither is used up
        assert shop.stack.post("payment_intents", body | {"token": ours}).status == 201
        assert shop.post("payment_intents", body | {"token": theirs}).status == 201

    def test_an_amount_that_stripe_has_no_units_for_is_refused(self, shop: OnDouble) -> None:
        refused = shop.pay(1001, currency="kwd")
        assert refused.status == 400
        assert refused.body["fields"][0]["field"] == "amount_cents"
        held = shop.pay(1010, currency="kwd", capture_method="MANUAL").body["intent_id"]
        assert shop.capture(held, amount_cents=1001).status == 400
        assert shop.capture(held).status == 200
        assert shop.refund(held, amount_cents=5).status == 400
        assert len(shop.stack.items("operation")) == 2


class TestCredentials:
    def test_without_a_key_of_the_mode_nothing_is_sent(self, shop: OnDouble) -> None:
        for key in ("sk_live_one", "nonsense", None):
            runtime.platform().memo.pop("merchant_secrets", None)
            put_secret(f"{KEYS}/{MERCHANT}/test", {"secret_key": key})
            answer = shop.pay()
            assert (answer.status, answer.body["outcome"]) == (503, "NONE"), key
        assert shop.stripe.payments == {}

    def test_a_new_key_is_used_within_a_minute(
        self, shop: OnDouble, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        used: list[str] = []

        def exchange(url: str, key: str, *_: Any) -> Any:
            used.append(key)
            return shop.wire

        monkeypatch.setattr(runtime.platform(), "form_exchange", exchange)
        shop.pay()
        put_secret(f"{KEYS}/{MERCHANT}/test", {"secret_key": "sk_test_two"})
        shop.pay()
        real = runtime.platform().now
        monkeypatch.setattr(runtime.platform(), "now", lambda: real() + timedelta(minutes=1))
        shop.pay()
        assert used == ["sk_test_one", "sk_test_one", "sk_test_two"]

    def test_live_payments_go_to_stripe_itself_with_a_live_key(
        self, shop: OnDouble, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        live = TenantScope(MERCHANT, "live")
        put_secret(f"{KEYS}/{MERCHANT}/live", {"secret_key": "sk_live_one"})
        runtime.begin(Context())
        assert stripe(live).merchant_reference == f"{MERCHANT}:live"
        monkeypatch.setenv("STRIPE_URL", "http://127.0.0.1:8420")
        with pytest.raises(CannotSend):
            stripe(live)
        assert stripe(TenantScope(MERCHANT, "test"))

    def test_a_key_that_stripe_refuses_sends_nothing(self, shop: OnDouble) -> None:
        refused = 401, b'{"error": {"type": "invalid_request_error"}}', shop.stripe.date()
        shop.stripe.fail = lambda method, path: refused
        answer = shop.pay()
        assert (answer.status, answer.body["retry"]) == (503, "SAME_KEY")


class TestRecovery:
    def test_a_charge_whose_answer_never_came_is_found_by_its_payment(self, shop: OnDouble) -> None:
        silent(shop, "/confirm")
        first = shop.pay()
        assert first.status == 202
        follow(shop, 60)
        assert state(shop, first.body["intent_id"]) == ("SUCCEEDED", None)
        assert moved(shop, first.body["intent_id"], Kind.CAPTURE) == [1000]
        assert len(shop.stripe.payments) == 1

    def test_a_process_that_died_before_it_wrote_anything_is_followed_up(
        self, shop: OnDouble
    ) -> None:
        # Given a charge function that died after Stripe charged
        first = vanishing(shop)
        assert first.status == 202
        (operation,) = shop.stack.items("operation")
        assert operation["acquirer_id"] == {"NULL": True}
        # When it is looked into, Then the same PaymentIntent is found by opening it again
        follow(shop, 60)
        assert state(shop, first.body["intent_id"]) == ("SUCCEEDED", None)
        assert len(shop.stripe.payments) == 1

    def test_a_failure_that_stripe_repeats_for_a_day_is_no_outcome(self, shop: OnDouble) -> None:
        # Given a 500 to the confirmation, which Stripe answers again and again
        failed = 500, b'{"error": {"type": "api_error"}}', shop.stripe.date()
        shop.stripe.fail = lambda method, path: failed if path.endswith("/confirm") else None
        first = shop.pay()
        assert first.status == 202
        shop.stripe.fail = lambda method, path: None
        # Then the payment is shut at Stripe, and ends without money
        assert follow(shop, HOUR) <= 200
        assert state(shop, first.body["intent_id"]) == ("FAILED", "REVERSED")
        (payment,) = shop.stripe.payments.values()
        assert payment["status"] == "canceled"

    def test_a_failure_after_which_stripe_charged_is_adopted(self, shop: OnDouble) -> None:
        failed = 500, b'{"error": {"type": "api_error"}}', shop.stripe.date()
        shop.stripe.fail_after = lambda method, path: failed if path.endswith("/confirm") else None
        first = shop.pay()
        assert first.status == 202
        follow(shop, 60)
        assert state(shop, first.body["intent_id"]) == ("SUCCEEDED", None)

    def test_a_charge_that_never_arrived_ends_reversed_within_200_seconds(
        self, shop: OnDouble
    ) -> None:
        lost(shop, "/confirm")
        first = shop.pay()
        assert first.status == 202
        assert follow(shop, HOUR) <= 200
        assert state(shop, first.body["intent_id"]) == ("FAILED", "REVERSED")
        assert moved(shop, first.body["intent_id"], Kind.AUTHORIZE) == []

    def test_a_lost_opening_costs_nothing_and_the_same_key_may_try_again(
        self, shop: OnDouble
    ) -> None:
        lost(shop, "/v1/payment_intents")
        body = {"amount_cents": 5, "currency": "eur", "confirm": True, "token": shop.token()}
        first = shop.post("payment_intents", body, key="k")
        assert (first.status, first.body["outcome"]) == (503, "NONE")
        shop.wire.before = lambda method, path: None
        assert shop.post("payment_intents", body, key="k").status == 201

    @pytest.mark.parametrize("ending", ["/capture", "/cancel"])
    @pytest.mark.parametrize("how", [silent, lost])
    def test_a_capture_or_void_without_an_answer_comes_to_its_end(
        self, shop: OnDouble, ending: str, how: Callable[..., None]
    ) -> None:
        held = shop.pay(capture_method="MANUAL").body["intent_id"]
        how(shop, ending)
        verb = ending.strip("/")
        assert shop.post(f"payment_intents/{held}/{verb}").status == 202
        if how is lost:
            shop.wire.before = lambda method, path: None
        follow(shop, 60)
        assert state(shop, held)[0] == {"capture": "SUCCEEDED", "cancel": "CANCELLED"}[verb]
        kind = {"capture": Kind.CAPTURE, "cancel": Kind.VOID}[verb]
        assert moved(shop, held, kind) == [1000]

    @pytest.mark.parametrize("how", [silent, lost])
    def test_a_refund_without_an_answer_happens_once(
        self, shop: OnDouble, how: Callable[..., None]
    ) -> None:
        paid = shop.pay().body["intent_id"]
        how(shop, "/refunds")
        assert shop.refund(paid, amount_cents=400).status == 202
        if how is lost:
            shop.wire.before = lambda method, path: None
        follow(shop, 60)
        (refund,) = shop.stack.items("refund")
        assert refund["status"]["S"] == "SUCCEEDED"
        assert moved(shop, paid, Kind.REFUND) == [400]

    def test_a_pending_refund_is_waited_for(self, shop: OnDouble) -> None:
        paid = shop.pay(acquirer_token="pm_1_pending").body["intent_id"]
        assert shop.refund(paid, amount_cents=400).status == 202
        follow(shop, 120)
        shop.stripe.end_refunds()
        follow(shop, 2 * HOUR)
        (refund,) = shop.stack.items("refund")
        assert refund["status"]["S"] == "SUCCEEDED"


class TestWhenKeysAreForgotten:
    def unreachable(self, shop: OnDouble) -> str:
        """A charge whose answer never came, at a Stripe that cannot be reached any more."""
        first = vanishing(shop)

        def refuse(method: str, path: str) -> Any:
            raise NoByteSent

        shop.wire.before = refuse
        intent_id: str = first.body["intent_id"]
        return intent_id

    def test_a_charge_is_found_by_search_and_nothing_is_opened(self, shop: OnDouble) -> None:
        intent_id = self.unreachable(shop)
        shop.advance(25 * HOUR)
        shop.stripe.layer.kept.clear()
        shop.wire.before = lambda method, path: None
        by_hand()
        follow(shop, 60)
        assert state(shop, intent_id) == ("SUCCEEDED", None)
        assert len(shop.stripe.payments) == 1

    def test_a_payment_whose_id_is_known_needs_no_search(self, shop: OnDouble) -> None:
        # Given an outcome that is unknown, and Stripe's id of the payment, which it gave before
        silent(shop, "/confirm")
        first = shop.pay()
        assert first.status == 202
        (operation,) = shop.stack.items("operation")
        assert operation["acquirer_id"]["S"] in shop.stripe.payments
        # When it is looked into a day later, and search is out of order
        shop.advance(25 * HOUR)
        shop.stripe.layer.kept.clear()
        out_of_order = 400, b'{"error": {"type": "invalid_request_error"}}', shop.stripe.date()
        shop.stripe.fail = lambda method, path: out_of_order if "search" in path else None
        by_hand()
        follow(shop, 60)
        assert state(shop, first.body["intent_id"]) == ("SUCCEEDED", None)

    def test_what_search_cannot_know_yet_is_waited_for_and_then_believed(
        self, shop: OnDouble
    ) -> None:
        # Given a payment that search does not find, at a time when it might be behind
        intent_id = self.unreachable(shop)
        shop.stripe.payments.clear()
        shop.stripe.layer.kept.clear()
        shop.wire.before = lambda method, path: None
        shop.advance(24 * HOUR)
        for _ in range(4):
            by_hand()
            follow(shop, 120)
            shop.advance(60)
        assert state(shop, intent_id) == ("PROCESSING", "OUTCOME_UNKNOWN")
        assert shop.stripe.payments == {}
        # When it cannot be behind any more, Then the payment is absent
        for _ in range(60):
            shop.advance(HOUR)
            by_hand()
            follow(shop, 600)
        assert state(shop, intent_id) == ("FAILED", "REVERSED")
        assert shop.stripe.payments == {}


class TestRestore:
    def judged(self, shop: OnDouble, *, apply: bool) -> list[str]:
        since, after, verdicts = "2026-05-28T00:00:00.000Z", None, []
        for _ in range(200):
            page = by_hand(
                since=since,
                after=after,
                apply=apply,
                connector="stripe",
                mode="test",
                merchant_id=MERCHANT,
            )
            assert "error" not in page, page
            verdicts += [row["verdict"] for row in page["rows"]]
            after = page["next"]
            if after is None:
                return verdicts
        raise AssertionError("the books never end")

    def backup(self) -> Callable[[], None]:
        client = boto3.client("dynamodb")
        kept = client.scan(TableName="PaymentsTable")["Items"]

        def restore() -> None:
            for item in client.scan(TableName="PaymentsTable")["Items"]:
                key = {"pk": item["pk"], "sk": item["sk"]}
                client.delete_item(TableName="PaymentsTable", Key=key)
            for item in kept:
                client.put_item(TableName="PaymentsTable", Item=item)

        return restore

    def test_lost_operations_are_adopted_and_a_lost_payment_is_undone(self, shop: OnDouble) -> None:
        # Given a backup, and what happened afterwards
        held = shop.pay(1000, capture_method="MANUAL").body["intent_id"]
        paid = shop.pay(500).body["intent_id"]
        restore = self.backup()
        shop.advance(5)
        assert shop.capture(held, amount_cents=700).status == 200
        shop.advance(5)
        assert shop.refund(paid, amount_cents=200).status == 201
        shop.advance(5)
        orphan = shop.pay(300).body["intent_id"]
        assert set(self.judged(shop, apply=False)) == {"MATCHED"}
        # When the table is as it was
        restore()
        assert sorted(self.judged(shop, apply=False)) == [
            "MATCHED",
            "MATCHED",
            "WOULD_ADOPT",
            "WOULD_ADOPT",
            "WOULD_VOID",
        ]
        assert sorted(self.judged(shop, apply=True)) == [
            "ADOPTED",
            "ADOPTED",
            "MATCHED",
            "MATCHED",
            "VOIDED",
        ]
        # Then both books agree, and go on where they were
        assert set(self.judged(shop, apply=False)) == {"MATCHED"}
        assert row(shop, held)["amount_captured"]["N"] == "700"
        assert row(shop, paid)["amount_refunded"]["N"] == "200"
        assert moved(shop, orphan, Kind.CAPTURE) == []
        assert shop.refund(held, amount_cents=700).status == 201
        assert {o["connector"]["S"] for o in shop.stack.items("operation")} == {"stripe"}

    def test_another_merchants_books_are_not_shown(self, shop: OnDouble) -> None:
        shop.pay()
        for payment in shop.stripe.payments.values():
            payment["metadata"]["farthing_merchant"] = "mer_x:test"
        assert self.judged(shop, apply=True) == []


def test_a_merchant_that_moves_to_external_keeps_what_it_saved(stack: Stack) -> None:
    # Given a card saved while numbers came in
    customer = stack.post("customers", {}).body["customer_id"]
    method = stack.post("payment_methods", {"customer_id": customer, "token": stack.token()})
    moved_on = Settings({"eur": "stripe", "*": "sandbox"}, CardEntry.EXTERNAL)
    body = {"amount_cents": 1, "confirm": True, "payment_method_id": method.body["method_id"]}
    # Then it pays where it can, and nowhere else
    usd = stack.post("payment_intents", body | {"currency": "usd"}, settings=moved_on)
    eur = stack.post("payment_intents", body | {"currency": "eur"}, settings=moved_on)
    assert (usd.status, eur.status) == (201, 400)
    assert eur.body["fields"][0]["field"] == "payment_method_id"
    assert EXTERNAL.card_entry is CardEntry.EXTERNAL
