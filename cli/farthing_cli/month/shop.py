"""The merchant of the demo month: sells, refunds and answers disputes, by the API alone."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

from farthing_cli.api import Document, part
from farthing_cli.failure import Failure
from farthing_cli.month.plan import DISPUTED, Payment, Tale
from farthing_cli.webhooks.demo import Demo

AT_ONCE = 4
MARK = "demo_month"
"""The metadata that say what is special about a payment: a later run reads them, too."""
DISPUTES_MAX = 500
EVIDENCE = {Tale.WON: "WINNING_EVIDENCE", Tale.LOST: "LOSING_EVIDENCE"}
ENDS = frozenset({"WON", "LOST"})


@dataclass(frozen=True)
class Sale:
    """A payment of the plan, made. `day` is its business day."""

    payment: Payment
    intent_id: str
    day: date
    paid: bool

    @property
    def tale(self) -> Tale | None:
        """What is special about it."""
        return self.payment.tale


class Shop:
    """Every method raises Failure if the stack refuses."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._tales: dict[str, Tale | None] = {}
        self._to_return: dict[str, str] = {}
        """Refunds that will come back and have not yet, by payment."""
        self.disputes: dict[str, Document] = {}
        """By payment, as they were when they were last looked at."""

    def sell(self, payments: Sequence[Payment], day: date) -> list[Sale]:
        """Make a day's payments, several at once."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            sales = list(pool.map(lambda one: self._sell(one, day), payments))
        self._tales |= {sale.intent_id: sale.tale for sale in sales}
        return sales

    def refund(self, sales: Sequence[Sale]) -> None:
        """Refund what the plan says of these sales."""
        wanted = [sale for sale in sales if sale.payment.refund_cents]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            done = list(pool.map(self._refund, wanted))
        for sale, refund_id in zip(wanted, done, strict=True):
            if sale.tale is Tale.SENT_BACK:
                self._to_return[sale.intent_id] = refund_id

    def answer_disputes(self) -> None:
        """Look which disputes there are, and answer those that wait, as the plan says."""
        for one in self._look():
            if one["status"] != "NEEDS_RESPONSE" or one["answer_pending"]:
                continue
            tale = self.tale_of(one["payment_intent_id"])
            path = f"/v1/disputes/{part(one['dispute_id'])}"
            if tale is Tale.ACCEPTED:
                self._demo.post(f"{path}/accept", {})
            elif tale in EVIDENCE:
                body = {"uncategorized_text": EVIDENCE[tale], "submit": True}
                self._demo.post(f"{path}/evidence", body)

    def unheard(self, sales: Sequence[Sale]) -> list[Sale]:
        """Those of which the acquirer has not told yet what it is going to tell."""
        return [sale for sale in sales if not self._heard(sale)]

    def undecided(self, sales: Sequence[Sale]) -> list[Sale]:
        """Those whose dispute has not ended."""
        return [
            sale
            for sale in sales
            if sale.tale in DISPUTED
            and self.disputes.get(sale.intent_id, {}).get("status") not in ENDS
        ]

    def tale_of(self, intent_id: str) -> Tale | None:
        """What is special about a payment, of this run or of one that was interrupted."""
        if intent_id not in self._tales:
            name = self._demo.payment(intent_id)["metadata"].get(MARK)
            self._tales[intent_id] = Tale[name] if name in Tale.__members__ else None
        return self._tales[intent_id]

    def _heard(self, sale: Sale) -> bool:
        if sale.tale in DISPUTED:
            return sale.intent_id in self.disputes
        refund_id = self._to_return.get(sale.intent_id)
        if refund_id is None:
            return True
        if not self._demo.api.get(f"/v1/refunds/{part(refund_id)}")["returned"]:
            return False
        del self._to_return[sale.intent_id]
        return True

    def _look(self) -> list[Document]:
        found = list(self._demo.api.listed("/v1/disputes", "dispute_id", DISPUTES_MAX))
        self.disputes = {one["payment_intent_id"]: one for one in found}
        return found

    def _sell(self, payment: Payment, day: date) -> Sale:
        mark = {} if payment.tale is None else {"metadata": {MARK: payment.tale.name}}
        made = self._demo.pay(vars(payment), token=self._demo.card(payment.card), **mark)
        paid = made["status"] == "SUCCEEDED"
        if paid is (payment.tale is Tale.DECLINED):
            raise Failure(f"{made['intent_id']} was to be otherwise: it is {made['status']}.")
        return Sale(payment, str(made["intent_id"]), day, paid)

    def _refund(self, sale: Sale) -> str:
        asked: dict[str, Any] = {
            "payment_intent_id": sale.intent_id,
            "amount_cents": sale.payment.refund_cents,
        }
        refund = self._demo.post("/v1/refunds", asked)
        if refund["status"] != "SUCCEEDED":
            raise Failure(f"{refund['refund_id']} was to succeed: it is {refund['status']}.")
        return str(refund["refund_id"])
