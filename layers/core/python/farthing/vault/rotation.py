"""Keys come and go. Run by people who operate a stack, never by a request.

    given to a merchant, ─► wait ─► rewrap ─► counted: ─► retired ─► KMS deletes it
    or to the stack                           nothing                7 to 30 days later
         └ from now on nothing new is sealed under the one before

The order is what keeps cards. A key is retired only when another has been in use for longer than
anybody can still work with the old answer to "under which key?", and then nothing is under it: the
count comes after the wait, so what was sealed late is counted. A key that was replaced never comes
back: it is registered once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from farthing.access.account import Account
from farthing.access.keys import merchant_row
from farthing.clock import from_text, to_text
from farthing.store.condition import EXISTS, NOT_CREATED, Condition
from farthing.store.errors import ConditionFailed
from farthing.store.item import Item
from farthing.store.port import Gets, Queries, Writes
from farthing.store.write import Put, Update, Write
from farthing.vault.register import STACK, VaultKey, key_row, same_key

SWITCH_SECONDS = 15 * 60
"""How long after another key took over nothing can be sealed under the old one any more: the
gateway keeps the authorizer's answer for 60 s, waits 29 s for a request, and clocks may differ by
minutes."""

WAITING_DAYS_MIN, WAITING_DAYS_MAX = 7, 30
"""How long KMS waits before it deletes a key; so long that can be taken back."""

NOT_REPLACED = EXISTS & Condition("NOT_REPLACED", "attribute_not_exists(#replaced_at)")
"""The key is registered, and nobody has noted that another is used instead."""

REPLACED = EXISTS & Condition("REPLACED", "attribute_exists(#replaced_at)")
"""Another key is used instead of this one."""


class RotationRefused(Exception):
    """It cannot be done, or not yet. The text says why; nothing was changed."""


class AccessStore(Gets, Queries, Writes, Protocol):
    """What is needed of the access table."""


@dataclass(frozen=True)
class Holding:
    """Sealed rows of one kind of one merchant under one key, as they were counted.

    `latest` is when the last of them came under it from another key; empty if none did.
    """

    merchant_id: str
    mode: str
    key_id: str
    kind: str
    rows: int
    latest: str = ""


def account_of(store: Gets, merchant_id: str) -> Account:
    """The merchant's row. Raises RotationRefused if there is none."""
    item = store.get(merchant_row(merchant_id))
    if item is None:
        raise RotationRefused(f"there is no merchant {merchant_id}")
    return Account.from_item(item)


def accounts(store: Queries) -> dict[str, Account]:
    """Every merchant."""
    found: dict[str, Account] = {}
    start: Item | None = None
    while True:
        page = store.query("access", "MERCHANT", start=start)
        found |= {item["sk"]: Account.from_item(item) for item in page.items}
        start = page.next_start
        if start is None:
            return found


def give_to_merchant(store: AccessStore, merchant_id: str, arn: str, now: datetime) -> None:
    """Register a key as this merchant's, and use it for what is sealed for it from now on.

    Raises RotationRefused if the key is registered, if there is no such merchant, or if somebody
    else gave it another key in the meantime.
    """
    before = account_of(store, merchant_id).vault_key_id
    at = to_text(now)
    given = {"vault_key_id": arn, "vault_key_since": at}
    writes: list[Write] = [
        Put(key_row(arn), VaultKey(arn, merchant_id, at).to_item(), NOT_CREATED),
        Update(merchant_row(merchant_id), vault_key_as_read(before), set=given),
    ]
    if before is not None and store.get(key_row(before)) is not None:
        writes.append(Update(key_row(before), NOT_REPLACED, set={"replaced_at": at}))
    _write(store, writes, f"{arn} is registered already, or {merchant_id} was changed: look again")


def give_to_stack(store: AccessStore, arn: str, present: str, now: datetime) -> None:
    """Register a key for all merchants without one of their own, and the one that it is to replace.

    It is used once the stack is deployed with it. Raises RotationRefused if it is registered.
    """
    at = to_text(now)
    new = VaultKey(arn, STACK, at)
    writes: list[Write] = [Put(new.row, new.to_item(), NOT_CREATED)]
    if store.get(key_row(present)) is None:
        old = VaultKey(present, STACK, at)
        writes.append(Put(old.row, old.to_item(), NOT_CREATED))
    _write(store, writes, f"{arn} is registered already, or somebody is at it: look again")


def out_of_use(store: AccessStore, name: str, stack_key: str, now: datetime) -> VaultKey:
    """A key under which nothing can be sealed any more.

    That another is used instead of a stack's key is noted when it is seen for the first time.
    Raises RotationRefused if it is in use, or was until just now.
    """
    item = store.get(key_row(name))
    if item is None:
        raise RotationRefused(f"{name} is not in the register of the vault's keys")
    key = VaultKey.from_item(item)
    if same_key(key.arn, stack_key):
        raise RotationRefused("it is the key that the stack uses")
    owners = [id_ for id_, one in accounts(store).items() if _uses(one, key)]
    if owners:
        raise RotationRefused(f"it is the key of {', '.join(owners)}")
    if key.replaced_at is None:
        key = replace(key, replaced_at=to_text(now))
        _write(
            store,
            [Update(key.row, NOT_REPLACED, set={"replaced_at": key.replaced_at})],
            "somebody is at it: look again",
        )
    require_switched(key.replaced_at, "another key is used", now)
    return key


def require_switched(since: str | None, what: str, now: datetime) -> None:
    """Raises RotationRefused until nobody can work with what was true before `since` any more."""
    if since is None:
        return
    until = from_text(since) + timedelta(seconds=SWITCH_SECONDS)
    if now < until:
        raise RotationRefused(
            f"{what} only since {since}: what was begun before may still be sealed. Try again at "
            f"{to_text(until)}"
        )


def require_empty(key: VaultKey, holdings: Iterable[Holding]) -> None:
    """Raises RotationRefused if anything was counted under the key."""
    under = [one for one in holdings if same_key(one.key_id, key.arn)]
    if rows := sum(one.rows for one in under):
        kinds = sorted({one.kind for one in under})
        raise RotationRefused(
            f"{rows} rows are under it ({', '.join(kinds)}): rewrap the cards; what is short-lived "
            "is gone within the hour"
        )


def retire(store: Writes, key: VaultKey, now: datetime) -> None:
    """Write down that it holds nothing and is to be deleted. Do that before KMS is asked to."""
    at = to_text(now)
    _write(store, [Update(key.row, REPLACED, set={"retired_at": at})], "it is in use again")


def note_deletion(store: Writes, key: VaultKey, gone_at: datetime) -> None:
    """Write down when KMS deletes it."""
    _write(store, [Update(key.row, EXISTS, set={"gone_at": to_text(gone_at)})], "it is not there")


def require_waiting_days(days: int) -> None:
    """Raises RotationRefused for a time that KMS does not take."""
    if not WAITING_DAYS_MIN <= days <= WAITING_DAYS_MAX:
        raise RotationRefused(f"KMS waits {WAITING_DAYS_MIN} to {WAITING_DAYS_MAX} days")


def vault_key_as_read(key_id: str | None) -> Condition:
    """VAULT_KEY_AS_READ: the merchant is there and open, and has the key that it had when read."""
    same = "#vault_key_id = :key_read"
    if key_id is None:
        same = f"(attribute_not_exists(#vault_key_id) OR {same})"
    return EXISTS & Condition(
        "VAULT_KEY_AS_READ", f"attribute_not_exists(#closed_at) AND {same}", {"key_read": key_id}
    )


def _uses(account: Account, key: VaultKey) -> bool:
    return account.vault_key_id is not None and same_key(account.vault_key_id, key.arn)


def _write(store: Writes, writes: list[Write], otherwise: str) -> None:
    try:
        store.write(*writes)
    except ConditionFailed as failed:
        raise RotationRefused(otherwise) from failed
