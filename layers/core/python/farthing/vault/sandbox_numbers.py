"""Card numbers, accounts and wallet payloads of the sandbox: refused in live mode."""

from __future__ import annotations

import json

TEST_NUMBERS = frozenset(
    {
        # approved
        "4242424242424242",
        "5555555555554444",
        "378282246310005",
        # declined
        "4000000000000002",
        "4000000000009995",
        "4000000000000069",
        "4000000000000127",
        "4000000000000119",
        # disputed, blocked, reviewed
        "4000000000000259",
        "4100000000000019",
        "4000000000009235",
        # the acquirer misbehaves
        "4000009900000012",
        "4000009900000020",
        "4000009900000038",
        "4000009900000046",
        "4000009900000053",
        "4000009900000061",
        "4000009900000079",
        "4000009900000087",
        "4000009900000095",
        "4000009900000103",
        "4000009900000111",
        # the payer's bank sends a refund back
        "4000009900000186",
        # their network tokens: the card is replaced, by the second; none; refused; lost; suspended
        "4000009900000129",
        "4000009900000137",
        "4000009900000145",
        "4000009900000152",
        "4000009900000160",
        "4000009900000178",
    }
)

TEST_ACCOUNTS = frozenset(
    {
        # SEPA: succeeds; fails; is closed; is returned; no answer; never ends; told by its return
        "DE73009900000000000004",
        "DE51009900000000000012",
        "DE29009900000000000020",
        "DE28009900000000000038",
        "DE06009900000000000046",
        "DE11009900000000000053",
        "DE86009900000000000061",
        # ACH, routing number and account: succeeds; fails; is closed; is returned
        "110000000/000000000004",
        "110000000/000000000012",
        "110000000/000000000020",
        "110000000/000000000038",
    }
)

TEST_WALLET_MARK = "sandbox:"
"""What the encrypted part of a test payload begins with. No base64 has a colon."""


def is_test_payload(payload: str) -> bool:
    """Whether a wallet's payload is one that only the sandbox understands."""
    document = json.loads(payload)
    signed = document.get("signedMessage")
    inside = json.loads(signed).get("encryptedMessage", "") if isinstance(signed, str) else ""
    return str(document.get("data", inside)).startswith(TEST_WALLET_MARK)
