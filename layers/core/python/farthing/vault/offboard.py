"""A merchant leaves: its keys to the API stop, and its key to its cards goes. Run by people.

    closed ─► wait ─► nothing in flight ─► all its cards under its own key ─► that key retired

When the key is gone, none of its cards opens any more, wherever a copy of the row is: that is what
a key of its own is for. Rows that were deleted one by one are in the backups, and open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from farthing.access.account import Account
from farthing.access.issue import close_account
from farthing.clock import from_text, to_text
from farthing.store.condition import EXISTS
from farthing.store.errors import ConditionFailed
from farthing.store.port import Writes
from farthing.store.write import Update
from farthing.vault.register import VaultKey, registered, same_key
from farthing.vault.rotation import (
    AccessStore,
    Holding,
    RotationRefused,
    account_of,
    require_switched,
)

BACKUP_DAYS = 35
"""So far back a table's point-in-time recovery goes."""


def close(store: AccessStore, merchant_id: str, now: datetime) -> Account:
    """Stop the merchant's API keys, if that is not done yet. Raises RotationRefused."""
    account = account_of(store, merchant_id)
    if account.closed_at is None:
        try:
            close_account(store, merchant_id, now)
        except ConditionFailed as failed:
            raise RotationRefused("somebody else closes it: look again") from failed
        account = account_of(store, merchant_id)
    return account


def require_quiet(account: Account, in_flight: Sequence[str], now: datetime) -> None:
    """Raises RotationRefused while anything of the merchant may still begin, or is not over."""
    require_switched(account.closed_at, "the account is closed", now)
    require_switched(account.vault_key_since, "the merchant has this key", now)
    if in_flight:
        shown = "; ".join(in_flight[:5])
        raise RotationRefused(f"{len(in_flight)} things are in flight, such as {shown}")


def own_keys(store: AccessStore, merchant_id: str) -> list[VaultKey]:
    """The merchant's keys that are there. Raises RotationRefused if it has none."""
    keys = [key for key in registered(store) if key.owner == merchant_id]
    if not keys:
        raise RotationRefused(
            "it has no key of its own: its cards are under the stack's, with those of others. Give "
            "it one (new-key) and rewrap"
        )
    return [key for key in keys if key.gone_at is None]


def require_own(merchant_id: str, keys: Sequence[VaultKey], holdings: Iterable[Holding]) -> None:
    """Raises RotationRefused unless all cards of the merchant, and nobody else's, are under its
    keys."""
    elsewhere = others = 0
    for one in holdings:
        under = any(same_key(one.key_id, key.arn) for key in keys)
        if one.merchant_id == merchant_id and not under:
            elsewhere += one.rows
        elif one.merchant_id != merchant_id and under:
            others += one.rows
    if others:
        raise RotationRefused(f"{others} rows of other merchants are under its key")
    if elsewhere:
        raise RotationRefused(
            f"{elsewhere} rows of it are not under its own key: rewrap the cards; what is "
            "short-lived is gone within the hour"
        )


def in_backups_until(merchant_id: str, account: Account, holdings: Iterable[Holding]) -> str | None:
    """Until when a backup may hold a card of it under another key than its own.

    That is so long after the last one came under its own. None if it never had cards elsewhere.
    """
    rewrapped = max((one.latest for one in holdings if one.merchant_id == merchant_id), default="")
    had_another = account.vault_key_since is not None
    if not had_another and not rewrapped:
        return None
    last = max(rewrapped, account.vault_key_since or "")
    return to_text(from_text(last) + timedelta(days=BACKUP_DAYS))


def retire_own(store: Writes, keys: Sequence[VaultKey], now: datetime) -> None:
    """Write down that the keys are to be deleted, with all that is under them."""
    at = to_text(now)
    store.write(*(Update(key.row, EXISTS, set={"retired_at": at}) for key in keys))
