"""New merchants and keys. Run by people who operate a stack, never by a request."""

from __future__ import annotations

from datetime import datetime

from farthing.access.account import Account
from farthing.access.keys import NewKey, key_item, key_row, merchant_row
from farthing.clock import to_text
from farthing.store.condition import EXISTS, NOT_CREATED, Condition
from farthing.store.port import Writes
from farthing.store.write import Check, Put, Update

STILL_OPEN = EXISTS & Condition("STILL_OPEN", "attribute_not_exists(#closed_at)")
"""The merchant is there, and nobody has closed its account."""


def open_account(
    store: Writes, merchant_id: str, name: str, keys: list[NewKey], now: datetime
) -> None:
    """Write a merchant of whom nothing else is set. Raises ConditionFailed if it exists."""
    open_merchant(store, merchant_id, Account(name, to_text(now)), keys, now)


def open_merchant(
    store: Writes, merchant_id: str, account: Account, keys: list[NewKey], now: datetime
) -> None:
    """Write a merchant and its first keys. Raises ConditionFailed if the merchant exists."""
    store.write(
        Put(merchant_row(merchant_id), account.to_item(), NOT_CREATED),
        *(Put(key_row(key.text), key_item(key, now), NOT_CREATED) for key in keys),
    )


def issue_key(
    store: Writes, key: NewKey, now: datetime, expires_at: datetime | None = None
) -> None:
    """Write one more key of a merchant. Raises ConditionFailed if there is no such merchant, or its
    account is closed."""
    store.write(
        Check(merchant_row(key.merchant_id), STILL_OPEN),
        Put(key_row(key.text), key_item(key, now, expires_at), NOT_CREATED),
    )


def close_account(store: Writes, merchant_id: str, now: datetime) -> None:
    """From now on none of the merchant's keys works, and it gets no others: the gateway forgets
    what it knew of them within a minute. Raises ConditionFailed if it is closed, or not there."""
    store.write(Update(merchant_row(merchant_id), STILL_OPEN, set={"closed_at": to_text(now)}))
