"""Stripe's webhooks: signed by the account's own secret, kept small, a hint or a notice."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing import runtime
from farthing.acquiring.inbound import DisputeHint, Hint, NotAHint, Notice
from farthing.acquiring.inbox import LEASE_SECONDS, ItemAddress
from farthing.acquiring.port import Kind
from farthing.acquiring.stripe import messages
from farthing.acquiring.stripe.webhooks import StripeWebhooks
from farthing.payments.told import operation_named
from tests.support import inbox
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT, Context, load
from tests.support.stack import APPROVED, Stack
from tests.support.stripe import disputes
from tests.support.stripe.stack import WEBHOOK_SECRET, WEBHOOKS, OnDouble, put_secret, start_on

OTHER_SECRET = "whsec_ofsomebodyelse"
PAYMENT = "0" * 26


@pytest.fixture
def shop(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> OnDouble:
    made = OnDouble(stack, None)  # type: ignore[arg-type]
    made.wire = start_on(stack, made.stripe, monkeypatch).wire
    put_secret(f"{WEBHOOKS}/{OTHER_MERCHANT}/test", {"secrets": [OTHER_SECRET]})
    return made


def event(**told: Any) -> dict[str, Any]:
    """A message as Stripe sends it, of a charge of ours."""
    marks = {
        "farthing_kind": "AUTHORIZE",
        "farthing_reference": PAYMENT,
        "farthing_order": f"pi_{PAYMENT}",
        "farthing_merchant": f"{MERCHANT}:test",
    }
    type_ = told.pop("type", "payment_intent.succeeded")
    object_ = {"id": "pi_1", "object": "payment_intent", "status": "succeeded", "metadata": marks}
    return {
        "id": "evt_1",
        "object": "event",
        "type": type_,
        "created": 1,
        "livemode": False,
        "data": {"object": object_ | told},
    }


def signature(body: bytes, *, at: int | None = None, secret: str = WEBHOOK_SECRET) -> str:
    """The header, made by hand: the other side is another's code."""
    at = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest},v0=ignored"


def post(
    body: bytes, header: str | None, merchant: str = MERCHANT, mode: str = "test", name: str = ""
) -> tuple[int, dict[str, Any]]:
    path = f"/v1/acquirer_webhooks/{name or 'stripe'}/{merchant}/{mode}"
    headers = {"Stripe-Signature": header} if header is not None else {}
    asked = {
        "path": path,
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {n: [v] for n, v in headers.items()},
        "queryStringParameters": None,
        "requestContext": {"requestId": "req-1", "path": path, "httpMethod": "POST"},
        "body": body.decode(),
        "isBase64Encoded": False,
    }
    answer = load("acquirer_webhooks").handler(asked, Context())
    return answer["statusCode"], json.loads(answer["body"])


BODY = json.dumps(event()).encode()


class TestReceiving:
    def test_a_message_signed_by_the_accounts_secret_is_queued(self, shop: OnDouble) -> None:
        assert post(BODY, signature(BODY)) == (200, {"received": True})
        (text,) = inbox.queued()
        assert ItemAddress.parse(text) == ItemAddress("stripe", f"{MERCHANT}:test", "evt_1")
        (row,) = inbox.rows()
        told = (row["event_type"]["S"], row["occurred_at"]["S"])
        assert told == ("payment_intent.succeeded", "1970-01-01T00:00:01.000Z")

    def test_while_a_secret_is_replaced_both_count(self, shop: OnDouble) -> None:
        secrets = {"secrets": ["whsec_new_one", WEBHOOK_SECRET]}
        put_secret(f"{WEBHOOKS}/{MERCHANT}/test", secrets)
        for secret in secrets["secrets"]:
            assert post(BODY, signature(BODY, secret=secret))[0] == 200
        other = signature(BODY, secret="whsec_old")
        both = other.partition(",v0")[0] + "," + signature(BODY).split(",")[1]
        assert post(BODY, both)[0] == 200

    @pytest.mark.parametrize(
        "made",
        [
            lambda: None,
            lambda: "",
            lambda: "t=,v1=",
            lambda: "v1=" + "0" * 64,
            lambda: signature(BODY, secret=OTHER_SECRET),
            lambda: signature(BODY + b" "),
            lambda: signature(BODY, at=int(time.time()) - 4000),
            lambda: signature(BODY, at=int(time.time()) + 4000),
            lambda: signature(BODY).replace("v1=", "v2="),
            lambda: signature(BODY).replace("t=", "t=1"),
            lambda: signature(BODY) + ",t=1",
            lambda: "t=１２３,v1=é",
        ],
    )
    def test_what_is_not_verified_is_refused_and_leaves_nothing(
        self, shop: OnDouble, made: Callable[[], str | None]
    ) -> None:
        status, problem = post(BODY, made())
        assert (status, problem["code"]) == (401, "signature_refused")
        assert (inbox.queued(), inbox.rows()) == ([], [])

    def test_another_merchants_secret_signs_for_that_merchant_alone(self, shop: OnDouble) -> None:
        theirs = signature(BODY, secret=OTHER_SECRET)
        assert post(BODY, theirs)[0] == 401
        assert post(BODY, theirs, OTHER_MERCHANT)[0] == 200

    def test_an_account_that_is_not_there_looks_like_a_wrong_signature(
        self, shop: OnDouble
    ) -> None:
        nobody = "mer_01jd0000000000000000000zzz"
        assert post(BODY, signature(BODY), nobody) == post(
            BODY, signature(BODY, secret="x"), MERCHANT
        )
        assert post(BODY, signature(BODY), MERCHANT, "live")[0] == 401

    @pytest.mark.parametrize(
        ("merchant", "mode", "name"),
        [("mer_x", "test", ""), (MERCHANT, "prod", ""), (MERCHANT, "test", "sandbox")],
    )
    def test_an_address_that_cannot_be_is_nobodys(
        self, shop: OnDouble, merchant: str, mode: str, name: str
    ) -> None:
        assert post(BODY, signature(BODY), merchant, mode, name)[0] == 404

    def test_an_unsigned_flood_reads_no_secret(
        self, shop: OnDouble, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[Any] = []
        monkeypatch.setattr(
            runtime.client("secretsmanager"), "get_secret_value", lambda **a: read.append(a)
        )
        for header in (None, "t=1,v1=" + "0" * 64, "nonsense"):
            assert post(BODY, header)[0] == 401
        assert read == []

    def test_nothing_of_the_payer_is_kept(self, shop: OnDouble) -> None:
        body = json.dumps(
            event(
                receipt_email="ada@example.com",
                client_secret="pi_1_secret_x",
                billing_details={"name": "Ada Lovelace"},
                description=APPROVED,
            )
        ).encode()
        assert post(body, signature(body))[0] == 200
        everything = json.dumps([inbox.queued(), inbox.rows()])
        for private in ("ada@example.com", "secret_x", "Lovelace", APPROVED):
            assert private not in everything

    @pytest.mark.parametrize(
        ("body", "named"),
        [
            (b'{"id": "evt_1", "type": "v3.new", "client_secret": "s"}', ["evt_1", "v3.new"]),
            (b'["s"]', [None, None]),
            (b"s", [None, None]),
        ],
    )
    def test_of_a_signed_message_that_we_cannot_read_is_kept_what_names_it(
        self, shop: OnDouble, body: bytes, named: list[str | None]
    ) -> None:
        """Given an event in a form of Stripe's that we do not know; then a person can look it up
        there, and nothing that it may hold is kept here."""
        assert post(body, signature(body))[0] == 200
        (row,) = inbox.rows()
        kept = json.loads(row["body"]["S"])
        assert [kept.get("id"), kept.get("type")] == named
        assert (kept["bytes"], kept["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
        assert kept.keys() <= {"id", "type", "sha256", "bytes"}
        assert inbox.work_off(*inbox.queued()) == ["0"]


def read(**told: Any) -> Hint | DisputeHint | Notice | None:
    return messages.read(messages.digest(json.dumps(event(**told)).encode()))


def marks(**more: str) -> dict[str, str]:
    found: dict[str, str] = event()["data"]["object"]["metadata"] | more
    return found


REFUND = {"object": "refund", "metadata": marks(farthing_kind="REFUND", farthing_reference="F")}
CAPTURE, VOID = marks(farthing_capture="C"), marks(farthing_void="V")


class TestReading:
    @pytest.mark.parametrize(
        ("told", "kind", "reference", "approved"),
        [
            ({}, Kind.AUTHORIZE, PAYMENT, True),
            ({"status": "requires_capture"}, Kind.AUTHORIZE, PAYMENT, True),
            ({"status": "processing"}, Kind.AUTHORIZE, PAYMENT, None),
            (
                {"type": "payment_intent.payment_failed", "status": "requires_payment_method"},
                Kind.AUTHORIZE,
                PAYMENT,
                False,
            ),
            ({"status": "canceled"}, Kind.AUTHORIZE, PAYMENT, None),
            ({"metadata": CAPTURE}, Kind.CAPTURE, "C", True),
            ({"metadata": VOID, "status": "canceled"}, Kind.VOID, "V", True),
            ({"metadata": VOID, "status": "requires_capture"}, Kind.AUTHORIZE, PAYMENT, True),
            ({"type": "charge.updated", "object": "charge"}, Kind.AUTHORIZE, PAYMENT, None),
            ({**REFUND, "status": "succeeded"}, Kind.REFUND, "F", True),
            ({**REFUND, "status": "failed"}, Kind.REFUND, "F", False),
            ({**REFUND, "status": "pending"}, Kind.REFUND, "F", None),
            (
                {"object": "refund", "metadata": marks(farthing_kind="REVERSAL")},
                Kind.AUTHORIZE,
                PAYMENT,
                None,
            ),
        ],
    )
    def test_a_message_names_an_operation(
        self, told: dict[str, Any], kind: Kind, reference: str, approved: bool | None
    ) -> None:
        hint = read(**told)
        assert hint == Hint(kind, reference, f"pi_{PAYMENT}", f"{MERCHANT}:test", approved)

    def test_a_payment_that_was_made_without_us_is_nobodys(self) -> None:
        assert read(metadata={}) is None
        assert read(metadata={"order": "7"}) is None
        assert read(metadata=None) is None

    def test_a_dispute_is_a_hint_with_what_is_needed_to_find_it(self) -> None:
        hint = read(
            type="charge.dispute.created",
            object="dispute",
            id="dp_1",
            payment_intent="pi_3",
            reason="fraudulent",
            evidence_details={"due_by": 7, "has_evidence": False},
            evidence={"customer_name": "Ada"},
            metadata={},
        )
        assert isinstance(hint, DisputeHint)
        assert (hint.reference, hint.merchant_reference) == ("dp_1", None)
        notice = hint.notice
        assert notice is not None
        assert (notice.event_id, notice.type) == ("evt_1", "charge.dispute.created")
        assert notice.facts["due_by"] == 7
        assert notice.facts["payment_intent"] == "pi_3"
        assert "evidence" not in notice.facts

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        ),
        st.sampled_from(["metadata", "status", "object", "id", "type", "evidence_details"]),
    )
    def test_no_content_breaks_the_reading(self, value: Any, field: str) -> None:
        for told in (json.dumps(value), json.dumps(event(**{field: value}))):
            try:
                messages.read(messages.digest(told.encode()))
            except ValueError:
                continue


def heard(told: dict[str, Any], account: str = f"{MERCHANT}:test", **more: Any) -> str:
    """An event of Stripe's in the inbox."""
    body = messages.digest(json.dumps(told).encode())
    more.setdefault("event_id", told["id"])
    return inbox.heard("stripe", body, account=account, **more)


def of(shop: OnDouble, type_: str, **more: Any) -> str:
    """The double's last event of a type, in the inbox."""
    return heard([one for one in shop.stripe.events if one["type"] == type_][-1], **more)


def operation(shop: OnDouble, kind: str) -> dict[str, Any]:
    (found,) = [one for one in shop.stack.items("operation") if one["kind"]["S"] == kind]
    return found


class TestFollowingUp:
    def test_a_hint_makes_us_ask_what_became_of_a_charge(self, shop: OnDouble) -> None:
        # Given a charge whose answer never came
        from farthing.acquiring.exchange import NoUsableAnswer

        def lose(method: str, path: str) -> Any:
            if path.endswith("/confirm"):
                raise NoUsableAnswer
            return None

        shop.stripe.fail_after = lose
        assert shop.pay().status == 202
        shop.stripe.fail_after = lambda method, path: None
        # When Stripe tells of it
        assert inbox.work_off(of(shop, "payment_intent.succeeded")) == []
        # Then it is asked, and adopted
        assert operation(shop, "AUTHORIZE")["state"]["S"] == "APPROVED"

    def test_a_refund_that_was_pending_ends_when_stripe_says_so(self, shop: OnDouble) -> None:
        paid = shop.pay(acquirer_token="pm_1_pending").body["intent_id"]
        assert shop.refund(paid, amount_cents=400).status == 202
        shop.advance(61)
        shop.stripe.end_refunds()
        assert inbox.work_off(of(shop, "refund.updated")) == []
        assert operation(shop, "REFUND")["state"]["S"] == "APPROVED"

    def test_what_we_know_already_is_not_asked_again(self, shop: OnDouble) -> None:
        shop.pay()
        asked = len(shop.stripe.requests)
        message = of(shop, "payment_intent.succeeded")
        for again in (message, of(shop, "payment_intent.succeeded", event_id="evt_again")):
            assert inbox.work_off(again) == []
        assert len(shop.stripe.requests) == asked

    def test_a_refund_that_the_bank_sends_back_is_a_fact_of_its_own(self, shop: OnDouble) -> None:
        paid = shop.pay().body["intent_id"]
        refund_id = shop.refund(paid, amount_cents=400).body["refund_id"]
        (id_,) = shop.stripe.refunds
        shop.stripe.fail_refund(id_)
        # When that is told, twice
        for event_id in ("evt_a", "evt_b"):
            assert inbox.work_off(of(shop, "refund.failed", event_id=event_id)) == []
        # Then the refund stays what it was, and its money is there again
        assert operation(shop, "REFUND")["state"]["S"] == "APPROVED"
        refund = shop.stack.get(f"refunds/{refund_id}").body
        assert (refund["status"], refund["returned"]["amount_cents"]) == ("SUCCEEDED", 400)
        payment = shop.stack.get(f"payment_intents/{paid}").body
        assert payment["amount_refunded_cents"] == 0
        assert shop.refund(paid).body["amount_cents"] == 1000

    def test_a_late_message_about_what_was_undone_since_contradicts_nothing(
        self, shop: OnDouble
    ) -> None:
        paid = shop.pay()
        message = of(shop, "payment_intent.succeeded")
        row = operation(shop, "AUTHORIZE")
        boto3.client("dynamodb").update_item(
            TableName="PaymentsTable",
            Key={"pk": row["pk"], "sk": row["sk"]},
            UpdateExpression="SET #s = :absent",
            ExpressionAttributeNames={"#s": "state"},
            ExpressionAttributeValues={":absent": {"S": "ABSENT"}},
        )
        # While Stripe has the charge, that contradicts us
        assert inbox.work_off(message) == ["0"]
        # When it was given back, it does not
        (payment,) = shop.stripe.payments.values()
        payment |= {"status": "canceled"}
        shop.advance(LEASE_SECONDS + 1)
        assert inbox.work_off(message) == []
        assert paid.status == 201

    def test_an_account_names_its_own_merchants_operations_and_no_others(
        self, shop: OnDouble
    ) -> None:
        shop.pay()
        for account in (f"{OTHER_MERCHANT}:test", f"{MERCHANT}:live"):
            message = of(shop, "payment_intent.succeeded", account=account)
            assert inbox.work_off(message) == ["0"]
            # And not even a row of theirs is read
            hint = StripeWebhooks().subject(messages.digest(BODY))
            assert isinstance(hint, Hint)
            with pytest.raises(NotAHint):
                operation_named(hint, ItemAddress.parse(message))

    def test_a_dispute_of_a_payment_that_was_made_without_us_is_kept_once(
        self, shop: OnDouble
    ) -> None:
        row = disputes.dispute(shop.stripe, "pi_others")
        told = [one for one in shop.stripe.events if one["type"] == "charge.dispute.created"][-1]
        again = heard(told, event_id="evt_2", at=inbox.HEARD_AT + timedelta(days=40))
        assert inbox.work_off(heard(told)) == []
        assert inbox.work_off(again) == []
        (kept,) = shop.stack.items("acquirer_notice")
        assert kept["received_at"]["S"] == "2026-11-22T09:00:00.000Z"
        assert kept["merchant_id"]["S"] == MERCHANT
        assert kept["type"]["S"] == "charge.dispute.created"
        assert kept["facts"]["M"]["id"]["S"] == row["id"]
        assert shop.stack.items("dispute") == []

    def test_a_warning_is_kept_once(self, shop: OnDouble) -> None:
        told = event(type="radar.early_fraud_warning.created", object="x", id="issfr_1")
        assert inbox.work_off(heard(told)) == []
        assert inbox.work_off(heard(told, event_id="evt_2")) == []
        (row,) = shop.stack.items("acquirer_notice")
        assert row["facts"]["M"]["id"]["S"] == "issfr_1"

    def test_what_others_did_at_the_same_account_is_left_alone(self, shop: OnDouble) -> None:
        assert inbox.work_off(heard(event(metadata={}))) == []
        assert shop.stack.items("acquirer_notice") == []
