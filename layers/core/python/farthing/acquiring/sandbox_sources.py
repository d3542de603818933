"""What pays, in the sandbox's words: numbers leave the vault here, and in the request
for a card's network token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from farthing.vault.card import Card
from farthing.vault.source import BankAccount, NetworkToken, Source, WalletToken


def shown(source: Source) -> Mapping[str, Any] | None:
    """A part of the request's body; None for what the sandbox cannot take."""
    match source:
        case Card():
            return {"card": source.reveal()}
        case NetworkToken():
            return {"network_token": source.reveal()}
        case BankAccount():
            return {"bank_account": _account(source)}
        case WalletToken():
            return {"wallet": {"wallet": source.wallet, "payload": source.payload}}
    return None


def _account(account: BankAccount) -> dict[str, Any]:
    number = account.number.reveal()
    named = (
        {"iban": number}
        if account.routing_number is None
        else {
            "account_number": number,
            "routing_number": account.routing_number,
            "account_type": account.account_type,
        }
    )
    mandate = account.mandate
    return named | {
        "holder_name": account.holder,
        "mandate": {"reference": mandate.reference, "accepted_at": mandate.accepted_at},
    }
