"""The kinds of thing that can pay, and the schemes by which bank accounts are debited."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class MethodType(StrEnum):
    """What a token or a payment method stands for."""

    CARD = "CARD"
    BANK = "BANK"
    WALLET = "WALLET"


class BankScheme(StrEnum):
    """Whose rules a debit follows: SEPA's Core scheme, by IBAN, or the ACH of the United States."""

    SEPA = "SEPA"
    ACH = "ACH"


CURRENCY_OF: Mapping[BankScheme, str] = {BankScheme.SEPA: "eur", BankScheme.ACH: "usd"}
"""The one currency that a scheme moves."""
