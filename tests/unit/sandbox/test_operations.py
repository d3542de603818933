"""What can be captured, voided and refunded, and that the books show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.sandbox.conftest import Client

DAY = 24 * 3600


def test_a_combined_charge_is_an_authorize_and_a_capture(client: Client) -> None:
    charge = client.authorize(capture=True)
    both = [("AUTHORIZE", 1000, "APPROVED"), ("CAPTURE", 1000, "APPROVED")]
    assert client.books(order_id=charge["order_id"]) == both
    assert client.books(reference=charge["reference"]) == both
    assert client.follow("capture", charge)["decline_code"] == "12"


def test_one_capture_up_to_the_authorized_amount_and_it_is_final(client: Client) -> None:
    charge = client.authorize()
    assert client.follow("capture", charge, amount_cents=1001)["decline_code"] == "13"
    assert client.follow("capture", charge, amount_cents=600)["status"] == "APPROVED"
    assert client.follow("capture", charge, amount_cents=400)["decline_code"] == "12"
    assert client.follow("void", charge)["decline_code"] == "12"


def test_an_authorization_expires_after_seven_days(client: Client) -> None:
    early, late = client.authorize(), client.authorize()
    assert early["expires_at"][:10] > early["created_at"][:10]
    client.move_clock(7 * DAY - 60)
    assert client.follow("capture", early)["status"] == "APPROVED"
    client.move_clock(7 * DAY + 60)
    assert client.follow("capture", late)["decline_code"] == "12"


def test_a_void_releases_all_of_an_authorization(client: Client) -> None:
    charge = client.authorize()
    assert client.follow("void", charge, amount_cents=999)["decline_code"] == "13"
    assert client.follow("void", charge)["status"] == "APPROVED"
    assert client.books(order_id=charge["order_id"]) == [
        ("AUTHORIZE", 1000, "REVERSED"),
        ("VOID", 999, "DECLINED"),
        ("VOID", 1000, "APPROVED"),
    ]
    for kind in ("capture", "refund", "void"):
        assert client.follow(kind, charge)["decline_code"] == "12"


def test_a_combined_charge_can_be_undone_for_a_day(client: Client) -> None:
    charge, late = client.authorize(capture=True), client.authorize(capture=True)
    assert client.follow("void", charge)["status"] == "APPROVED"
    assert client.books(order_id=charge["order_id"]) == [
        ("AUTHORIZE", 1000, "REVERSED"),
        ("CAPTURE", 1000, "REVERSED"),
        ("VOID", 1000, "APPROVED"),
    ]
    assert client.follow("refund", charge)["decline_code"] == "12"
    client.move_clock(DAY)
    assert client.follow("void", late)["decline_code"] == "12"


def test_a_combined_charge_that_was_refunded_cannot_be_undone(client: Client) -> None:
    charge = client.authorize(capture=True)
    client.follow("refund", charge, amount_cents=1)
    assert client.follow("void", charge)["decline_code"] == "12"


def test_refunds_stop_at_what_was_captured(client: Client) -> None:
    charge = client.authorize()
    assert client.follow("refund", charge)["decline_code"] == "12"
    client.follow("capture", charge, amount_cents=700)
    assert client.follow("refund", charge, amount_cents=300)["status"] == "APPROVED"
    assert client.follow("refund", charge, amount_cents=401)["decline_code"] == "13"
    assert client.follow("refund", charge, amount_cents=400)["status"] == "APPROVED"
    assert client.follow("refund", charge, amount_cents=1)["decline_code"] == "12"


@pytest.mark.parametrize("kind", ["capture", "void", "refund"])
def test_only_what_is_named_rightly_is_touched(client: Client, kind: str) -> None:
    charge = client.authorize(capture=kind == "refund")
    before = client.books(reference=charge["reference"])
    assert client.follow(kind, charge, original_reference="nobody")["decline_code"] == "25"
    assert client.follow(kind, charge, order_id="another-order")["decline_code"] == "25"
    assert client.follow(kind, charge, currency="usd")["decline_code"] == "12"
    assert client.books(reference=charge["reference"]) == before
    assert client.follow(kind, charge, currency="EUR")["status"] == "APPROVED"


def test_the_reference_of_a_capture_is_not_a_charge(client: Client) -> None:
    charge = client.authorize()
    capture = client.follow("capture", charge)
    assert client.follow("refund", capture)["decline_code"] == "25"
