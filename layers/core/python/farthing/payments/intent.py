"""A PaymentIntent: one purchase from creation to its end.

`amount_capturable` and `amount_refundable` hold what is left, because a DynamoDB condition
compares and cannot subtract: they are the counters that guard the money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from farthing.errors import not_found
from farthing.ids import is_id, shard_of
from farthing.method_type import MethodType
from farthing.payments import states
from farthing.payments.checkout import Checkout
from farthing.payments.review import Review, ReviewStatus
from farthing.payments.states import Detail, State, Status
from farthing.store import Item, Key, TenantScope

LIST_SHARDS = 8
EXPIRY_SHARDS = 8


class CaptureMethod(StrEnum):
    """AUTOMATIC charges in one request; MANUAL holds the money until it is captured."""

    AUTOMATIC = "AUTOMATIC"
    MANUAL = "MANUAL"


def intent_key(tenant: TenantScope, intent_id: str) -> Key:
    """Where an intent's row is."""
    return Key("payments", tenant.pk("PI", intent_id), "INTENT")


def key_of(tenant: TenantScope, intent_id: str) -> Key:
    """The key of an id from outside. Raises FarthingError (404) for what cannot be one."""
    if not is_id("pi", intent_id):
        raise not_found("payment_intent", intent_id)
    return intent_key(tenant, intent_id)


def expiry_pk(shard: int) -> str:
    """One shard of the payments that hold money, in the due index by when that ends."""
    return f"EXPIRY#{shard}"


def list_partition(tenant: TenantScope, shard: int) -> str:
    """A shard of the merchant's list of intents."""
    return tenant.pk("LIST", "INTENT", str(shard))


@dataclass(frozen=True)
class Instrument:
    """What pays: a token, single-use or of a saved method, and what may be shown of it.

    `scheme` is that of a bank account's debits.
    """

    token: str
    method_id: str | None
    customer_id: str | None
    last_four: str | None
    card_brand: str | None
    bin: str
    fingerprint: str
    network_reference: str | None = None
    type: MethodType = MethodType.CARD
    scheme: str | None = None
    connector: str | None = None
    """Whose token it is, if it is an acquirer's own."""
    network_token: str | None = None
    """Where the network token of a saved card is; None if there is none."""
    billing_country: str | None = None
    mandate: Mapping[str, Any] | None = None
    """What the holder of an account agreed to. It outlives the account in the vault: a debit may be
    called into question for more than a year."""

    def to_item(self) -> dict[str, Any]:
        """As kept with the intent."""
        agreed = dict(self.mandate) if self.mandate else None
        return {**vars(self), "type": self.type.value, "mandate": agreed}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Instrument:
        """As read."""
        return cls(**{**item, "type": MethodType(item.get("type", MethodType.CARD))})


@dataclass(frozen=True)
class Authorization:
    """What the issuer granted. `reference` is our own, under which it was asked."""

    reference: str
    code: str | None
    network_reference: str | None
    expires_at: str | None
    amount_cents: int
    acquirer_id: str | None = None
    """What the acquirer calls the payment."""

    def to_item(self) -> dict[str, Any]:
        """As kept with the intent."""
        return dict(vars(self))

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Authorization:
        """As read."""
        return cls(**item)


@dataclass(frozen=True)
class Intent:
    """One row. Amounts are in the currency's minor unit.

    `connector` is whose books it is in, once it was authorized: what follows goes there too.
    `checkout` is the session that it is an attempt of, if it is.

    `amount_returned` is what the payer's bank took back, and `returned` how that came to be.
    `amount_disputed` is what acquirers took for disputes: for those that are not decided, which
    `open_disputes` counts, and for those that were lost. `amount_overdrawn` is the part of all this
    that the payer has, or may yet get, by a refund as well: so

        captured + overdrawn = refundable + refunded + being refunded + returned + disputed
    """

    tenant: TenantScope
    intent_id: str
    amount_cents: int
    currency: str
    capture_method: CaptureMethod
    created_at: str
    status: Status = Status.CREATED
    status_detail: Detail | None = Detail.REQUIRES_CONFIRMATION
    customer_id: str | None = None
    instrument: Instrument | None = None
    connector: str = "sandbox"
    ip_address: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    authorization: Authorization | None = None
    amount_capturable: int = 0
    amount_captured: int = 0
    amount_refundable: int = 0
    amount_refunded: int = 0
    amount_returned: int = 0
    amount_overdrawn: int = 0
    amount_disputed: int = 0
    returned: Mapping[str, Any] | None = None
    decline: Mapping[str, Any] | None = None
    outcome: str | None = None
    fraud: Mapping[str, Any] | None = None
    open_operation: str | None = None
    open_refunds: int = 0
    open_disputes: int = 0
    version: int = 1
    event_sequence: int = 0
    checkout: Checkout | None = None
    review: Review | None = None

    @property
    def is_under_review(self) -> bool:
        """Whether a person is to look at it, and has not."""
        return self.review is not None and self.review.status is ReviewStatus.OPEN

    @property
    def key(self) -> Key:
        """The row."""
        return intent_key(self.tenant, self.intent_id)

    @property
    def holds_until(self) -> str | None:
        """When what it waits for runs out: its authorization, or its review. None if it waits for
        neither, or for ever."""
        if self.state not in {states.AUTHORIZED, states.HELD}:
            return None
        ends = [self.authorization.expires_at if self.authorization else None]
        if self.review is not None and self.is_under_review:
            ends.append(self.review.expires_at)
        return min((end for end in ends if end is not None), default=None)

    @property
    def state(self) -> State:
        """Status and detail together: a row of the transition table."""
        return (self.status, self.status_detail)

    def moved(self, state: State, **changes: Any) -> Intent:
        """The intent in its next state, one version on. Raises IllegalTransition."""
        states.check(self.state, state)
        return replace(
            self, status=state[0], status_detail=state[1], version=self.version + 1, **changes
        )

    def to_item(self) -> Item:
        """The row, with its places in the lists."""
        return {
            "entity": "intent",
            "merchant_id": self.tenant.merchant_id,
            "mode": self.tenant.mode,
            "list_pk": list_partition(self.tenant, shard_of(self.intent_id, LIST_SHARDS)),
            "list_sk": self.intent_id,
        } | self.attributes()

    def attributes(self) -> Item:
        """What an update of the row may set. Absent values are absent, not null."""
        values = {name: value for name, value in vars(self).items() if name not in _SEPARATE} | {
            "instrument": self.instrument.to_item() if self.instrument else None,
            "authorization": self.authorization.to_item() if self.authorization else None,
            "checkout": self.checkout.to_item() if self.checkout else None,
            "review": self.review.to_item() if self.review else None,
            "metadata": dict(self.metadata),
        }
        if self.holds_until is not None:
            values["due_pk"] = expiry_pk(shard_of(self.intent_id, EXPIRY_SHARDS))
            values["due_at"] = self.holds_until
        if self.customer_id is not None:
            values["customer_pk"] = customer_partition(self.tenant, self.customer_id)
        return {name: _plain(value) for name, value in values.items() if value is not None}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Intent:
        """The intent of a row."""
        known = {name: item[name] for name in cls.__dataclass_fields__ if name in item}
        detail = item.get("status_detail")
        instrument, authorization = item.get("instrument"), item.get("authorization")
        checkout, review = item.get("checkout"), item.get("review")
        known |= {
            "tenant": TenantScope(item["merchant_id"], item["mode"]),
            "status": Status(item["status"]),
            "status_detail": Detail(detail) if detail else None,
            "capture_method": CaptureMethod(item["capture_method"]),
            "instrument": Instrument.from_item(instrument) if instrument else None,
            "authorization": Authorization.from_item(authorization) if authorization else None,
            "checkout": Checkout.from_item(checkout) if checkout else None,
            "review": Review.from_item(review) if review else None,
        }
        return cls(**known)


_SEPARATE = frozenset({"tenant", "instrument", "authorization", "checkout", "metadata", "review"})


def customer_partition(tenant: TenantScope, customer_id: str) -> str:
    """A customer's payments in the index by customer."""
    return tenant.pk("CUSTOMER", customer_id, "INTENTS")


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    return dict(value) if isinstance(value, Mapping) else value


def changed(before: Intent, after: Intent) -> tuple[Item, list[str]]:
    """What an update must set and what it must remove, to come from one to the other."""
    old, new = before.attributes(), after.attributes()
    sets = {name: value for name, value in new.items() if old.get(name) != value}
    return sets, sorted(set(old) - set(new))
