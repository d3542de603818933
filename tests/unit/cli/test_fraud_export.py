"""`farthing fraud export`: rows of moto's tables, written as the functions write them, as lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from farthing import runtime
from farthing.acquiring.answer import Answer, Outcome
from farthing.acquiring.decline import decline
from farthing.acquiring.dispute import Case, Stage, Standing
from farthing.acquiring.port import Kind
from farthing.clock import to_text
from farthing.disputes.dispute import new_dispute
from farthing.fraud.action import Action
from farthing.fraud.decide import decide
from farthing.fraud.facts import Known
from farthing.fraud.lists import Hit
from farthing.fraud.lists import Kind as ListKind
from farthing.fraud.model.features import FEATURES, pack_row
from farthing.fraud.rule_row import default_rules
from farthing.fraud.signals import Scored
from farthing.ids import make_id
from farthing.payments.intent import CaptureMethod, Instrument, Intent, intent_key
from farthing.payments.operation import Operation
from farthing.payments.refund import Refund, refund_key
from farthing.payments.review import review_key
from farthing.payments.scoring import kept_key
from farthing.payments.states import Status
from farthing.payments.told import notice_key
from farthing.store import Item, Key, TenantScope
from farthing.store.item import item_to_wire
from farthing_cli.app import app
from farthing_cli.failure import Failure
from farthing_cli.fraud import dataset
from farthing_cli.fraud.scan import PaymentsTable
from farthing_cli.place import Place
from tests.support.aws import fake_aws

START = datetime(2026, 11, 1, 9, tzinfo=UTC)
OURS = TenantScope(make_id("mer", START, bytes(10)), "test")
OTHER = TenantScope(make_id("mer", START, b"\1" * 10), "test")
LIVE = replace(OURS, mode="live")
FEATURE_VALUES = [float(number) for number in range(len(FEATURES))]
SECRET = "ada@example.com, 4242 4242 4242 4242"


class Formation:
    """CloudFormation: what the stack gives out."""

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        assert StackName == "farthing-test"
        output = {"OutputKey": "PaymentsTable", "OutputValue": runtime.table_names()["payments"]}
        return {"Stacks": [{"Outputs": [output]}]}


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with fake_aws(monkeypatch):
        client = lambda service: (  # noqa: E731
            Formation() if service == "cloudformation" else boto3.client(service)
        )
        monkeypatch.setattr(Place, "of", lambda _: Place("farthing-test", client))
        yield


def id_of(prefix: str, number: int) -> str:
    return make_id(prefix, at(number), number.to_bytes(10, "big"))


def at(number: int) -> datetime:
    return START + timedelta(days=number)


def put(key: Key, item: Item) -> None:
    wire = item_to_wire({**item, "pk": key.pk, "sk": key.sk, "schema_version": 1})
    boto3.client("dynamodb").put_item(TableName=runtime.table_names()["payments"], Item=wire)


def decision(**values: Any) -> dict[str, Any]:
    """As an operation keeps it, its features with what it was decided on."""
    hits = values.pop("hits", ())
    known = Known({"amount_cents": 1999, "currency": "eur", **values}, {}, hits)
    item = decide(known, default_rules(), Scored(100_000, "a model")).to_item()
    item["known"]["features"] = pack_row(FEATURE_VALUES)
    return item


def payment(
    number: int,
    outcome: Outcome | None = Outcome.APPROVED,
    tenant: TenantScope = OURS,
    decided: dict[str, Any] | None = None,
    **more: Any,
) -> None:
    """A payment on its day, with an authorization; without an outcome nothing was sent."""
    instrument = Instrument("tok", None, None, "4242", "visa", "424242", f"card_{number}")
    intent = Intent(
        tenant,
        id_of("pi", number),
        1999,
        "eur",
        CaptureMethod.AUTOMATIC,
        to_text(at(number)),
        customer_id=more.pop("customer_id", None),
        instrument=instrument,
        ip_address="192.0.2.7",
        status=more.pop("status", Status.SUCCEEDED),
        status_detail=None,
        metadata={"name": SECRET},
    )
    put(intent_key(tenant, intent.intent_id), intent.to_item())
    decided = decided or decision(ip_country="DE", billing_country="DE")
    if outcome is None:
        item = {
            "entity": "fraud_decision",
            "merchant_id": tenant.merchant_id,
            "mode": tenant.mode,
            "intent_id": intent.intent_id,
            "decision_id": id_of("op", number),
            "created_at": to_text(at(number)),
            "decision": decided,
            **more,
        }
        put(kept_key(intent, str(item["decision_id"])), item)
        return
    operation = Operation(
        tenant,
        intent.intent_id,
        more.pop("operation_id", id_of("op", number)),
        more.pop("kind", Kind.AUTHORIZE),
        1999,
        "eur",
        more.pop("created_at", to_text(at(number))),
        to_text(at(number)),
        "",
        201,
        "request",
        token="tok",
        decision=decided,
    ).concluded(
        Answer(outcome, acquirer_id=f"pi_stripe_{number}", decline=more.pop("decline", None))
    )
    put(operation.address.key, {**operation.to_item(), **more})


def refund(number: int, day: int, reason: str | None) -> None:
    one = Refund(OURS, id_of("re", day), id_of("pi", number), 1999, "eur", to_text(at(day)), reason)
    put(refund_key(OURS, one.refund_id), one.to_item())


def dispute(number: int, day: int, **facts: Any) -> None:
    item = {
        "entity": "acquirer_notice",
        "merchant_id": OURS.merchant_id,
        "mode": OURS.mode,
        "acquirer": "stripe",
        "event_id": f"evt_{number}_{day}",
        "type": "charge.dispute.created",
        "facts": {"object": "dispute", "payment_intent": f"pi_stripe_{number}", **facts},
        "received_at": to_text(at(day)),
    }
    put(notice_key(OURS, "stripe", str(item["event_id"])), item)


def dispute_row(number: int, day: int, reason: str) -> None:
    """A dispute as it is written, from the first look at it."""
    case = Case(
        reference=f"du_{number}",
        order_id=id_of("pi", number),
        merchant_reference=f"{OURS.merchant_id}:{OURS.mode}",
        stage=Stage.INQUIRY,
        standing=Standing.NEEDS_RESPONSE,
        amount_cents=1999,
        fee_cents=0,
        currency="eur",
        reason=reason,
        opened_at=to_text(at(day)),
    )
    one = new_dispute(OURS, "stripe", id_of("pi", number), case)
    put(one.key, one.to_item(at(day + 3)))


@pytest.fixture
def exported(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """The lines of an export; what it says is left in `said`."""

    def run(*options: str) -> list[dict[str, Any]]:
        into = tmp_path / "payments.ndjson"
        ran = CliRunner().invoke(app, ["fraud", "export", "--into", str(into), *options])
        assert ran.exit_code == 0, (ran.output, ran.exception)
        assert into.stat().st_mode & 0o077 == 0
        text = into.read_text()
        assert "ada@" not in text and "4242 4242" not in text
        (tmp_path / "said").write_text(ran.output)
        return [json.loads(line) for line in text.splitlines()]

    return run


Exported = Callable[..., list[dict[str, Any]]]


def test_a_line_says_what_was_decided_on_what_and_what_became_of_it(exported: Exported) -> None:
    # Given a payment whose payer is on a list, for a reason that names somebody
    hit = Hit("entry", ListKind.CUSTOMER, Action.ALLOW, SECRET)
    payment(2, decided=decision(hits=(hit,), billing_country="DE", ip_country="FR"))
    payment(1, customer_id="cus_1")
    # When it is exported
    first, second = exported()
    # Then by time, each with its histories, and nothing that names a person
    assert (first["payment"], first["operation"]) == (id_of("pi", 1), id_of("op", 1))
    assert (first["customer"], second["customer"]) == ("cus_1:eur", "card_2:eur")
    assert {name: second[name] for name in ("card", "ip", "card_country", "ip_country")} == {
        "card": "card_2",
        "ip": "192.0.2.7",
        "card_country": "DE",
        "ip_country": "FR",
    }
    assert (second["outcome"], second["failed"], second["fraud"]) == ("APPROVED", False, False)
    assert second["decision"]["known"]["hits"][0]["reason"] == "(left out)"
    assert first["decision"]["rules_version"] == 0


@pytest.mark.parametrize(
    ("label", "since", "source"),
    [
        (lambda: dispute(1, 9, reason="fraudulent"), 9, "DISPUTE"),
        (lambda: dispute_row(1, 9, "fraudulent"), 9, "DISPUTE"),
        (lambda: dispute_row(1, 9, "product_not_received"), None, None),
        (lambda: dispute_row(2, 9, "fraudulent"), None, None),
        (lambda: refund(1, 5, " Fraudulent"), 5, "REFUND"),
        (lambda: refund(1, 5, "requested_by_customer"), None, None),
        (lambda: refund(1, 5, None), None, None),
        (lambda: dispute(1, 9, reason="product_not_received"), None, None),
        (lambda: dispute(2, 9, reason="fraudulent"), None, None),
        (lambda: dispute(1, 9, reason="fraudulent", object="warning"), None, None),
    ],
)
def test_a_label_has_its_time(
    exported: Exported, label: Callable[[], None], since: int | None, source: str | None
) -> None:
    payment(1)
    label()
    (line,) = exported()
    assert line["fraud"] is (since is not None)
    assert line["labelled_at"] == (None if since is None else to_text(at(since)))
    assert line["label_source"] == source


def test_the_first_label_counts(exported: Exported) -> None:
    payment(1)
    dispute(1, 9, reason="fraudulent")
    refund(1, 5, "fraudulent")
    (line,) = exported()
    assert line["label_source"] == "REFUND"


def test_what_was_not_let_through_or_not_sent_is_a_line_without_a_label(
    exported: Exported,
) -> None:
    # Given one of each: blocked, held, declined by the issuer, never sent
    payment(1, None, decided=decision(card_failures_1h=4))
    payment(2, None, decided=decision(ip_country="KP"))
    payment(3, Outcome.DECLINED)
    payment(4, Outcome.NOT_SENT)
    for number in range(1, 5):
        refund(number, 10 + number, "fraudulent")
    lines = exported()
    told = [[one[name] for name in ("outcome", "failed", "blocked", "reviewed")] for one in lines]
    assert told == [
        ["BLOCKED", False, True, False],
        ["HELD", False, False, True],
        ["DECLINED", True, False, False],
        ["NOT_SENT", False, False, False],
    ]
    assert not any(one["fraud"] for one in lines)


def test_a_system_that_failed_is_no_failure_of_the_cards(
    exported: Exported, tmp_path: Path
) -> None:
    payment(1, Outcome.DECLINED, decline=decline("INSUFFICIENT_FUNDS", "51"))
    payment(2, Outcome.DECLINED, decline=decline("PROCESSING_ERROR", "96"))
    assert [(one["outcome"], one["failed"]) for one in exported()] == [
        ("DECLINED", True),
        ("DECLINED", False),
    ]
    # And it is in no history, and teaches nothing
    read = dataset.read(tmp_path / "payments.ndjson")
    assert [(one.was_tried, one.teaches) for one in read] == [(True, False), (False, False)]


def review(number: int, day: int, status: str, *, is_fraud: bool) -> None:
    shown = {"is_fraud": is_fraud, "closed_at": to_text(at(day)), "status": status}
    item = {"entity": "review", "intent_id": id_of("pi", number), "status": status}
    put(review_key(OURS, id_of("pi", number)), {**item, "review": shown})


@pytest.mark.parametrize(
    ("is_fraud", "status", "is_label"),
    [(True, "DECLINED", True), (False, "DECLINED", False), (True, "EXPIRED", False)],
)
def test_a_review_that_was_declined_as_fraud_is_a_label(
    exported: Exported, is_fraud: bool, status: str, is_label: bool
) -> None:
    # Given a payment that was held and not sent, and one that was granted and given back
    payment(1, None, decided=decision(ip_country="KP"))
    payment(2, decided=decision(ip_country="KP"), status=Status.CANCELLED)
    for number in (1, 2):
        review(number, 5, status, is_fraud=is_fraud)
    # Then what a person called fraud is, since then
    lines = exported()
    assert [one["outcome"] for one in lines] == ["HELD", "VOIDED"]
    assert [one["label_source"] for one in lines] == ["REVIEW" if is_label else None] * 2
    assert [one["labelled_at"] for one in lines] == [to_text(at(5)) if is_label else None] * 2


def test_what_was_granted_and_given_up_is_voided(exported: Exported, tmp_path: Path) -> None:
    payment(1, status=Status.CANCELLED)
    dispute(1, 9, reason="fraudulent")
    (line,) = exported()
    assert (line["outcome"], line["fraud"]) == ("VOIDED", False)
    # Nobody can dispute it, so that nobody did says nothing
    (read,) = dataset.read(tmp_path / "payments.ndjson")
    assert (read.was_tried, read.teaches) == (True, False)


def test_a_held_payment_that_was_sent_after_all_is_one_line(exported: Exported) -> None:
    # Given a payment that was not sent at first, was held then, and was sent when it was approved
    held = decision(ip_country="KP")
    payment(1, Outcome.NOT_SENT)
    payment(1, None, decided=held, decision_id=id_of("op", 2), created_at=to_text(at(2)))
    payment(1, decided=held, operation_id=id_of("op", 3), created_at=to_text(at(3)))
    # Then it is the operation's line, which says what became of it
    lines = exported()
    assert [(one["operation"], one["outcome"]) for one in lines] == [
        (id_of("op", 1), "NOT_SENT"),
        (id_of("op", 3), "APPROVED"),
    ]


def test_what_was_not_sent_and_then_blocked_is_two_lines(exported: Exported) -> None:
    payment(1, Outcome.NOT_SENT)
    blocked = decision(card_failures_1h=4)
    payment(1, None, decided=blocked, decision_id=id_of("op", 2), created_at=to_text(at(2)))
    assert [one["outcome"] for one in exported()] == ["NOT_SENT", "BLOCKED"]


def test_another_mode_merchant_or_time_is_left_out(exported: Exported) -> None:
    payment(1)
    payment(2, tenant=OTHER)
    payment(3, tenant=LIVE)
    payment(4)
    assert len(exported()) == 3
    assert len(exported("--merchant", OURS.merchant_id)) == 2
    assert [one["mode"] for one in exported("--mode", "live")] == ["live"]
    (line,) = exported("--from", "2026-11-05T10:00+01:00", "--until", "2026-11-05T09:00:00.001Z")
    assert line["payment"] == id_of("pi", 4)
    assert not exported("--from", "2026-11-04T09:00Z", "--until", "2026-11-05T09:00Z")


def test_only_authorizations_that_can_be_replayed_are_lines(
    exported: Exported, tmp_path: Path
) -> None:
    # Given a capture, one whose token was refused, and one from before decisions were kept whole
    payment(1, kind=Kind.CAPTURE)
    payment(2, Outcome.DECLINED, replaced_by="op_…")
    payment(3, decided={"action": "ALLOW", "score": 0, "signals": []})
    assert exported() == []
    assert "1 are left out: they were made before" in (tmp_path / "said").read_text()


def test_what_was_exported_is_read_as_payments(exported: Exported, tmp_path: Path) -> None:
    payment(1, customer_id="cus_1")
    payment(2, None, decided=decision(card_failures_1h=4))
    payment(3, Outcome.NOT_SENT)
    dispute(1, 9, reason="fraudulent")
    exported()
    first, blocked, unsent = dataset.read(tmp_path / "payments.ndjson")
    assert (first.fraud, first.labelled_at, first.id) == (
        True,
        int(at(9).timestamp()),
        id_of("pi", 1),
    )
    assert first.features == tuple(FEATURE_VALUES)
    assert first.payment.terminal is None
    assert [one.teaches for one in (first, blocked, unsent)] == [True, False, False]
    assert [one.was_tried for one in (first, blocked, unsent)] == [True, False, False]


class Throttled:
    """A table whose scan is refused so often."""

    def __init__(self, times: int, code: str = "ThrottlingException") -> None:
        self.left, self.code = times, code

    def scan(self, **asked: Any) -> dict[str, Any]:
        if self.left:
            self.left -= 1
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "Scan")
        return {"ScannedCount": 0, "Items": []}


def test_a_page_that_is_throttled_is_asked_again_and_not_for_ever() -> None:
    pauses: list[float] = []
    assert len(list(PaymentsTable(Throttled(3), "t", pauses.append).pages(None, "test"))) == 1
    assert pauses == sorted(pauses) and len(pauses) == 3
    for times, code in ((99, "ThrottlingException"), (1, "AccessDeniedException")):
        table = PaymentsTable(Throttled(times, code), "t", lambda _: None)
        with pytest.raises(Failure, match="t cannot be read"):
            list(table.pages(None, "test"))


def test_the_file_is_one_that_is_read_as_lines(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["fraud", "export", "--into", str(tmp_path / "p.csv")])
    assert "ends with .ndjson" in str(ran.exception)
