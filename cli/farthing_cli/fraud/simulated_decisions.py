"""Simulated payments as decisions: the lines that `export` would write of them.

Decided by the default rules and the model that ships, in the order of time, so that what was
blocked is in no history, as in a stack. Who is reviewed is let through. There are no terminals, as
there are none online.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from farthing.clock import to_text
from farthing.fraud.action import Action
from farthing.fraud.decide import decide
from farthing.fraud.facts import Known
from farthing.fraud.fields import Value
from farthing.fraud.history import Past
from farthing.fraud.model.evaluate import Model
from farthing.fraud.model.features import pack_row, record, row
from farthing.fraud.model.history import HOUR
from farthing.fraud.rule_row import default_rules
from farthing.fraud.signals import SCORE_MAX_PPM, Scored
from farthing.fraud.window import TEN_MINUTES_SECONDS
from farthing.ids import ENTROPY_BYTES, make_id
from farthing.payments.operation import OperationState
from farthing_cli.fraud.dataset import Labelled
from farthing_cli.fraud.decided_line import BLOCKED, Source
from farthing_cli.fraud.replay import Book, known_at
from farthing_cli.fraud.simulator import START

CURRENCY = "eur"
MODE = "test"
MERCHANT = make_id("mer", datetime.fromtimestamp(START, UTC), bytes(ENTROPY_BYTES))


def lines(payments: Iterable[Labelled], model: Model) -> Iterator[dict[str, Any]]:
    """A line for each payment. They are in the order of time."""
    shop, rules = Shop(), default_rules()
    for one in payments:
        features = shop.features(one)
        score = round(model.score(features) * SCORE_MAX_PPM)
        known = Known(shop.values(one), features=pack_row(features))
        decision = decide(known, rules, Scored(score, model.artefact.name))
        if decision.action is not Action.BLOCK:
            shop.tried(one)
        yield _line(one, decision.action, decision.to_item())


class Shop:
    """What is remembered of the payments that were let through."""

    def __init__(self) -> None:
        self._book = Book()
        self._cards: set[str] = set()

    def features(self, one: Labelled) -> list[float]:
        """The row that the model is told."""
        return row(one.payment, self._book.history(one))

    def values(self, one: Labelled) -> dict[str, Value]:
        """The fields that rules ask for."""
        paid, history = one.payment, self._book.history(one)
        past = Past(history.customer.to_item())
        median = past.median_cents()
        percent = None if median is None else paid.amount_cents * 100 // median
        return {
            "amount_cents": paid.amount_cents,
            "currency": CURRENCY,
            "card_failures_10m": history.card.failures_since(paid.at, TEN_MINUTES_SECONDS),
            "card_failures_1h": history.card.failures_since(paid.at, HOUR),
            "ip_failures_10m": history.ip.failures_since(paid.at, TEN_MINUTES_SECONDS),
            "card_is_new": paid.card not in self._cards,
            "billing_country": _country(paid.card_country),
            "ip_country": _country(paid.ip_country),
            "countries_match": paid.card_country == paid.ip_country,
            "customer_payments": past.payments,
            "amount_percent_of_median": percent,
        }

    def tried(self, one: Labelled) -> None:
        """The payment was let through."""
        paid = one.payment
        record(paid, self._book.history(one), failed=one.failed)
        if one.failed:
            return
        self._cards.add(paid.card or "")


def _line(one: Labelled, action: Action, decision: dict[str, Any]) -> dict[str, Any]:
    """As `decided_line` has it."""
    paid, blocked = one.payment, action is Action.BLOCK
    failed = one.failed and not blocked
    known = one.fraud and not one.failed and not blocked
    state = OperationState.DECLINED if failed else OperationState.APPROVED
    return {
        "payment": _id("pi", one),
        "operation": _id("op", one),
        "merchant": MERCHANT,
        "mode": MODE,
        "paid_at": _text(paid.at),
        "amount_cents": paid.amount_cents,
        "currency": CURRENCY,
        "customer": f"{paid.customer}:{CURRENCY}",
        "card": paid.card,
        "ip": paid.ip,
        "card_country": _country(paid.card_country),
        "ip_country": _country(paid.ip_country),
        "failed": failed,
        "outcome": BLOCKED if blocked else state.value,
        "blocked": blocked,
        "reviewed": action is Action.REVIEW,
        "decision": decision,
        "fraud": known,
        "labelled_at": _text(known_at(one)) if known else None,
        "label_source": Source.DISPUTE.value if known else None,
    }


def _id(prefix: str, one: Labelled) -> str:
    entropy = hashlib.sha256(f"{prefix}{one.id}".encode()).digest()[:ENTROPY_BYTES]
    return make_id(prefix, datetime.fromtimestamp(one.payment.at, UTC), entropy)


def _text(at: int) -> str:
    return to_text(datetime.fromtimestamp(at, UTC))


def _country(country: str | None) -> str | None:
    return country.upper() if country else None
