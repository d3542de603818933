"""The acquirer port: what we ask, what may come back, and what a connector must declare.

A connector never answers DECLINED for silence: see answer.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from farthing.acquiring.answer import Answer
from farthing.acquiring.dispute import Answered, Case, CaseAnswer
from farthing.business_calendar import UTC_DAYS, Calendar
from farthing.method_type import MethodType
from farthing.vault.source import Source


class Kind(StrEnum):
    """What an operation asks of the acquirer."""

    AUTHORIZE = "AUTHORIZE"
    CAPTURE = "CAPTURE"
    VOID = "VOID"
    REFUND = "REFUND"


class Use(StrEnum):
    """First or later use of a stored credential."""

    FIRST = "FIRST"
    SUBSEQUENT = "SUBSEQUENT"


class Initiator(StrEnum):
    """Whether the payer is there or the merchant acts alone."""

    CUSTOMER = "CUSTOMER"
    MERCHANT = "MERCHANT"


@dataclass(frozen=True)
class StoredCredential:
    """The schemes' stored-credential indicator; later uses name the first authorization."""

    use: Use
    initiator: Initiator
    network_reference: str | None = None

    def to_item(self) -> dict[str, Any]:
        """As stored and sent."""
        return {
            "use": self.use.value,
            "initiator": self.initiator.value,
            "network_reference": self.network_reference,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> StoredCredential:
        """As read."""
        return cls(Use(item["use"]), Initiator(item["initiator"]), item["network_reference"])


@dataclass(frozen=True)
class Instruction:
    """One request to the acquirer. `reference` is ours, and is its idempotency key.

    `capture` makes an AUTHORIZE a combined charge. `original_reference` is the AUTHORIZE that a
    CAPTURE, VOID or REFUND belongs to. `merchant_reference` says whose it is, for the acquirer's
    lists and messages. `acquirer_id` is the acquirer's own name of the payment, where it gave one.
    `created_at` is when the operation was written, by our clock. Of an AUTHORIZE, `method` says
    what pays: a debit may be pending.
    """

    kind: Kind
    reference: str
    order_id: str
    amount_cents: int
    currency: str
    capture: bool = False
    original_reference: str | None = None
    stored_credential: StoredCredential | None = None
    merchant_reference: str | None = None
    acquirer_id: str | None = None
    created_at: str | None = None
    method: MethodType = MethodType.CARD
    sent_before: bool = False
    """Whether it may have been sent before: then a no to what only prepares it is none to it."""


class Found(StrEnum):
    """What the acquirer has under a reference. That it has nothing is not the same as silence."""

    FOUND = "FOUND"
    PENDING = "PENDING"
    NOT_FOUND = "NOT_FOUND"


@dataclass(frozen=True)
class LookUp:
    """What the acquirer says of a reference, and when by its own clock (`as_of`, RFC 3339).

    `answer` is there if it is FOUND, and is final. PENDING is known there and not decided yet. A
    look-up that failed raises LookUpFailed: it says nothing about the operation.
    """

    found: Found
    as_of: str
    answer: Answer | None = None


class LookUpFailed(Exception):
    """The acquirer could not be asked, or its answer could not be trusted."""


class Undone(StrEnum):
    """What became of a reversal."""

    REVERSED = "REVERSED"
    NOT_FOUND = "NOT_FOUND"
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Reversal:
    """The answer to a reversal. `as_of` is the acquirer's clock, None if it said nothing."""

    undone: Undone
    as_of: str | None = None


@dataclass(frozen=True)
class Transaction:
    """One operation in the acquirer's books, as its list shows it.

    `returned`: a debit that went back after it had succeeded.
    """

    reference: str
    order_id: str
    merchant_reference: str | None
    kind: Kind
    capture: bool
    original_reference: str | None
    amount_cents: int
    currency: str
    status: str
    created_at: str
    acquirer_id: str | None = None
    method: MethodType = MethodType.CARD
    returned: bool = False

    def to_item(self) -> dict[str, Any]:
        """As it goes from `charge` to its caller."""
        return {**vars(self), "kind": self.kind.value, "method": self.method.value}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Transaction:
        """As it came. Raises KeyError, TypeError or ValueError for anything else."""
        kinds = {"kind": Kind(item["kind"]), "method": MethodType(item.get("method", "CARD"))}
        return cls(**{**item, **kinds})


@dataclass(frozen=True)
class Books:
    """Whose books: a connector's in a mode; of one merchant, where each has its own account."""

    connector: str
    mode: str
    merchant_id: str | None = None

    def to_item(self) -> dict[str, Any]:
        """As `charge` is asked for them."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class TransactionPage:
    """A page of the acquirer's books, oldest first. `next` continues it, None at the end."""

    transactions: tuple[Transaction, ...]
    next: str | None


@dataclass(frozen=True)
class Capabilities:
    """What a connector's acquirer guarantees; recovery's path follows from it.

    `key_retention_seconds`: how long it knows a reference, if it is idempotent by it.
    `lookup_lag_seconds`: how far look-ups may be behind its books.
    `max_flight_seconds`: the longest time from our sending to its books; what is not there by
    then, and cannot be sent again, will never be. `clock_skew_seconds`: how far the clocks of its
    answers may disagree. `methods`: what it can be paid by. `network_tokens`: whether it takes a
    scheme's token for a card's number. `calendar`: how it counts the days that it settles.
    `evidence_files`: whether it takes documents as evidence.
    """

    idempotent_by_reference: bool
    key_retention_seconds: int
    lookup_by_reference: bool
    lookup_lag_seconds: int
    reversal_by_reference: bool
    max_flight_seconds: int
    reference_length_max: int
    timeout_seconds: int = 15
    clock_skew_seconds: int = 0
    methods: frozenset[MethodType] = frozenset({MethodType.CARD})
    network_tokens: bool = False
    calendar: Calendar = UTC_DAYS
    evidence_files: bool = False


class Acquirer(Protocol):
    """One connector."""

    @property
    def capabilities(self) -> Capabilities:
        """What the acquirer guarantees."""
        ...

    def send(self, instruction: Instruction, source: Source | None) -> Answer:
        """Ask once, without a retry. Never raises for anything that the network does.

        An AUTHORIZE has a source. One that this acquirer cannot take is NOT_SENT.
        """
        ...

    def look_up(self, instruction: Instruction) -> LookUp:
        """What became of the instruction's reference. Raises LookUpFailed."""
        ...

    def reverse(self, instruction: Instruction, reference: str) -> Reversal:
        """Undo an AUTHORIZE by its reference, under a reference of the reversal's own.

        Never raises for anything that the network does. It undoes what has arrived: what arrives
        afterwards is not undone by it.
        """
        ...

    def transactions(self, since: str, after: str | None) -> TransactionPage:
        """What its books say since an instant. Raises LookUpFailed."""
        ...

    def find_dispute(self, reference: str) -> Case | None:
        """A dispute by the acquirer's own reference; None if it has none. Raises LookUpFailed."""
        ...

    def answer_dispute(self, answer: CaseAnswer) -> Answered:
        """Answer a dispute, once for the answer's reference.

        Never raises for anything that the network does.
        """
        ...
