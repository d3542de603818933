"""Key text → who calls. A text that no key can have is refused without asking the table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from farthing.access.account import Account
from farthing.access.checkout_key import checkout_principal
from farthing.access.keys import (
    has_key_form,
    is_for_checkout,
    is_valid,
    key_row,
    merchant_row,
    principal_of,
)
from farthing.access.principal import Principal
from farthing.access.routes import routes_of
from farthing.store.port import Gets


def authorize(store: Gets, text: str, now: datetime) -> Principal | None:
    """The caller whose key is `text`; None if there is none, or it was revoked or has expired, or
    its merchant's account is closed."""
    if not has_key_form(text):
        return None
    key = store.get(key_row(text))
    if key is None or not is_valid(key, now):
        return None
    merchant = store.get(merchant_row(key["merchant_id"]))
    account = Account.from_item(merchant) if merchant else None
    if account is None or account.closed_at is not None:
        return None
    if is_for_checkout(text):
        return checkout_principal(text, key, account, now)
    return principal_of(key, account)


def bearer_of(headers: Mapping[str, str] | None) -> str:
    """The credentials of `Authorization: Bearer …` (RFC 6750), or an empty text."""
    lowered = {name.lower(): value for name, value in (headers or {}).items()}
    scheme, _, credentials = lowered.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""


def policy(principal: Principal, method_arn: str) -> dict[str, Any]:
    """API Gateway's answer: what this key may call, and who it is.

    The gateway keeps the answer for a minute and uses it for every route of the key, so it must
    not depend on the route that was asked. What is not named is denied.
    """
    api, stage = method_arn.split("/")[:2]
    named = [f"{api}/{stage}/{allowed.resource}" for allowed in routes_of(principal)]
    bound = {"session_id": principal.session_id} if principal.session_id else {}
    return {
        "principalId": principal.merchant_id,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": named,
                }
            ],
        },
        "context": {
            "merchant_id": principal.merchant_id,
            "mode": principal.mode.value,
            "kind": principal.kind.value,
            "key_id": principal.key_id,
            "scopes": " ".join(sorted(principal.scopes)),
            "settings": principal.settings.to_text(),
            **bound,
        },
    }
