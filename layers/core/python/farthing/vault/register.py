"""The register of the vault's keys: under which KMS keys a card number may be, and whose each is.

Key-encryption keys (KEKs) come and go: a merchant gets one of its own, one replaces another. A
card's row says which key wrapped its data key, and whoever could change the row could name any
key. So what a row names counts only if it is here. The register is in the access table, which no
function can write: people who operate the stack do (`rotation.py`). The key that the stack was
deployed with is in it only once another has replaced it; until then the functions' own settings
name it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from farthing.access.account import Account
from farthing.access.keys import merchant_row
from farthing.store.item import Item, Key
from farthing.store.port import Gets, Queries

PARTITION = "VAULT_KEY"
STACK = "*"
"""The owner of a key that holds cards of every merchant without a key of its own."""


@dataclass(frozen=True)
class VaultKey:
    """One KEK. `replaced_at`: since then another is used instead, and nothing new is under it.

    `retired_at`: it was found to hold nothing, and its deletion was asked for; `gone_at` is when
    KMS deletes it.
    """

    arn: str
    owner: str
    made_at: str
    replaced_at: str | None = None
    retired_at: str | None = None
    gone_at: str | None = None

    @property
    def row(self) -> Key:
        """Where it is registered."""
        return key_row(self.arn)

    def may_hold_cards_of(self, merchant_id: str) -> bool:
        """Whether a card of this merchant may be under it."""
        return self.owner in {STACK, merchant_id}

    def to_item(self) -> Item:
        """As stored. Absent rather than null: conditions ask for presence."""
        item = {"entity": "vault_key", **vars(self)}
        return {name: value for name, value in item.items() if value is not None}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> VaultKey:
        """As read."""
        return cls(**{name: item[name] for name in cls.__dataclass_fields__ if name in item})


def key_id_of(name: str) -> str:
    """The id of a key of this account and region, also where its ARN is given."""
    return name.rsplit("/", 1)[-1]


def key_row(name: str) -> Key:
    """Where a key is registered, by its id or ARN."""
    return Key("access", PARTITION, key_id_of(name))


def same_key(one: str, other: str) -> bool:
    """Whether two names, ids or ARNs, are of one key."""
    return key_id_of(one) == key_id_of(other)


def trusted(store: Gets, named: str, merchant_id: str, stack_key: str) -> str | None:
    """The key to ask KMS for, if a card of this merchant may be under the one that a row names.

    It may be the stack's, one of the register that is the stack's or the merchant's, or the one
    that the merchant's own row names now. What is given is the name from there, never the row's.
    None if it is none of these.
    """
    if same_key(named, stack_key):
        return stack_key
    item = store.get(key_row(named))
    if item is not None:
        key = VaultKey.from_item(item)
        return key.arn if key.may_hold_cards_of(merchant_id) else None
    own = key_of(store, merchant_id)
    return own if own is not None and same_key(named, own) else None


def key_of(store: Gets, merchant_id: str) -> str | None:
    """The merchant's own key, as its row says now; None if it has none."""
    item = store.get(merchant_row(merchant_id))
    return Account.from_item(item).vault_key_id if item is not None else None


def registered(store: Queries) -> Iterator[VaultKey]:
    """All keys of the register."""
    start: Item | None = None
    while True:
        page = store.query("access", PARTITION, start=start)
        yield from map(VaultKey.from_item, page.items)
        start = page.next_start
        if start is None:
            return
