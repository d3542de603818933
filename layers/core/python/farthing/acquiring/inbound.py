"""What acquirers tell us by themselves: the port of everybody who posts webhooks to us.

    body ─► verify ─► items ─► each is kept ─► acknowledge
                                    └─► subject ─► the acquirer is asked

An adapter knows its acquirer's signature, how its bodies are cut into items, and what an item is
about. An item is only ever a hint where to look, so an adapter says what it names and never what
became of the money.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from farthing.acquiring.port import Kind

Secrets = Callable[[], Sequence[str]]
"""The secrets that may have signed a body, read when they are asked for."""


class NotAHint(ValueError):
    """An item that names nothing of ours. A person looks at it: nobody else can."""


class NotYet(LookupError):
    """An item names what we do not have. It may be on its way."""


@dataclass(frozen=True)
class Item:
    """One thing that an acquirer told, verified.

    `event_id` is the same however often it is told. `body` is what is kept of it: as it came, but
    for what we may not have. `occurred_at` is the acquirer's word, "" if it has none.
    """

    event_id: str
    type: str
    occurred_at: str
    body: str


@dataclass(frozen=True)
class Acknowledgement:
    """How an acquirer wants to hear that we have it."""

    status: int
    body: str
    content_type: str


RECEIVED = Acknowledgement(200, '{"received":true}', "application/json")


@dataclass(frozen=True)
class Hint:
    """An operation of ours. `approved` is what is said of it, None if nothing."""

    kind: Kind
    reference: str
    order_id: str
    merchant_reference: str
    approved: bool | None


@dataclass(frozen=True)
class TokenHint:
    """A payment method of ours, to whose network token something happened."""

    merchant_reference: str
    reference: str


@dataclass(frozen=True)
class Notice:
    """Something that no operation of ours explains."""

    event_id: str
    type: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class DisputeHint:
    """A dispute, by its acquirer's own reference. `merchant_reference` is None where the account
    says whose it is. `notice` is kept if it turns out to be of a payment that was made without
    us."""

    reference: str
    merchant_reference: str | None
    notice: Notice | None = None


Subject = Hint | TokenHint | DisputeHint | Notice


class Adapter(Protocol):
    """One acquirer's webhooks."""

    def verify(
        self, body: bytes, headers: Mapping[str, str], secrets: Secrets, now_seconds: int
    ) -> list[Item]:
        """The items of a body, all of them signed by one of `secrets`. Header names are lower.

        Raises SignatureRefused, for the whole body. What could not be signed by anybody is refused
        before a secret is read.
        """
        ...

    def acknowledge(self) -> Acknowledgement:
        """The answer to a body whose items are all kept."""
        ...

    def subject(self, body: str) -> Subject | None:
        """What a kept item is about; None for what has nothing to do with us. Raises NotAHint."""
        ...
