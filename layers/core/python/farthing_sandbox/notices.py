"""What this acquirer tells by itself: a webhook in the shape and with the signature of
Standard Webhooks (https://www.standardwebhooks.com).

The same fact has the same id and the same bytes however often it is sent, so a
receiver that gets it twice can see that. Who prefers it gets facts about operations
in a batch instead: see `batch`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from farthing_sandbox import items
from farthing_sandbox.items import as_json

if TYPE_CHECKING:
    from datetime import datetime

    from farthing_sandbox.books import Books
    from farthing_sandbox.cards import Later
    from farthing_sandbox.items import Item
    from farthing_sandbox.operations import Booked
    from farthing_sandbox.token_rules import Token

EVENT_CODES: Final = {
    "AUTHORIZE": "AUTHORISATION",
    "CAPTURE": "CAPTURE",
    "VOID": "CANCELLATION",
    "REFUND": "REFUND",
    "RETURN": "CHARGEBACK",
}


class Undelivered(Exception):
    """The receiver did not say that it has the notice."""


@dataclass(frozen=True)
class Endpoint:
    """Where to post what happens to operations, and whether in batches."""

    url: str
    batches: bool


@dataclass(frozen=True)
class Notice:
    """One fact to be told. `batch_item` is the same fact as an item of a batch, not yet signed; a
    fact about no operation has none."""

    notice_id: str
    body: str
    batch_item: dict[str, Any] | None = None

    def headers(self, secret: bytes, now: datetime) -> dict[str, str]:
        """Who says so, and when: it is signed anew each time that it is sent."""
        timestamp = str(int(now.timestamp()))
        signed = f"{self.notice_id}.{timestamp}.{self.body}".encode()
        proof = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
        return {
            "Content-Type": "application/json",
            "webhook-id": self.notice_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{proof}",
        }


def refund_updated(refund: Booked) -> Notice:
    """That a pending refund has ended."""
    row, lies = refund.row, f"{refund.key['pk']} {refund.key['sk']}"
    notice_id = f"wh_{hashlib.sha256(lies.encode()).hexdigest()[:32]}"
    data = {
        "reference": row.reference,
        "order_id": row.order_id,
        "merchant_reference": refund.merchant_reference,
        "operation": row.operation.value,
        "status": row.status.value,
    }
    fact = {
        "id": notice_id,
        "type": "refund.updated",
        "created_at": refund.ended_at,
        "data": data,
    }
    return Notice(notice_id, as_json(fact), batch_item(fact, row.amount_cents, row.currency))


def token_updated(token: Token, act: Later) -> Notice:
    """That the issuer did something to a token's card. What, the service says to who asks."""
    fact_name = f"{token.reference} {act.value}"
    notice_id = f"wh_{hashlib.sha256(fact_name.encode()).hexdigest()[:32]}"
    data = {
        "reference": token.reference,
        "merchant_reference": token.merchant_reference,
        "status": token.status.value,
    }
    return Notice(
        notice_id, as_json({"id": notice_id, "type": "network_token.updated", "data": data})
    )


def debit_updated(debit: Item, happened: str) -> Notice:
    """That a bank has decided about a debit (`updated`), or taken it back (`returned`)."""
    back = happened == "returned"
    lies = f"{debit['pk']} {debit['sk']} {happened}"
    notice_id = f"wh_{hashlib.sha256(lies.encode()).hexdigest()[:32]}"
    data = {
        "reference": debit["reference"],
        "order_id": debit["order_id"],
        "merchant_reference": debit["merchant_reference"],
        "operation": "RETURN" if back else "AUTHORIZE",
        "status": debit["status"],
    }
    fact = {
        "id": notice_id,
        "type": f"debit.{happened}",
        "created_at": debit["returned_at" if back else "ended_at"],
        "data": data,
    }
    return Notice(
        notice_id, as_json(fact), batch_item(fact, debit["amount_cents"], debit["currency"])
    )


def batch_item(fact: Item, amount_cents: int, currency: str) -> Item:
    """A fact about an operation under the names that a batch has for it.

    No value holds a colon: the signature could not tell where it ends.
    """
    data = fact["data"]
    whose = str(data["merchant_reference"] or "")
    return {
        "pspReference": fact["id"],
        "originalReference": "",
        "merchantAccountCode": whose.replace(":", "."),
        "merchantReference": f"{data['order_id']}.{data['reference']}",
        "amount": {"value": amount_cents, "currency": currency.upper()},
        "eventCode": EVENT_CODES[data["operation"]],
        "success": "true" if data["status"] == "APPROVED" else "false",
        "eventDate": fact["created_at"],
    }


def register_endpoint(books: Books, at: Endpoint) -> None:
    """Post there from now on. There is one endpoint, and this is it."""
    books.replace({**items.WEBHOOK_ENDPOINT_KEY, "url": at.url, "batches": at.batches})


def endpoint(books: Books) -> Endpoint | None:
    """Where to post, None if nobody has said so."""
    item = books.get(items.WEBHOOK_ENDPOINT_KEY)
    return None if item is None else Endpoint(str(item["url"]), item.get("batches") is True)
