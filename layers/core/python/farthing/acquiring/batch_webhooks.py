"""Webhooks in the form of Adyen's standard notifications: several items in a body, each signed.

    {"live": "false", "notificationItems": [{"NotificationRequestItem": {…}}, …]}

The signature is inside the item, `additionalData.hmacSignature`: HMAC-SHA-256 in base64, under a
key that is given in hexadecimal, over

    pspReference:originalReference:merchantAccountCode:merchantReference:value:currency:eventCode:success

Sources: docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures and
…/webhooks/webhook-types; the order of the fields and an absent one as "" also in `Adyen/util.py` of
Adyen's own Python library. The classic receivers' answer is `[accepted]`.

A signature covers those eight fields and no time: it may be replayed, and nothing beside the eight
is believed. Adyen does not escape a colon in a value, so that one signature fits two items; we put
no colon into anything that comes back to us, and refuse it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from farthing.acquiring.inbound import Acknowledgement, DisputeHint, Hint, Item, NotAHint, Secrets
from farthing.acquiring.port import Kind
from farthing.webhooks.signature import SignatureRefused

ITEMS_MAX = 50
"""Adyen sends one to six. Each is a write and a message before the answer."""

ACCEPTED = Acknowledgement(200, "[accepted]", "text/plain")
KINDS = {
    "AUTHORISATION": Kind.AUTHORIZE,
    "CAPTURE": Kind.CAPTURE,
    "CANCELLATION": Kind.VOID,
    "REFUND": Kind.REFUND,
    "CHARGEBACK": Kind.AUTHORIZE,
}
"""A debit that its bank took back is found under the debit's own reference."""

DISPUTES = frozenset(
    {
        "REQUEST_FOR_INFORMATION",
        "INFORMATION_SUPPLIED",
        "NOTIFICATION_OF_CHARGEBACK",
        "CHARGEBACK_REVERSED",
        "SECOND_CHARGEBACK",
        "PREARBITRATION_WON",
        "PREARBITRATION_LOST",
    }
)
"""Of these `originalReference` names the dispute."""


class BatchWebhooks:
    """`merchantAccountCode` is `mer_….test` and `merchantReference` is `{order}.{reference}`: what
    we gave to the acquirer as our names, with full stops where it has no other field for them."""

    def verify(
        self, body: bytes, headers: Mapping[str, str], secrets: Secrets, now_seconds: int
    ) -> list[Item]:
        """The items, if every one of them is signed. Raises SignatureRefused."""
        signed = [(one, *_signed(one)) for one in _items(body)]
        keys = [bytes.fromhex(secret) for secret in secrets()]
        for _, content, signature in signed:
            _require(keys, content, signature)
        return [_item(one) for one, _, _ in signed]

    def acknowledge(self) -> Acknowledgement:
        """What Adyen's classic receivers say."""
        return ACCEPTED

    def subject(self, body: str) -> Hint | DisputeHint:
        """The operation or the dispute of an item. Raises NotAHint."""
        try:
            item = json.loads(body)
            merchant_id, mode = item["merchantAccountCode"].split(".")
            order_id, reference = item["merchantReference"].split(".")
            if item["eventCode"] in DISPUTES:
                return DisputeHint(item["originalReference"], f"{merchant_id}:{mode}")
            kind = KINDS[item["eventCode"]]
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise NotAHint("no notification about an operation") from error
        return Hint(kind, reference, order_id, f"{merchant_id}:{mode}", None)


def _items(body: bytes) -> list[dict[str, Any]]:
    try:
        wrapped = json.loads(body)["notificationItems"]
        items = [one["NotificationRequestItem"] for one in wrapped]
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise SignatureRefused("the body holds no notification items") from error
    if not all(isinstance(item, dict) for item in items):
        raise SignatureRefused("the body holds no notification items")
    if not 0 < len(items) <= ITEMS_MAX:
        raise SignatureRefused(f"a body holds 1 to {ITEMS_MAX} notification items")
    return items


def _signed(item: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """What an item's signature is over, and the signature."""
    try:
        amount = item["amount"]
        fields = [
            item["pspReference"],
            item.get("originalReference") or "",
            item["merchantAccountCode"],
            item["merchantReference"],
            str(amount["value"]),
            amount["currency"],
            item["eventCode"],
            item["success"],
        ]
        signature = base64.b64decode(item["additionalData"]["hmacSignature"], validate=True)
        if any(":" in field for field in fields):
            raise ValueError("a colon")
        return ":".join(fields).encode(), signature
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise SignatureRefused("an item lacks a field that is signed, or its signature") from error


def _require(keys: Sequence[bytes], content: bytes, signature: bytes) -> None:
    wanted = [hmac.digest(key, content, hashlib.sha256) for key in keys]
    if not any(hmac.compare_digest(one, signature) for one in wanted):
        raise SignatureRefused("an item's hmacSignature is by no secret of ours")


def _item(item: Mapping[str, Any]) -> Item:
    """Told once more, an event has the same three: an authorisation that failed may yet succeed."""
    event_id = f"{item['pspReference']}/{item['eventCode']}/{item['success']}"
    occurred_at = item.get("eventDate")
    return Item(
        event_id,
        item["eventCode"],
        occurred_at if isinstance(occurred_at, str) else "",
        json.dumps(item),
    )
