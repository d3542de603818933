"""Each test number does what the table says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farthing_sandbox import cards

if TYPE_CHECKING:
    from tests.unit.sandbox.conftest import Client


@pytest.mark.parametrize(
    "number",
    [
        "4242424242424242",
        "5555555555554444",
        "378282246310005",
        "4000000000000259",
        "4100000000000019",
        "4000000000009235",
        "6011111111111117",
    ],
)
def test_every_other_number_is_approved(client: Client, number: str) -> None:
    assert client.authorize(number)["status"] == "APPROVED"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("4000000000000002", "05"),
        ("4000000000009995", "51"),
        ("4000000000000069", "54"),
        ("4000000000000127", "N7"),
        ("4000000000000119", "96"),
        ("4242424242424241", "14"),
    ],
)
def test_a_declined_number_moves_nothing(client: Client, number: str, code: str) -> None:
    answer = client.authorize(number, capture=True, order_id="o", reference="r")
    assert (answer["status"], answer["decline_code"]) == ("DECLINED", code)
    assert answer["authorization_code"] is answer["network_reference"] is None
    assert client.books(order_id="o") == [("AUTHORIZE", 1000, "DECLINED")]
    for kind in ("capture", "void", "refund"):
        assert client.follow(kind, answer)["decline_code"] == "12"


def test_the_table_holds_only_card_numbers() -> None:
    assert [number for number in cards.BEHAVIOURS if not cards.passes_luhn(number)] == []


@pytest.mark.parametrize(
    ("number", "brand"),
    [
        ("4242424242424242", "VISA"),
        ("5555555555554444", "MASTERCARD"),
        ("2223003122003222", "MASTERCARD"),
        ("378282246310005", "AMEX"),
        ("6011111111111117", "DISCOVER"),
        ("3566002020360505", "JCB"),
        ("9999999999999995", "UNKNOWN"),
    ],
)
def test_brands(number: str, brand: str) -> None:
    assert cards.brand_of(number) == brand


def test_a_card_entered_without_cvc_is_declined(client: Client) -> None:
    assert client.authorize(card={"cvc": None})["decline_code"] == "N7"


def stored(use: str = "SUBSEQUENT", **fields: str) -> dict[str, str]:
    return {"use": use, "initiator": "MERCHANT"} | fields


def test_a_stored_card_is_charged_again_under_the_first_network_reference(client: Client) -> None:
    first = client.authorize(stored_credential=stored("FIRST", initiator="CUSTOMER"))
    known = stored(network_reference=first["network_reference"])
    again = client.authorize(card={"cvc": None}, stored_credential=known)
    assert again["status"] == "APPROVED"
    assert again["network_reference"] != first["network_reference"]


def test_a_stored_card_without_its_network_reference_is_a_security_violation(
    client: Client,
) -> None:
    issued = client.authorize()["network_reference"]
    for claim, number in (
        (stored(), "4242424242424242"),
        (stored(network_reference="NEVER1SSUED"), "4242424242424242"),
        (stored(network_reference=issued), "5555555555554444"),
    ):
        assert client.authorize(number, stored_credential=claim)["decline_code"] == "63"
