"""What a client may ask for, once it is known to be well formed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from farthing_sandbox.cards import Later
    from farthing_sandbox.sources import Card, Source


class Operation(StrEnum):
    """What can happen to money here. From RETURN on nobody asks for it: banks do it."""

    AUTHORIZE = "AUTHORIZE"
    CAPTURE = "CAPTURE"
    VOID = "VOID"
    REFUND = "REFUND"
    RETURN = "RETURN"
    REFUND_RETURN = "REFUND_RETURN"
    DISPUTE = "DISPUTE"
    DISPUTE_REVERSAL = "DISPUTE_REVERSAL"
    DISPUTE_FEE = "DISPUTE_FEE"


@dataclass(frozen=True)
class StoredCredential:
    """The schemes' mark of a card on file: who started this charge, and what it continues."""

    use: str
    initiator: str
    network_reference: str | None = None


@dataclass(frozen=True)
class Authorize:
    """Hold the money, and take it in the same request if `capture`."""

    reference: str
    order_id: str
    amount_cents: int
    currency: str
    capture: bool
    card: Source
    stored_credential: StoredCredential | None = None
    merchant_reference: str | None = None

    operation = Operation.AUTHORIZE
    original_reference = None

    @property
    def method(self) -> str:
        """What pays."""
        return self.card.method

    def content(self) -> dict[str, Any]:
        """What an equal request repeats: all but references of its own and what may not be kept."""
        stored = self.stored_credential
        return {
            "operation": self.operation.value,
            "order_id": self.order_id,
            "amount_cents": self.amount_cents,
            "currency": self.currency,
            "capture": self.capture,
            "card": self.card.face,
            "stored_credential": None if stored is None else vars(stored),
        }


@dataclass(frozen=True)
class FollowUp:
    """A capture, void or refund of what `original_reference` authorized."""

    operation: Operation
    reference: str
    order_id: str
    original_reference: str
    amount_cents: int
    currency: str
    merchant_reference: str | None = None

    capture = False

    def content(self) -> dict[str, Any]:
        """What an equal request repeats."""
        return {
            "operation": self.operation.value,
            "order_id": self.order_id,
            "original_reference": self.original_reference,
            "amount_cents": self.amount_cents,
            "currency": self.currency,
        }


@dataclass(frozen=True)
class Reversal:
    """Undo whatever `original_reference` did, by somebody who does not know what that was."""

    reference: str
    order_id: str
    original_reference: str
    merchant_reference: str | None = None

    capture = False

    def content(self) -> dict[str, Any]:
        """What an equal request repeats. It is no VOID: that one says what it undoes."""
        return {
            "operation": "REVERSAL",
            "order_id": self.order_id,
            "original_reference": self.original_reference,
        }


Ask = Authorize | FollowUp


@dataclass(frozen=True)
class Listing:
    """Operations from `since` on, oldest first; those behind the cursor `after` if there is one."""

    since: datetime
    limit: int
    after: str | None = None


@dataclass(frozen=True)
class Due:
    """What is due by now: where its row lies, and who asked for it. `what` is a REFUND that ends,
    a bank's DECISION about a debit, or its RETURN; a REFUND_RETURN, or a DISPUTE of a charge."""

    order_id: str
    entry: str
    reference: str
    what: str = "REFUND"


@dataclass(frozen=True)
class Provision:
    """A network token for a card, under a reference of the client's."""

    reference: str
    merchant_reference: str
    card: Card

    def content(self) -> dict[str, Any]:
        """What an equal request repeats."""
        return {"merchant_reference": self.merchant_reference, "card": self.card.face}


@dataclass(frozen=True)
class Purchase:
    """What a cryptogram is asked for: one request to the acquirer, by one token."""

    token_reference: str
    reference: str
    amount_cents: int
    currency: str


@dataclass(frozen=True)
class IssuerActs:
    """The issuer of a token's card does something to it."""

    token: str
    act: Later


@dataclass(frozen=True)
class SettlementEntry:
    """One thing that the client believes moved money."""

    reference: str
    operation: Operation
    order_id: str
    currency: str
    amount_cents: int


@dataclass(frozen=True)
class Settlement:
    """A file submitted for settlement, all in one currency. `sha256` is of its bytes."""

    reference: str
    currency: str
    entries: tuple[SettlementEntry, ...]
    sha256: str
