"""What `farthing trigger` can make happen: one row a scenario.

An act (acts.py) makes real calls; `makes` are the events that it leads to, in their order. They are
waited for; `again` names one that is sent a second time when they have been delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from farthing_cli.failure import Failure
from farthing_cli.webhooks import acts
from farthing_cli.webhooks.acts import Given
from farthing_cli.webhooks.demo import Demo

Act = Callable[[Demo, Given], str]
Setting = str | int | None

APPROVED, DECLINED = "4242424242424242", "4000000000000002"
REVIEWED, NEVER_ANSWERS = "4000000000009235", "4000009900000012"
PAYS, TAKES_BACK = "DE73009900000000000004", "DE28009900000000000038"

DISPUTED, COMES_BACK = "4000000000000259", "4000009900000186"

DISPUTE_OPENED = "dispute.opened"
CREATED, SUCCEEDED = "payment_intent.created", "payment_intent.succeeded"
CANCELLED, PROCESSING = "payment_intent.cancelled", "payment_intent.processing"
AUTHORIZED, RETURNED = "payment_intent.authorized", "payment_intent.returned"
OPENED, CLOSED = "review.opened", "review.closed"

MONEY: Mapping[str, Setting] = {"amount_cents": 1999, "currency": "eur"}
OF_A_NEW_PAYMENT = MONEY.keys() | {"card", "iban"}
"""Settings that mean nothing for a payment that is there."""


@dataclass(frozen=True)
class Scenario:
    """`settings` are what --override may name, with their defaults. `of_payment` are the events
    when a payment is named; empty if none can be."""

    does: str
    act: Act
    makes: tuple[str, ...]
    settings: Mapping[str, Setting] = field(default_factory=dict)
    of_payment: tuple[str, ...] = ()
    again: str = ""

    def given(self, overrides: list[str], payment: str | None) -> dict[str, Setting]:
        """What the act is given. Raises Failure for an override that there is not."""
        if payment is not None and not self.of_payment:
            raise Failure("This scenario begins with a payment of its own: no --payment.")
        unused = OF_A_NEW_PAYMENT if payment is not None else frozenset[str]()
        known = [name for name in self.settings if name not in unused]
        given = dict(self.settings)
        for text in overrides:
            name, is_pair, value = text.partition("=")
            if name not in known or not is_pair:
                allowed = ", ".join(f"{one}=…" for one in known) or "none"
                raise Failure(f"There is no override {text!r} here: {allowed}.")
            given[name] = _value(name, value)
        return given if payment is None else given | {"payment": payment}


def _value(name: str, text: str) -> str | int:
    if not name.endswith("_cents"):
        return text
    if not text.isdecimal() or len(text) > 8:
        raise Failure(f"{name} is a whole number of the currency's minor unit, not {text[:20]!r}.")
    return int(text)


def _paid_by(card: str, **more: Setting) -> dict[str, Setting]:
    return {**MONEY, "card": card, **more}


SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        "payment_intent.succeeded": Scenario(
            "a card pays; --payment: what is held is captured",
            acts.charge,
            (CREATED, SUCCEEDED),
            _paid_by(APPROVED),
            of_payment=(SUCCEEDED,),
        ),
        "payment_intent.authorized": Scenario(
            "the money is held, to be captured later",
            acts.hold,
            (CREATED, AUTHORIZED),
            _paid_by(APPROVED),
        ),
        "payment_intent.failed": Scenario(
            "the issuer declines; card=… for another reason",
            acts.charge,
            (CREATED, "payment_intent.failed"),
            _paid_by(DECLINED),
        ),
        "payment_intent.cancelled": Scenario(
            "what was held is given up",
            acts.cancel,
            (CREATED, AUTHORIZED, CANCELLED),
            _paid_by(APPROVED),
            of_payment=(CANCELLED,),
        ),
        "payment_intent.processing": Scenario(
            "a bank account is debited; its bank pays after 20 s",
            acts.debit,
            (CREATED, PROCESSING, SUCCEEDED),
            {**MONEY, "iban": PAYS},
        ),
        "payment_intent.returned": Scenario(
            "a debit that the payer has their bank take back, after 50 s",
            acts.debit,
            (CREATED, PROCESSING, SUCCEEDED, RETURNED),
            {**MONEY, "iban": TAKES_BACK},
        ),
        "refund.succeeded": Scenario(
            "a payment is given back, all or refund_cents of it",
            acts.refund,
            (CREATED, SUCCEEDED, "refund.succeeded"),
            _paid_by(APPROVED, refund_cents=None),
            of_payment=("refund.succeeded",),
        ),
        "refund.failed": Scenario(
            "a refund of money that the payer's bank took back first; moves the clock on by 52 s",
            acts.refund_too_late,
            (CREATED, PROCESSING, SUCCEEDED, "refund.failed", RETURNED),
            {**MONEY, "iban": TAKES_BACK},
        ),
        "refund.returned": Scenario(
            "a refund that the payer's bank sends back; moves the clock on by 21 s",
            acts.refund_that_comes_back,
            (CREATED, SUCCEEDED, "refund.succeeded", "refund.returned"),
            _paid_by(COMES_BACK, refund_cents=None),
        ),
        "dispute.opened": Scenario(
            "a payer disputes a payment, after 10 s; an amount that ends with 91 is only inquired",
            acts.dispute,
            (CREATED, SUCCEEDED, DISPUTE_OPENED),
            _paid_by(DISPUTED),
        ),
        "dispute.won": Scenario(
            "it is answered, and won; moves the clock on by 11 s",
            acts.decide_dispute,
            (CREATED, SUCCEEDED, DISPUTE_OPENED, "dispute.updated", "dispute.won"),
            _paid_by(DISPUTED, evidence="WINNING_EVIDENCE"),
        ),
        "dispute.lost": Scenario(
            "it is accepted; evidence=LOSING_EVIDENCE: it is answered, and lost",
            acts.decide_dispute,
            (CREATED, SUCCEEDED, DISPUTE_OPENED, "dispute.lost"),
            _paid_by(DISPUTED, evidence="none"),
        ),
        "review.opened": Scenario(
            "a payment waits for a person", acts.await_review, (CREATED, OPENED), _paid_by(REVIEWED)
        ),
        "review.closed": Scenario(
            "a person approves it; answer=decline for a no",
            acts.review,
            (CREATED, OPENED, CLOSED),
            _paid_by(REVIEWED, answer="approve"),
            of_payment=(CLOSED,),
        ),
        "checkout_session.expired": Scenario(
            "a checkout session ends unpaid",
            acts.expire_session,
            ("checkout_session.expired",),
            MONEY,
        ),
        "payment_method.updated": Scenario(
            "a saved card is charged and gets a network token",
            acts.save_card,
            ("payment_method.updated",),
            _paid_by(APPROVED),
        ),
        "acquirer.timeout": Scenario(
            "the acquirer charges and never answers; recovery finds out, after some 20 s",
            acts.charge,
            (CREATED, SUCCEEDED),
            _paid_by(NEVER_ANSWERS),
        ),
        "webhook.duplicate": Scenario(
            "one event is sent twice, under one webhook-id: do not send the goods twice",
            acts.charge,
            (CREATED, SUCCEEDED),
            _paid_by(APPROVED),
            again=SUCCEEDED,
        ),
        "webhook.out_of_order": Scenario(
            "after sequence 2, the event of sequence 1 comes again: the payment is not new",
            acts.charge,
            (CREATED, SUCCEEDED),
            _paid_by(APPROVED),
            again=CREATED,
        ),
    }
)
"""Name → what it does."""
