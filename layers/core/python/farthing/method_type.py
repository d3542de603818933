"""The kinds of thing that can pay."""

from __future__ import annotations

from enum import StrEnum


class MethodType(StrEnum):
    """What a token or a payment method stands for."""

    CARD = "CARD"
    BANK = "BANK"
    WALLET = "WALLET"
