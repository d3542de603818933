"""What the books say because of a line: an amount for each account that a report touches.

    matched          fee                   share           nothing in suspense
    in a break       the expected fee      none, or share  what it pays beyond what is expected

What a line is worth now, less what it was worth before, is what is posted. So at every moment the
suspense account holds what the breaks that are not resolved explain of it, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from farthing.ledger import posting
from farthing.ledger.transaction import LedgerTransaction
from farthing.store.item import Item


@dataclass(frozen=True)
class Effect:
    """Signed minor units. `fee_cents` and `share_cents` are in the batch's currency,
    `suspense` by currency."""

    fee_cents: int = 0
    share_cents: int = 0
    suspense: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Effect) -> Effect:
        currencies = {*self.suspense, *other.suspense}
        sums = {one: self.suspense.get(one, 0) + other.suspense.get(one, 0) for one in currencies}
        return Effect(
            self.fee_cents + other.fee_cents,
            self.share_cents + other.share_cents,
            {one: total for one, total in sums.items() if total},
        )

    def __neg__(self) -> Effect:
        turned = {currency: -cents for currency, cents in self.suspense.items()}
        return Effect(-self.fee_cents, -self.share_cents, turned)

    def __sub__(self, other: Effect) -> Effect:
        return self + -other

    def to_item(self) -> Item:
        """As a break's row keeps it."""
        return {
            "fee_cents": self.fee_cents,
            "share_cents": self.share_cents,
            "suspense": dict(self.suspense),
        }

    @classmethod
    def of(cls, item: Item) -> Effect:
        """The effect of a row."""
        return cls(item["fee_cents"], item["share_cents"], dict(item["suspense"]))


NOTHING = Effect()


def posted(
    effect: Effect, settlement_id: str, acquirer: str, currency: str, step: str, at: datetime
) -> list[LedgerTransaction]:
    """What is booked of an effect: one transaction for each currency that it is of. `step` names
    it among what is booked of this batch."""
    found = []
    for one in sorted({currency, *effect.suspense}):
        own = one == currency
        transaction = posting.settled(
            settlement_id,
            acquirer,
            one,
            at=at,
            fee=effect.fee_cents if own else 0,
            share=effect.share_cents if own else 0,
            unexplained=effect.suspense.get(one, 0),
            step=step if own else f"{step} {one}",
        )
        if transaction is not None:
            found.append(transaction)
    return found
