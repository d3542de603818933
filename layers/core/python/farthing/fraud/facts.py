"""What is known of one payment before it is decided about: what it is, and what its rows say.

All rows are named by the facts alone, so one batched read has them (`risk_keys`), and nothing is
read afterwards. What is not known stays unknown: nothing is concluded from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from farthing.fraud import lists
from farthing.fraud.counter_row import address_key, card_key, counter_of
from farthing.fraud.fields import Value
from farthing.fraud.history import card_seen_key, history_key, past_of
from farthing.fraud.lists import Hit
from farthing.fraud.model.features import pack_row
from farthing.fraud.model_input import features_of
from farthing.fraud.window import FAILURES_KEPT, HOUR_SECONDS, TEN_MINUTES_SECONDS, Counted
from farthing.store import Item, Key, TenantScope


@dataclass(frozen=True)
class Facts:
    """A payment. `fingerprint` stands for the card, never its number; None for what has none."""

    amount_cents: int
    currency: str
    fingerprint: str | None = None
    bin: str | None = None
    brand: str | None = None
    billing_country: str | None = None
    ip_address: str | None = None
    ip_country: str | None = None
    email: str | None = None
    customer_id: str | None = None

    @property
    def email_domain(self) -> str | None:
        """What is after the @."""
        _, at, domain = (self.email or "").strip().lower().rpartition("@")
        return domain if at and domain else None

    @property
    def payer(self) -> str | None:
        """Whose history it is: the customer's, or the card's where no customer is known."""
        return self.customer_id or self.fingerprint


@dataclass(frozen=True)
class Known:
    """What rules and model decide on, and all of it: whoever has this decides the same.

    `evidence` names, for a field, the operations that it was counted from. `features` is the row
    that the model is asked about, packed.
    """

    values: Mapping[str, Value]
    evidence: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hits: tuple[Hit, ...] = ()
    features: str = ""

    def to_item(self) -> Item:
        """As kept with the decision."""
        return {
            "values": dict(self.values),
            "evidence": {name: list(ids) for name, ids in self.evidence.items()},
            "hits": [hit.to_item() for hit in self.hits],
            "features": self.features,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Known:
        """As read."""
        return cls(
            values=dict(item["values"]),
            evidence={name: tuple(ids) for name, ids in item["evidence"].items()},
            hits=tuple(Hit.from_item(hit) for hit in item["hits"]),
            features=item["features"],
        )


def risk_keys(tenant: TenantScope, facts: Facts) -> list[Key]:
    """Every row that the decision may need, in one batch."""
    card, payer = facts.fingerprint, facts.payer
    keys = [
        card_key(tenant, card) if card else None,
        card_seen_key(tenant, card) if card else None,
        address_key(tenant, facts.ip_address),
        history_key(tenant, payer, facts.currency) if payer else None,
        *lists.keys(tenant, _listed(facts)),
    ]
    return [key for key in keys if key is not None]


def known(tenant: TenantScope, facts: Facts, rows: Mapping[Key, Item], now: datetime) -> Known:
    """The facts and the rows as fields, and as the model's row."""
    values: dict[str, Value] = {
        "amount_cents": facts.amount_cents,
        "currency": facts.currency,
        "card_brand": facts.brand,
        "card_bin": facts.bin,
        "billing_country": facts.billing_country,
        "ip_country": facts.ip_country,
        "countries_match": _same(facts.billing_country, facts.ip_country),
        "email_domain": facts.email_domain,
        "card_is_new": None,
        **_usual(tenant, facts, rows),
    }
    counts = {"card_failures_10m": None, "card_failures_1h": None, "ip_failures_10m": None}
    counted: dict[str, Counted | None] = {**counts}
    if facts.fingerprint:
        card = counter_of(rows.get(card_key(tenant, facts.fingerprint)))
        counted["card_failures_10m"] = card.within(TEN_MINUTES_SECONDS, now)
        counted["card_failures_1h"] = card.within(HOUR_SECONDS, now)
        values["card_is_new"] = card_seen_key(tenant, facts.fingerprint) not in rows
    address = address_key(tenant, facts.ip_address)
    if address is not None:
        counted["ip_failures_10m"] = counter_of(rows.get(address)).within(TEN_MINUTES_SECONDS, now)
    for name, one in counted.items():
        values[name] = None if one is None else min(one.total, FAILURES_KEPT)
    evidence = {name: one.operation_ids for name, one in counted.items() if one and one.total}
    hits = lists.hits(tenant, _listed(facts), rows, now)
    features = pack_row(features_of(tenant, facts, rows, now))
    return Known(values, evidence, hits, features)


def _usual(tenant: TenantScope, facts: Facts, rows: Mapping[Key, Item]) -> dict[str, Value]:
    """How the amount compares with what the customer usually pays. A card is no customer: rules
    ask for people that the merchant knows."""
    if not facts.customer_id:
        return {"customer_payments": None, "amount_percent_of_median": None}
    key = history_key(tenant, facts.customer_id, facts.currency)
    past = past_of(rows.get(key))
    median = past.median_cents()
    percent = None if median is None else facts.amount_cents * 100 // median
    return {"customer_payments": past.payments, "amount_percent_of_median": percent}


def _same(one: str | None, other: str | None) -> bool | None:
    return None if one is None or other is None else one == other


def _listed(facts: Facts) -> lists.Subject:
    return lists.Subject(
        {
            lists.Kind.CARD: facts.fingerprint,
            lists.Kind.IP: facts.ip_address,
            lists.Kind.EMAIL: facts.email,
            lists.Kind.COUNTRY: facts.ip_country,
            lists.Kind.BIN: facts.bin,
            lists.Kind.CUSTOMER: facts.customer_id,
        }
    )
