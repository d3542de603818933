"""The card face: what everybody may know of a card, and the token's one claim.

It lives in the payments table, so that the transaction which starts a payment or saves a payment
method can claim the token too. A token is claimed once, by an intent or by a payment method,
whatever keys and requests race for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from farthing.clock import to_text
from farthing.errors import TOKEN_NOT_USABLE, FarthingError
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
    under the key before, as long as cards are known by that."""

    token: str
    last_four: str
    card_brand: str
    bin: str
    fingerprint: str
    exp_month: int
    exp_year: int
    name: str | None
    billing_address: dict[str, str] | None
    created_at: str
    expires_at: str | None
    """When the token can no longer be claimed; None once a payment method holds it."""
    claimed_by: str | None = None
    fingerprint_version: str = FIRST_FINGERPRINT
    fingerprint_before: str | None = None

    def to_item(self) -> Item:
        """As stored in the payments table."""
        item: Item = {
            "entity": ENTITY,
            "token": self.token,
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
