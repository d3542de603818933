"""The vault table's rows: what pays, a card's CVC for minutes, and the claims to send.

There is no last four and no BIN here: the row has no readable digit of the number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from farthing.clock import epoch_seconds, later, to_text
from farthing.store.item import Item, Key
from farthing.store.scope import TenantScope
from farthing.vault.envelope import Envelope, TokenRef
from farthing.vault.fingerprint import VERSION as FIRST_FINGERPRINT

CVC_LIFE_SECONDS = 15 * 60


@dataclass(frozen=True)
class CardRow:
    """A sealed card number, and the expiry that goes to the acquirer with it."""

    envelope: Envelope
    exp_month: int
    exp_year: int
    fingerprint: bytes = field(repr=False)
    fingerprint_version: str = FIRST_FINGERPRINT


def card_key(ref: TokenRef) -> Key:
    """Where a card is, or whatever else a token stands for: the row's `entity` says which."""
    return Key("vault", ref.tenant.pk("TOK", ref.token), "CARD")


def cvc_key(ref: TokenRef) -> Key:
    """Where its CVC is, for fifteen minutes at most."""
    return Key("vault", ref.tenant.pk("TOK", ref.token), "CVC")


def audit_key(tenant: TenantScope, reference: str, fence: int) -> Key:
    """Where the claim to send `reference` under `fence` is."""
    return Key("vault", tenant.pk("AUDIT", reference), f"{fence:08d}")


def card_item(ref: TokenRef, row: CardRow, now: datetime) -> Item:
    """A card as stored."""
    return owner_of(ref) | {
        "entity": "card",
        "envelope": row.envelope.to_item(),
        "exp_month": row.exp_month,
        "exp_year": row.exp_year,
        "fingerprint": row.fingerprint,
        "fingerprint_version": row.fingerprint_version,
        "created_at": to_text(now),
    }


def card_row(item: Item) -> CardRow:
    """A card as read."""
    return CardRow(
        Envelope.from_item(item["envelope"]),
        item["exp_month"],
        item["exp_year"],
        item["fingerprint"],
        item["fingerprint_version"],
    )


def cvc_item(ref: TokenRef, envelope: Envelope, now: datetime) -> Item:
    """A CVC as stored. `expires_at` is the rule; `ttl` sweeps up behind it."""
    return owner_of(ref) | {
        "entity": "cvc",
        "envelope": envelope.to_item(),
        "expires_at": later(now, seconds=CVC_LIFE_SECONDS),
        "ttl": epoch_seconds(now) + CVC_LIFE_SECONDS,
    }


def owner_of(ref: TokenRef) -> dict[str, Any]:
    """Whose a row is."""
    return {
        "merchant_id": ref.tenant.merchant_id,
        "mode": ref.tenant.mode,
        "token": ref.token,
    }
