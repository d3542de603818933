"""The card face: what everybody may know of a card, account or wallet, and the token's one claim.

Of a card that an acquirer's own fields took, that may be nothing.

It lives in the payments table, so that the transaction which starts a payment or saves a payment
method can claim the token too. A token is claimed once, by an intent or by a payment method,
whatever keys and requests race for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from farthing.clock import to_text
from farthing.errors import TOKEN_NOT_USABLE, FarthingError
from farthing.method_type import MethodType
from farthing.store.condition import EXISTS, Condition
from farthing.store.item import Item, Key
from farthing.store.scope import TenantScope
from farthing.store.write import Update
from farthing.vault.fingerprint import VERSION as FIRST_FINGERPRINT

ENTITY = "card_face"
TOKEN_PREFIX = "tok"
TOKEN_LIFE_SECONDS = 15 * 60


@dataclass(frozen=True)
class CardFace:
    """A card without its number. `fingerprint` is the public one, `fingerprint_before` what it was
    under the key before, as long as cards are known by that.

    An account has no brand, BIN or expiry, and a wallet's payload no last four either: nobody here
    can read it. `bank` is an account's `scheme`, `country` and `account_type`, `mandate` what its
    holder agreed to, `wallet` whose wallet it is.
    """

    token: str
    last_four: str | None
    card_brand: str | None
    bin: str
    fingerprint: str
    exp_month: int | None
    exp_year: int | None
    name: str | None
    billing_address: dict[str, str] | None
    created_at: str
    expires_at: str | None
    """When the token can no longer be claimed; None once a payment method holds it."""
    claimed_by: str | None = None
    type: MethodType = MethodType.CARD
    bank: dict[str, str | None] | None = None
    mandate: dict[str, str | None] | None = None
    wallet: str | None = None
    connector: str | None = None
    """Whose fields the card was typed into, if they were an acquirer's own."""
    fingerprint_version: str = FIRST_FINGERPRINT
    fingerprint_before: str | None = None

    def to_item(self) -> Item:
        """As stored in the payments table."""
        item: Item = {
            "entity": ENTITY,
            "token": self.token,
            "type": self.type.value,
            "last_four": self.last_four,
            "card_brand": self.card_brand,
            "bin": self.bin,
            "fingerprint": self.fingerprint,
            "fingerprint_version": self.fingerprint_version,
            "exp_month": self.exp_month,
            "exp_year": self.exp_year,
            "name": self.name,
            "billing_address": self.billing_address,
            "created_at": self.created_at,
        }
        # Absent rather than null: the claim's condition asks for presence.
        optional = {
            "expires_at": self.expires_at,
            "claimed_by": self.claimed_by,
            "bank": self.bank,
            "mandate": self.mandate,
            "wallet": self.wallet,
            "connector": self.connector,
            "fingerprint_before": self.fingerprint_before,
        }
        return item | {name: value for name, value in optional.items() if value is not None}

    @classmethod
    def from_item(cls, item: Item) -> CardFace:
        """As read from the payments table."""
        return cls(
            token=item["token"],
            last_four=item["last_four"],
            card_brand=item["card_brand"],
            bin=item["bin"],
            fingerprint=item["fingerprint"],
            exp_month=item["exp_month"],
            exp_year=item["exp_year"],
            name=item["name"],
            billing_address=item["billing_address"],
            created_at=item["created_at"],
            expires_at=item.get("expires_at"),
            claimed_by=item.get("claimed_by"),
            type=MethodType(item.get("type", MethodType.CARD)),
            bank=item.get("bank"),
            mandate=item.get("mandate"),
            wallet=item.get("wallet"),
            connector=item.get("connector"),
            fingerprint_version=item.get("fingerprint_version", FIRST_FINGERPRINT),
            fingerprint_before=item.get("fingerprint_before"),
        )


def card_face_key(tenant: TenantScope, token: str) -> Key:
    """Where the face of a token is."""
    return Key("payments", tenant.pk("CARD", token), "FACE")


def token_unclaimed(now: datetime) -> Condition:
    """The token exists, nobody has claimed it, and its fifteen minutes are not over."""
    return EXISTS & Condition(
        "TOKEN_UNCLAIMED",
        "attribute_not_exists(#claimed_by) AND #expires_at > :now",
        {"now": to_text(now)},
    )


def claim(tenant: TenantScope, token: str, claimed_by: str, now: datetime) -> Update:
    """The write that gives a token to an intent or a payment method, for ever."""
    return Update(
        card_face_key(tenant, token),
        when=token_unclaimed(now),
        set={"claimed_by": claimed_by, "claimed_at": to_text(now)},
    )


def why_unusable(item: Item | None, now: datetime) -> FarthingError | None:
    """What keeps the token of a card face from being claimed at `now`, or None.

    The same rule guards the write (TOKEN_UNCLAIMED): this one gives the caller a good message,
    that one holds when two requests race.
    """
    if item is None:
        return FarthingError(TOKEN_NOT_USABLE, "there is no such token")
    if "claimed_by" in item:
        return FarthingError(TOKEN_NOT_USABLE, "the token was used; a token can be used once")
    if item.get("expires_at", "") <= to_text(now):
        return FarthingError(TOKEN_NOT_USABLE, "the token has expired")
    return None
