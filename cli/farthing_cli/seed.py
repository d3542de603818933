"""Merchants with keys in a stack's access table, written as the functions read them."""

from __future__ import annotations

import os
import random
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from farthing.access.issue import open_account
from farthing.access.keys import ENTROPY_BYTES as KEY_ENTROPY_BYTES
from farthing.access.keys import NewKey, new_key
from farthing.access.principal import KeyKind, Mode
from farthing.ids import ENTROPY_BYTES, make_id
from farthing.store.scope import SystemScope
from farthing.store.table import DynamoStore
from farthing_cli.aws import Account


@dataclass(frozen=True)
class Merchant:
    """A merchant of test mode and its keys, whose text is stored nowhere else."""

    merchant_id: str
    secret_key: str
    publishable_key: str


def merchant(account: Account, access_table: str, name: str) -> Merchant:
    """Open an account with a secret and a publishable test key."""
    now = datetime.now(UTC)
    merchant_id = make_id("mer", now, os.urandom(ENTROPY_BYTES))
    secret, publishable = (_key(merchant_id, kind, now) for kind in KeyKind)
    store = DynamoStore(
        account.client("dynamodb"),
        {"access": access_table},
        SystemScope(),
        sleep=time.sleep,
        chance=random.random,
        new_token=lambda: uuid.uuid4().hex,
    )
    open_account(store, merchant_id, name, [secret, publishable], now)
    return Merchant(merchant_id, secret.text, publishable.text)


def _key(merchant_id: str, kind: KeyKind, now: datetime) -> NewKey:
    key_id = make_id("key", now, os.urandom(ENTROPY_BYTES))
    return new_key(key_id, merchant_id, Mode.TEST, kind, os.urandom(KEY_ENTROPY_BYTES))
