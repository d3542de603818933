"""The sandbox's wallets: a test payload says what it does, and no other can be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from farthing_sandbox import wallets

if TYPE_CHECKING:
    from tests.unit.sandbox.conftest import Client


def asked(client: Client, payload: str, name: str = "APPLE_PAY", **fields: Any) -> dict[str, Any]:
    body = client.authorization(wallet={"wallet": name, "payload": payload}) | fields
    return {name: value for name, value in body.items() if name != "card"}


@pytest.mark.parametrize("capture", [True, False])
@pytest.mark.parametrize(
    ("name", "make"), [("APPLE_PAY", wallets.apple_pay), ("GOOGLE_PAY", wallets.google_pay)]
)
def test_it_pays_as_a_card_does(client: Client, name: str, make: Any, capture: bool) -> None:
    body = asked(client, make("approved"), name, capture=capture)
    answer = client.ask("/v1/authorizations", body)
    assert (answer["status"], answer["method"]) == ("APPROVED", "WALLET")
    if not capture:
        assert client.follow("capture", answer)["status"] == "APPROVED"
    assert client.follow("refund", answer)["status"] == "APPROVED"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (wallets.apple_pay("declined"), "05"),
        (wallets.google_pay("declined"), "05"),
        (wallets.apple_pay("expired"), "WALLET_EXPIRED"),
        (wallets.google_pay("expired"), "WALLET_EXPIRED"),
        (wallets.apple_pay("what?"), "WALLET_UNREADABLE"),
        ('{"data": "c2VhbGVk"}', "WALLET_UNREADABLE"),
        ('{"data": 7}', "WALLET_UNREADABLE"),
        ('{"signedMessage": "no json"}', "WALLET_UNREADABLE"),
        ("no json", "WALLET_UNREADABLE"),
        ("[]", "WALLET_UNREADABLE"),
    ],
)
def test_it_is_declined(client: Client, payload: str, code: str) -> None:
    answer = client.ask("/v1/authorizations", asked(client, payload))
    assert (answer["status"], answer["decline_code"]) == ("DECLINED", code)


def test_a_payload_is_written_nowhere_and_another_is_another_request(client: Client) -> None:
    body = asked(client, wallets.apple_pay("approved"))
    first = client.ask("/v1/authorizations", body)
    assert client.ask("/v1/authorizations", body) == first
    other = body | {"wallet": {"wallet": "APPLE_PAY", "payload": wallets.apple_pay("declined")}}
    assert client.ask("/v1/authorizations", other)["error"]["code"] == "REFERENCE_REUSED"
    stored = json.dumps(client.stored(), default=str)
    assert wallets.MARK not in stored and "publicKeyHash" not in stored
