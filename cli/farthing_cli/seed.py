"""Two merchants with keys, so that a first call works and isolation can be tried."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from farthing_cli.aws import Account

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
SECRET_SCOPES = ("read", "write")
PUBLISHABLE_SCOPES = ("tokens",)


@dataclass(frozen=True)
class Merchant:
    """A merchant of test mode and its keys, which are stored nowhere but here."""

    merchant_id: str
    secret_key: str
    publishable_key: str


def merchant(account: Account, table: str, name: str) -> Merchant:
    """Write a merchant and its two keys to the access table."""
    made = Merchant(
        merchant_id=_id("mer"),
        secret_key=f"sk_test_{secrets.token_urlsafe(32)}",
        publishable_key=f"pk_test_{secrets.token_urlsafe(32)}",
    )
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    common = {
        "merchant_id": {"S": made.merchant_id},
        "created_at": {"S": now},
        "schema_version": {"N": "1"},
    }
    dynamodb = account.client("dynamodb")
    dynamodb.put_item(
        TableName=table,
        Item=common
        | {
            "pk": {"S": "MERCHANT"},
            "sk": {"S": made.merchant_id},
            "entity": {"S": "merchant"},
            "name": {"S": name},
        },
    )
    for kind, key, scopes in (
        ("SECRET", made.secret_key, SECRET_SCOPES),
        ("PUBLISHABLE", made.publishable_key, PUBLISHABLE_SCOPES),
    ):
        dynamodb.put_item(TableName=table, Item=common | _key_item(kind, key, scopes))
    return made


def _key_item(kind: str, key: str, scopes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "pk": {"S": f"KEY#{hashlib.sha256(key.encode()).hexdigest()}"},
        "sk": {"S": "KEY"},
        "entity": {"S": "api_key"},
        "key_id": {"S": _id("key")},
        "mode": {"S": "test"},
        "kind": {"S": kind},
        "scopes": {"L": [{"S": scope} for scope in scopes]},
    }


def _id(prefix: str) -> str:
    number = int(time.time() * 1000) << 80 | secrets.randbits(80)
    digits = [CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5)]
    return f"{prefix}_{''.join(digits)}"
