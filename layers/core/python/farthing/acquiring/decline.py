"""Decline reasons: our closed list, what to tell the payer, and whether trying again helps.

A debit that went back after it had succeeded has one of them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Advice(StrEnum):
    """What the merchant's checkout should do next."""

    TRY_AGAIN_LATER = "TRY_AGAIN_LATER"
    CONFIRM_CARD_DATA = "CONFIRM_CARD_DATA"
    USE_ANOTHER_CARD = "USE_ANOTHER_CARD"
    USE_ANOTHER_METHOD = "USE_ANOTHER_METHOD"
    AUTHORIZE_AGAIN = "AUTHORIZE_AGAIN"


@dataclass(frozen=True)
class Decline:
    """A definite no: our reason, words for the payer, and the acquirer's own code."""

    reason_code: str
    message: str
    advice: Advice
    acquirer_code: str

    def to_item(self) -> dict[str, Any]:
        """As stored and as shown."""
        return {
            "reason_code": self.reason_code,
            "message": self.message,
            "advice": self.advice.value,
            "acquirer_code": self.acquirer_code,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Decline:
        """As read."""
        return cls(
            item["reason_code"], item["message"], Advice(item["advice"]), item["acquirer_code"]
        )


REASONS: dict[str, tuple[str, Advice]] = {
    "DO_NOT_HONOR": ("The issuer declined without a reason.", Advice.USE_ANOTHER_CARD),
    "INSUFFICIENT_FUNDS": ("There are not enough funds.", Advice.USE_ANOTHER_CARD),
    "EXPIRED_CARD": ("The card has expired.", Advice.USE_ANOTHER_CARD),
    "INCORRECT_CVC": ("The security code is wrong or missing.", Advice.CONFIRM_CARD_DATA),
    "INVALID_NUMBER": ("The card number is not valid.", Advice.CONFIRM_CARD_DATA),
    "PROCESSING_ERROR": ("The issuer could not process it.", Advice.TRY_AGAIN_LATER),
    "SECURITY_VIOLATION": ("The issuer refused this use of the card.", Advice.USE_ANOTHER_CARD),
    "AUTHENTICATION_REQUIRED": (
        "The issuer asks the payer to confirm it, which is not offered here.",
        Advice.USE_ANOTHER_CARD,
    ),
    "NOT_PERMITTED": ("The acquirer's books do not allow this.", Advice.USE_ANOTHER_CARD),
    "ACCOUNT_CLOSED": ("The bank account is closed.", Advice.USE_ANOTHER_METHOD),
    "ACCOUNT_NOT_FOUND": ("The bank knows no such account.", Advice.USE_ANOTHER_METHOD),
    "MANDATE_REFUSED": ("The payer says that they never agreed to it.", Advice.USE_ANOTHER_METHOD),
    "CLAIMED_BACK": ("The payer had their bank take the money back.", Advice.USE_ANOTHER_METHOD),
    "WALLET_EXPIRED": ("The wallet's payload is too old.", Advice.AUTHORIZE_AGAIN),
    "WALLET_UNREADABLE": ("The wallet's payload cannot be read.", Advice.USE_ANOTHER_METHOD),
    "NETWORK_TOKEN_REFUSED": ("The card's network token was refused.", Advice.TRY_AGAIN_LATER),
    "CRYPTOGRAM_REFUSED": ("The network token's cryptogram was refused.", Advice.TRY_AGAIN_LATER),
    "NETWORK_TOKEN_UNUSABLE": ("The network token could not be used.", Advice.TRY_AGAIN_LATER),
    "OTHER": ("The issuer declined.", Advice.USE_ANOTHER_CARD),
}
"""Reason code → message and advice. Connectors map their acquirer's codes to these."""

TOKEN_ERRORS = frozenset({"NETWORK_TOKEN_REFUSED", "CRYPTOGRAM_REFUSED", "NETWORK_TOKEN_UNUSABLE"})
"""What is wrong with the network token and not with the card. The card's number may still pay."""

NO_WORD_OF_THE_CARD = TOKEN_ERRORS | {
    "PROCESSING_ERROR",
    "NOT_PERMITTED",
    "WALLET_EXPIRED",
    "WALLET_UNREADABLE",
}
"""Declined, and not because of the card: whoever tries stolen ones learns nothing from these."""


def decline(reason_code: str, acquirer_code: str) -> Decline:
    """The decline of one of our reasons, naming the acquirer's own code."""
    message, advice = REASONS[reason_code]
    return Decline(reason_code, message, advice, acquirer_code)
