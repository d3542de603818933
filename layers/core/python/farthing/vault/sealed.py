"""The sealed rows of the vault's table: what each envelope holds, whose it is, and under which key.

The jobs that go over all cards (rewrap, reencrypt, counts) know rows by this and by nothing else. A
row with an envelope of a kind that is not named here is counted and never touched: it keeps its key
from being retired until somebody has said what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from farthing.store.condition import Condition
from farthing.store.item import Item, Key
from farthing.store.scope import TenantScope
from farthing.vault.envelope import Envelope, Purpose, TokenRef, context_of
from farthing.vault.register import key_id_of

KINDS: Mapping[str, Purpose] = {
    "card": Purpose.PAN,
    "cvc": Purpose.CVC,
    "network_token": Purpose.NETWORK_TOKEN,
    "bank_account": Purpose.BANK_ACCOUNT,
    "wallet": Purpose.WALLET,
}
"""A row's entity → what its envelope holds."""

SHORT_LIVED = frozenset({"cvc", "wallet"})
"""Kinds that are gone within the hour: they keep their key until then."""


WRAPPED_AT = "wrapped_at"
"""In an envelope: since when its data key is under another key than that it was made under."""


class NotSealed(Exception):
    """The row cannot be what it says: its kind, its owner or its envelope is none of ours."""


@dataclass(frozen=True)
class SealedRow:
    """One row with an envelope, as it was read."""

    key: Key
    kind: str
    ref: TokenRef
    envelope: Envelope
    as_read: Item
    sealed_at: str
    """When its data key was made: since then nobody has sealed it anew."""

    @property
    def purpose(self) -> Purpose:
        """What the envelope holds. Raises NotSealed for a kind that nobody has named."""
        if self.kind not in KINDS:
            raise NotSealed(f"a row of the kind {self.kind!r}")
        return KINDS[self.kind]

    @property
    def context(self) -> dict[str, str]:
        """The encryption context of its data key, made from where the row is."""
        return context_of(self.purpose, self.ref)

    @property
    def unchanged(self) -> Condition:
        """ENVELOPE_AS_READ: nobody has sealed, wrapped or deleted it since it was read."""
        return Condition(
            "ENVELOPE_AS_READ", "#envelope = :envelope_read", {"envelope_read": self.as_read}
        )


def sealed_row(item: Item) -> SealedRow | None:
    """The sealed row of an item; None for one without an envelope, such as an audit row.

    Raises NotSealed for one whose partition names no token of the merchant that the row names.
    """
    if "envelope" not in item:
        return None
    merchant_id, mode, *rest = item["pk"].split("#")
    named = [item.get("merchant_id"), item.get("mode"), item.get("token")]
    if rest[:1] != ["TOK"] or [merchant_id, mode, *rest[1:]] != named:
        raise NotSealed(f"a row at {item['pk']}")
    return SealedRow(
        key=Key("vault", item["pk"], item["sk"]),
        kind=item["entity"],
        ref=TokenRef(TenantScope(merchant_id, mode), rest[1]),
        envelope=Envelope.from_item(item["envelope"]),
        as_read=item["envelope"],
        sealed_at=item.get("sealed_at") or item.get("created_at", ""),
    )


@dataclass(frozen=True)
class Held:
    """What is counted: rows of one kind of one merchant under one key."""

    merchant_id: str
    mode: str
    key_id: str
    kind: str


def rewrapped_at(item: Item) -> str:
    """When a sealed row came under its key from another one; empty if it never did."""
    return str(item["envelope"].get(WRAPPED_AT, ""))


def held(item: Item) -> Held | None:
    """How an item is counted; None if nothing of it is sealed.

    By the row alone, whatever is wrong with it: what cannot be read keeps its key all the more.
    """
    if "envelope" not in item:
        return None
    merchant_id, mode = [*str(item["pk"]).split("#"), ""][:2]
    key_id = key_id_of(str(item["envelope"].get("wrapped_by", "")))
    return Held(merchant_id, mode, key_id, str(item.get("entity", "")))
