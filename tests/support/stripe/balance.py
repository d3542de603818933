"""The balance of an account at our small Stripe: its balance transactions, as they are documented.

A charge moves it when it is captured, with the whole amount that was authorized, and a second time
with what was not captured. Shapes are those of https://docs.stripe.com/api/balance_transactions and
of a dispute's transactions in Stripe's own webhooks.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from farthing.acquiring.exchange import Exchanged
from tests.support.stripe.double import Row, StripeDouble, shown, tree

AVAILABLE_AFTER_SECONDS = 2 * 24 * 60 * 60
PATH = "/v1/balance_transactions"


@dataclass
class Balance:
    """Of the account `stripe`. Called as an exchange, it answers for both."""

    stripe: StripeDouble
    rows: list[Row] = field(default_factory=list)
    pages: int = 0
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes | None,
        timeout_seconds: int,
        headers: Mapping[str, str],
    ) -> Exchanged:
        asked, _, query = path.partition("?")
        if (method, asked) != ("GET", PATH):
            return self.stripe(method, path, body, timeout_seconds, headers)
        return 200, json.dumps(self._listed(tree(parse_qsl(query)))).encode(), self.stripe.date()

    def charged(self, intent_id: str, fee: int) -> None:
        """What a captured PaymentIntent does to the balance."""
        payment = self.stripe.payments[intent_id]
        charge = payment["latest_charge"]
        self._add("charge", "charge", charge["amount"], fee, charge)
        if less := charge["amount"] - payment["amount_received"]:
            released = {"id": f"re_{next(self._numbers)}", "object": "refund", "metadata": {}}
            source = released | {"charge": charge["id"], "payment_intent": payment["id"]}
            self._add("refund", "partial_capture_reversal", -less, 0, source)

    def refunded(self, refund_id: str) -> None:
        """What a refund does to it."""
        refund = self.stripe.refunds[refund_id]
        self._add("refund", "refund", -refund["amount"], 0, refund)

    def refund_failed(self, refund_id: str) -> None:
        """A refund that the bank sent back gives its amount back."""
        refund = self.stripe.refunds[refund_id]
        self._add("refund_failure", "refund_failure", refund["amount"], 0, refund)

    def disputed(self, dispute_id: str, amount: int, fee: int, *, won: bool = False) -> None:
        """A chargeback withdraws its amount, with a fee; a won one brings the amount back."""
        dispute = {"id": dispute_id, "object": "dispute", "metadata": {}}
        category, moved = ("dispute_reversal", amount) if won else ("dispute", -amount)
        self._add("adjustment", category, moved, fee, dispute)

    def stranger(self, amount: int) -> None:
        """A charge of somebody else's at the same account, and a fee of Stripe's own."""
        charge = {"id": "ch_stranger", "object": "charge", "metadata": {}}
        self._add("charge", "charge", amount, 30, charge)
        self._add("stripe_fee", "fee", -500, 0, None)

    def _add(self, type_: str, category: str, amount: int, fee: int, source: Row | None) -> None:
        now = int(self.stripe.now)
        self.rows.append(
            {
                "id": f"txn_{next(self._numbers):024d}",
                "object": "balance_transaction",
                "amount": amount,
                "available_on": now + AVAILABLE_AFTER_SECONDS,
                "balance_type": "payments",
                "created": now,
                "currency": "eur",
                "description": None,
                "exchange_rate": None,
                "fee": fee,
                "fee_details": [],
                "net": amount - fee,
                "reporting_category": category,
                "source": None if source is None else shown(source),
                "status": "pending",
                "type": type_,
            }
        )

    def _listed(self, fields: Row) -> Row:
        assert fields["expand"] == ["data.source"]
        self.pages += 1
        bounds, now = fields["created"], self.stripe.now
        kept = [
            {**row, "status": "available" if row["available_on"] <= now else "pending"}
            for row in self.rows[::-1]
            if int(bounds["gte"]) <= row["created"] < int(bounds["lt"])
        ]
        if after := fields.get("starting_after"):
            kept = kept[[row["id"] for row in kept].index(after) + 1 :]
        limit = int(fields["limit"])
        return {
            "object": "list",
            "url": PATH,
            "data": kept[:limit],
            "has_more": len(kept) > limit,
        }


def changed(row: Row, **changes: Any) -> Row:
    """A row that says something else; without what is set to `...`."""
    return {name: value for name, value in {**row, **changes}.items() if value is not ...}
