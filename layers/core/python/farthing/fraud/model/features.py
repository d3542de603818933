"""What the model is told of a payment: one row, made here online and offline alike.

`row` reads what is remembered and the payment itself, `record` remembers the payment: always in
this order, so that no payment is in its own history. Ids choose the history and are no features.
A feature that is not known is NaN.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Final

from farthing.fraud.model.history import (
    ANOMALY_WINDOW_SECONDS,
    BUCKET_SECONDS,
    DAY,
    HOUR,
    LABEL_DELAY_SECONDS,
    Customer,
    Terminal,
    Tries,
    median,
)

FEATURES: Final = {
    "amount": "the amount",
    "hour": "the time of day",
    "customer_payments_1d": "how often the customer paid within a day",
    "customer_payments_7d": "how often the customer paid within a week",
    "customer_hours_since_last": "how long ago the customer paid last",
    "customer_usual": "what the customer usually pays",
    "customer_ratio_to_usual": "the amount against what the customer usually pays",
    "customer_ratio_to_median": "the amount against the middle one of the customer's payments",
    "customer_deviation": "the amount against how much the customer's payments vary",
    "customer_days_since_anomaly": "how long ago the customer paid unusually much",
    "customer_anomalies_14d": "how often the customer paid unusually much within two weeks",
    "customer_anomaly_share_14d": "how many of the customer's payments were unusually high",
    "customer_worst_ratio_14d": "how unusually much the customer paid within two weeks",
    "customer_ip_is_new": "an address from which the customer has not paid before",
    "terminal_payments_1d": "how much is paid at this terminal",
    "terminal_risk_7d": "known fraud at this terminal within a week",
    "terminal_risk_28d": "known fraud at this terminal within four weeks",
    "terminal_last_risk": "the last known payments at this terminal",
    "terminal_recent_risk": "the last three known payments at this terminal",
    "terminal_days_since_fraud": "how long ago fraud was last known at this terminal",
    "terminal_fraud_run_days": "since when all that is known of this terminal is fraud",
    "card_failures_1h": "failed tries with this card within an hour",
    "ip_failures_1h": "failed tries from this address within an hour",
    "ip_cards_1d": "how many cards were tried from this address within a day",
    "country_mismatch": "a card of one country used from another",
}
"""Name and, for a reason, words of each feature, in the order of a row."""

FEATURES_MAX: Final = 25
TERMINAL_FEATURES: Final = tuple(name for name in FEATURES if name.startswith("terminal_"))

_ROW = struct.Struct(f"<{len(FEATURES)}d")


def pack_row(values: Sequence[float]) -> str:
    """A row as a decision keeps it: its doubles, little-endian, in base64. No item holds a float,
    bytes are the vault's alone, and this keeps every bit."""
    return base64.b64encode(_ROW.pack(*values)).decode()


def unpack_row(packed: str) -> list[float]:
    """The row again. Raises ValueError if it is of other features than these."""
    packed_bytes = base64.b64decode(packed)
    if len(packed_bytes) != _ROW.size:
        raise ValueError(f"a row has {_ROW.size} bytes, not {len(packed_bytes)}")
    return list(_ROW.unpack(packed_bytes))


@dataclass(frozen=True, slots=True)
class Payment:
    """One try to pay. `customer` is the card where nobody is known; `at` is in Unix seconds.
    Without a terminal nothing is known of where was paid, and nothing is remembered."""

    at: int
    amount_cents: int
    customer: str
    terminal: str | None = None
    card: str | None = None
    ip: str | None = None
    card_country: str | None = None
    ip_country: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """All that is remembered for one payment."""

    customer: Customer = field(default_factory=Customer)
    terminal: Terminal = field(default_factory=Terminal)
    card: Tries = field(default_factory=Tries)
    ip: Tries = field(default_factory=Tries)


def row(payment: Payment, history: History) -> list[float]:
    """The values of FEATURES, in their order."""
    return [
        float(payment.amount_cents),
        payment.at % DAY / HOUR,
        *_of_customer(payment, history.customer),
        *_of_terminal(payment, history.terminal),
        float(history.card.failures_since(payment.at, HOUR)) if payment.card else nan,
        float(history.ip.failures_since(payment.at, HOUR)) if payment.ip else nan,
        float(history.ip.cards_since(payment.at, DAY)) if payment.ip else nan,
        _mismatch(payment.card_country, payment.ip_country),
    ]


def record(payment: Payment, history: History, *, failed: bool = False) -> None:
    """Remember the payment. One that failed says nothing of what the customer usually pays."""
    if not failed:
        history.customer.paid(payment.at, payment.amount_cents, payment.ip)
        if payment.terminal:
            history.terminal.paid(payment.at)
    if payment.card:
        history.card.tried(payment.at, None, failed=failed)
    if payment.ip:
        history.ip.tried(payment.at, payment.card, failed=failed)


def _of_customer(payment: Payment, customer: Customer) -> list[float]:
    at, amount = payment.at, payment.amount_cents
    usual = customer.usual_cents()
    spread = 0.0 if usual is None else customer.spread_cents()
    middle = median(customer.amounts) if customer.amounts else 0.0
    anomalies = sum(then > at - ANOMALY_WINDOW_SECONDS for then in customer.anomalies)
    paid = customer.since(at, ANOMALY_WINDOW_SECONDS)
    return [
        float(customer.since(at, DAY)),
        float(customer.since(at, 7 * DAY)),
        (at - customer.times[-1]) / HOUR if customer.times else nan,
        nan if usual is None else usual,
        amount / usual if usual else nan,
        amount / middle if middle else nan,
        (amount - usual) / spread if usual is not None and spread else nan,
        (at - customer.anomalies[-1]) / DAY if customer.anomalies else nan,
        float(anomalies),
        anomalies / paid if paid else nan,
        max(customer.anomaly_percents[-anomalies:]) / 100 if anomalies else 0.0,
        nan if payment.ip is None else float(payment.ip not in customer.ips),
    ]


def _of_terminal(payment: Payment, terminal: Terminal) -> list[float]:
    if not payment.terminal:
        return [nan] * len(TERMINAL_FEATURES)
    at = payment.at
    starts, counts, frauds = terminal.starts, terminal.counts, terminal.frauds
    today = sum(
        count for start, count in zip(starts[-5:], counts[-5:], strict=True) if start > at - DAY
    )
    aged = terminal.aged(at)
    known_until = at - LABEL_DELAY_SECONDS
    risks = []
    for days in (7, 28):
        first = aged
        while first and starts[first - 1] > known_until - days * DAY - BUCKET_SECONDS:
            first -= 1
        risks.append(_share(frauds[first:aged], counts[first:aged]))
    recent = aged
    while recent and sum(counts[recent:aged]) < 3:
        recent -= 1
    last_fraud = aged - 1
    while last_fraud >= 0 and not frauds[last_fraud]:
        last_fraud -= 1
    run = aged
    while run and frauds[run - 1]:
        run -= 1
    return [
        float(today),
        *risks,
        _share(frauds[aged - 1 : aged], counts[aged - 1 : aged]) if aged else nan,
        _share(frauds[recent:aged], counts[recent:aged]),
        (at - starts[last_fraud]) / DAY if last_fraud >= 0 else nan,
        (at - starts[run]) / DAY if run < aged else nan,
    ]


def _share(frauds: list[int], counts: list[int]) -> float:
    of = sum(counts)
    return sum(frauds) / of if of else nan


def _mismatch(card: str | None, ip: str | None) -> float:
    return nan if card is None or ip is None else float(card != ip)
