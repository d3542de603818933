"""Bank accounts and wallets of a run: numbers and payloads, another one each time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

from farthing import iban
from tests.simulation.acquirer_books import Bank

ACCOUNTS = {Bank.PAYS: 2, Bank.REFUSES: 1, Bank.TAKES_BACK: 2}
"""How many accounts of each kind a merchant has tokens of; one more that pays is saved."""
WALLETS = 2


class Payers:
    """What buyers type, for so many merchants."""

    def __init__(self, merchants: int) -> None:
        of_each = merchants * (max(ACCOUNTS.values()) + 1)
        ibans = {bank: [account_number(n, bank) for n in range(of_each)] for bank in Bank}
        self._ibans = {bank: iter(many) for bank, many in ibans.items()}
        self._payloads: Iterator[int] = count()
        self.secrets = [each for many in ibans.values() for each in many]
        """What must be nowhere."""
        self.secrets += [sealed(number) for number in range(merchants * WALLETS)]

    def account(self, bank: Bank) -> dict[str, Any]:
        """A body of POST /v1/tokens for an account, of which the bank does this."""
        mandate = {"accepted_at": "2026-01-02T03:04:05Z"}
        number = next(self._ibans[bank])
        return {"type": "BANK", "iban": number, "holder_name": "A", "mandate": mandate}

    def wallet(self) -> dict[str, Any]:
        """The same for a wallet."""
        shown = payload(next(self._payloads))
        return {"type": "WALLET", "wallet": "APPLE_PAY", "payload": shown}


def account_number(number: int, bank: Bank) -> str:
    """An IBAN, another one for each number, of which the bank does this."""
    bban = f"00990000{number:08d}{bank.value}"
    return f"DE{iban.check_digits_of('DE', bban)}{bban}"


def payload(number: int) -> str:
    """What a wallet gives, another one for each number."""
    header = {"ephemeralPublicKey": "a2V5", "publicKeyHash": "aGFzaA==", "transactionId": "7d"}
    shown = {"version": "EC_v1", "data": sealed(number), "signature": "c2ln", "header": header}
    return json.dumps(shown)


def sealed(number: int) -> str:
    """The part of it that nobody but the acquirer can read."""
    return f"c2VhbGVkIHBheWxvYWQg{number:08d}"
