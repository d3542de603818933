"""What the hostile acquirer posts by itself: one fact in a body, or several, in any order."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.simulation.dice import Dice

SANDBOX, TOKENS, BATCHES = "sandbox", "sandbox_tokens", "sandbox_batch"
EVENT_CODES = {
    "AUTHORIZE": "AUTHORISATION",
    "CAPTURE": "CAPTURE",
    "VOID": "CANCELLATION",
    "REFUND": "REFUND",
    "RETURN": "CHARGEBACK",
}
DISPUTE_CODES = {
    "INQUIRY NEEDS_RESPONSE": "REQUEST_FOR_INFORMATION",
    "CHARGEBACK NEEDS_RESPONSE": "NOTIFICATION_OF_CHARGEBACK",
    "CHARGEBACK WON": "CHARGEBACK_REVERSED",
    "CHARGEBACK LOST": "SECOND_CHARGEBACK",
    "PRE_ARBITRATION NEEDS_RESPONSE": "NOTIFICATION_OF_CHARGEBACK",
    "PRE_ARBITRATION WON": "PREARBITRATION_WON",
    "PRE_ARBITRATION LOST": "PREARBITRATION_LOST",
}
INFORMATION_SUPPLIED = "INFORMATION_SUPPLIED"
GATHER_SECONDS = 20.0
"""How long the first fact of a batch waits for others."""
STRANGER = "whx"
"""How the ids of facts begin that are about nothing of ours."""

Fact = Mapping[str, Any]


@dataclass(frozen=True)
class Webhook:
    """A message to our acquirer_webhooks function: signed when it is posted, at `at`."""

    at: float
    headers: Mapping[str, str]
    body: bytes
    tries: int = 1
    sender: str = SANDBOX
    taken: Callable[[], None] = lambda: None
    """Called when our function has said that it has it."""
    told: tuple[str, ...] = ()
    """The names that its facts have in our inbox."""


@dataclass
class Batches:
    """Facts that are posted together, each signed in itself."""

    secret: str
    dice: Dice
    now: Callable[[], float]
    at: Callable[[float, Callable[[], None]], None]
    post: Callable[[Webhook], None]
    _waiting: list[Fact] = field(default_factory=list)

    def add(self, fact: Fact) -> None:
        """Post a fact, with those that come until then."""
        self._waiting.append(fact)
        if len(self._waiting) == 1:
            self.at(self.now() + GATHER_SECONDS, self._flush)

    def again(self, webhook: Webhook) -> None:
        """The same bytes: nothing in them says when they were sent."""
        self.post(replace(webhook, at=self.now(), tries=webhook.tries + 1))

    def _flush(self) -> None:
        items = [item_of(fact) for fact in self.dice.shuffled(self._waiting)]
        self._waiting.clear()
        wrapped = [{"NotificationRequestItem": signed(item, self.secret)} for item in items]
        raw = json.dumps({"live": "false", "notificationItems": wrapped}).encode()
        told = tuple(f"{i['pspReference']}/{i['eventCode']}/{i['success']}" for i in items)
        self.post(Webhook(self.now(), {}, raw, sender=BATCHES, told=told))


def item_of(fact: Fact) -> dict[str, Any]:
    """A fact under the names that a batch has for it."""
    data = fact["data"]
    if data["operation"] == "DISPUTE":
        return _dispute_item(fact)
    return {
        "pspReference": fact["id"],
        "originalReference": "",
        "merchantAccountCode": data["merchant_reference"].replace(":", "."),
        "merchantReference": f"{data['order_id']}.{data['reference']}",
        "amount": {"value": 1, "currency": "EUR"},
        "eventCode": EVENT_CODES[data["operation"]],
        "success": "true" if data["status"] == "APPROVED" else "false",
        "eventDate": fact["created_at"],
    }


def _dispute_item(fact: Fact) -> dict[str, Any]:
    data = fact["data"]
    return {
        "pspReference": fact["id"],
        "originalReference": data["dispute"],
        "merchantAccountCode": data["merchant_reference"].replace(":", "."),
        "merchantReference": f"{data['order_id']}.{data['dispute']}",
        "amount": {"value": 1, "currency": "EUR"},
        "eventCode": DISPUTE_CODES.get(f"{data['stage']} {data['status']}", INFORMATION_SUPPLIED),
        "success": "true",
        "eventDate": fact["created_at"],
    }


def signed(item: Mapping[str, Any], secret: str) -> dict[str, Any]:
    """An item with its signature in it."""
    names = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")
    fields = [item[name] for name in names]
    fields += [str(item["amount"]["value"]), item["amount"]["currency"]]
    content = ":".join([*fields, item["eventCode"], item["success"]]).encode()
    proof = base64.b64encode(hmac.digest(secret.encode(), content, hashlib.sha256)).decode()
    return {**item, "additionalData": {"hmacSignature": proof}}
