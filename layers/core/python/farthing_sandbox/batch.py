"""Notices in the form that Adyen gave to its own: several in a body, each signed in itself.

The form, and what an item's signature is over, is described at
https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from farthing_sandbox.items import as_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farthing_sandbox.notices import Notice


def body_of(notices: Sequence[Notice], secret: bytes) -> bytes:
    """The notices as one body."""
    found = [notice.batch_item for notice in notices if notice.batch_item is not None]
    wrapped = [{"NotificationRequestItem": signed(item, secret)} for item in found]
    return as_json({"live": "false", "notificationItems": wrapped}).encode()


def signed(item: Mapping[str, Any], secret: bytes) -> dict[str, Any]:
    """An item with its signature in it."""
    content = ":".join(
        (
            item["pspReference"],
            item["originalReference"],
            item["merchantAccountCode"],
            item["merchantReference"],
            str(item["amount"]["value"]),
            item["amount"]["currency"],
            item["eventCode"],
            item["success"],
        )
    )
    proof = base64.b64encode(hmac.digest(secret, content.encode(), hashlib.sha256)).decode()
    return {**item, "additionalData": {"hmacSignature": proof}}
