"""Scoring: what a payment is decided on, read in one batch more, and what is written of it.

    read     rules and model in force, with what every confirm reads; then the rows that the
             instrument names: a card's counter has no name before the card is known
    decide   pure, and again whenever somebody else's attempt was counted in between
    marks    that the attempt is in flight, in Tx-1: an attempt is let in and counted, or neither

The decision is kept with the operation that it lets through. What it does not let through has no
operation, and a row of its own (`kept`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from farthing.clock import to_text
from farthing.fraud.action import Action
from farthing.fraud.counter_row import address_key, counter_of, counter_write, counters_of
from farthing.fraud.decide import decide
from farthing.fraud.facts import Facts, Known, known, risk_keys
from farthing.fraud.lists import Kind
from farthing.fraud.model_row import model_in_force_key
from farthing.fraud.rule_row import in_force_key
from farthing.fraud.rules import Hold, RuleSet
from farthing.fraud.sandbox_cards import hits_of
from farthing.fraud.signals import Decision
from farthing.fraud.window import Attempt
from farthing.http.response import Response
from farthing.method_type import MethodType
from farthing.payments.customer import customer_key
from farthing.payments.guarded import Guarded
from farthing.payments.intent import Instrument, Intent
from farthing.payments.perform import impossible
from farthing.payments.review import ReviewStatus, ReviewStep
from farthing.payments.services import Services
from farthing.store import NOT_CREATED, Item, Key, Put, StoreBusy, TenantScope

_ADDRESSES = frozenset({Kind.IP, Kind.RANGE})


class CounterMoved(Exception):
    """Somebody else's attempt was counted since the counter was read; here is how it is now."""

    def __init__(self, key: Key, item: Item | None) -> None:
        super().__init__("a counter moved in the meantime")
        self.key = key
        self.item = item


@dataclass(frozen=True)
class Scoring:
    """All that a decision depends on, but for the time."""

    tenant: TenantScope
    facts: Facts
    instrument: Instrument
    rows: Mapping[Key, Item]
    services: Services

    def decide(self, now: datetime) -> Decision:
        """What becomes of the payment."""
        found = self._known(now)
        in_force = self.rows.get(model_in_force_key(self.tenant))
        return decide(found, self.rule_set, self.services.fraud.model(in_force, found))

    @property
    def rule_set(self) -> RuleSet:
        """The rules in force."""
        return self.services.fraud.rules(self.rows.get(in_force_key(self.tenant)))

    def with_row(self, moved: CounterMoved) -> Scoring:
        """The same with a counter as it is now."""
        others = {key: item for key, item in self.rows.items() if key != moved.key}
        found = {} if moved.item is None else {moved.key: moved.item}
        return replace(self, rows=others | found)

    def read_anew(self) -> Scoring:
        """The same with the counters as they are now, if they can be read."""
        keys = list(risk_keys(self.tenant, self.facts))
        try:
            found = self.services.store.batch_get(keys)
        except StoreBusy:
            return self
        others = {key: item for key, item in self.rows.items() if key not in keys}
        return replace(self, rows=others | found)

    @property
    def is_held_unsent(self) -> bool:
        """Whether a review comes before anything is sent: by its merchant's choice, or because a
        bank holds no money for later. A wallet's payload cannot wait."""
        if self.instrument.type is not MethodType.CARD:
            return self.instrument.type is MethodType.BANK
        return self.rule_set.reviews.hold is Hold.NOT_SENT

    def review_of(self, decision: Decision) -> ReviewStep | None:
        """The review that the decision opens, if it opens one."""
        if decision.action is not Action.REVIEW:
            return None
        return ReviewStep(ReviewStatus.OPEN, days=self.rule_set.reviews.days)

    def counters(self, decision: Decision) -> list[Key]:
        """Of the card and of the address, where these are known. An address that is let through in
        any case is not counted: many share it, and need not wait for each other's writes."""
        hits = decision.known.hits
        shared = any(one.kind in _ADDRESSES and one.action is Action.ALLOW for one in hits)
        address = None if shared else self.facts.ip_address
        return counters_of(self.tenant, self.facts.fingerprint, address)

    def marks(self, counters: Sequence[Key], operation_id: str) -> list[Guarded]:
        """The writes of Tx-1 that count the attempt as in flight. Their refusal raises
        CounterMoved."""
        return [self._mark(key, Attempt.of(operation_id)) for key in counters]

    def _mark(self, key: Key, attempt: Attempt) -> Guarded:
        before = counter_of(self.rows.get(key))
        is_address = key == address_key(self.tenant, self.facts.ip_address)
        tried_there = self.facts.fingerprint if is_address else None
        write = counter_write(key, before, before.begun(attempt, tried_there))
        if write is None:
            raise ValueError("an attempt began twice")

        def refuse(item: Item | None) -> Response:
            raise CounterMoved(key, item)

        return Guarded(write, refuse)

    def _known(self, now: datetime) -> Known:
        found = known(self.tenant, self.facts, self.rows, now)
        one = self.instrument
        hits = hits_of(self.tenant.mode, one.bin, one.last_four)
        return replace(found, hits=(*found.hits, *hits)) if hits else found


def keys_in_force(tenant: TenantScope) -> list[Key]:
    """What is read with everything else, before the instrument is known."""
    return [in_force_key(tenant), model_in_force_key(tenant)]


def scoring_of(
    intent: Intent, instrument: Instrument, found: Mapping[Key, Item], services: Services
) -> Scoring:
    """What the payment is decided on. `found` has the rows of `keys_in_force`, and the customer's
    if it was read.

    The customer's e-mail is one read more where it was not read before.
    """
    tenant, customer_id = services.tenant, intent.customer_id
    facts = Facts(
        amount_cents=intent.amount_cents,
        currency=intent.currency,
        fingerprint=instrument.fingerprint or None,
        bin=instrument.bin or None,
        brand=instrument.card_brand,
        billing_country=instrument.billing_country,
        ip_address=intent.ip_address,
        ip_country=services.fraud.country(intent.ip_address),
        email=intent.checkout.customer_email if intent.checkout else None,
        customer_id=customer_id,
    )
    customer = [customer_key(tenant, customer_id)] if customer_id else []
    facts = _with_email(facts, customer, found)
    unread = [key for key in customer if key not in found]
    rows = {**found, **services.store.batch_get([*risk_keys(tenant, facts), *unread])}
    learned = _with_email(facts, unread, rows)
    if learned != facts:
        more = [key for key in risk_keys(tenant, learned) if key not in rows]
        rows |= services.store.batch_get(more)
    return Scoring(tenant, learned, instrument, rows, services)


def _with_email(facts: Facts, customer: list[Key], rows: Mapping[Key, Item]) -> Facts:
    """With the customer's e-mail, if it is read and the session did not tell another one."""
    emails = [rows[key].get("email") for key in customer if key in rows]
    return replace(facts, email=emails[0]) if emails and facts.email is None else facts


def kept_key(intent: Intent, decision_id: str) -> Key:
    """Where a decision is that let nothing through."""
    return Key("payments", intent.key.pk, f"FRAUD#{decision_id}")


def kept(intent: Intent, decision_id: str, decision: Decision, now: datetime) -> Guarded:
    """The row of a decision that let nothing through: there is no operation to keep it with."""
    item: Item = {
        "entity": "fraud_decision",
        "merchant_id": intent.tenant.merchant_id,
        "mode": intent.tenant.mode,
        "intent_id": intent.intent_id,
        "decision_id": decision_id,
        "created_at": to_text(now),
        "decision": decision.to_item(),
    }
    return Guarded(Put(kept_key(intent, decision_id), item, NOT_CREATED), impossible)
