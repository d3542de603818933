"""The vault's row of a wallet's payload: used once, and gone afterwards.

It is deleted as soon as the outcome is definite, unreadable after half an hour, and swept up then:
a payload pays once, and is good for little longer.
"""

from __future__ import annotations

from datetime import datetime

from farthing.clock import epoch_seconds, later, to_text
from farthing.store.condition import Condition
from farthing.store.item import Item
from farthing.store.write import Delete
from farthing.vault.envelope import Envelope, Purpose, TokenRef, Unwrapper, unseal
from farthing.vault.rows import card_key, owner_of
from farthing.vault.source import WalletToken

ENTITY = "wallet"
PAYLOAD_LIFE_SECONDS = 30 * 60
"""A token can be claimed for half of it; what is not known then is sent again for 90 seconds."""

IS_A_WALLET = Condition("IS_A_WALLET", "#entity = :wallet", {"wallet": ENTITY})


def wallet_item(ref: TokenRef, wallet: str, sealed: Envelope, now: datetime) -> Item:
    """A payload as stored. `expires_at` is the rule; `ttl` sweeps up behind it."""
    return owner_of(ref) | {
        "entity": ENTITY,
        "envelope": sealed.to_item(),
        "wallet": wallet,
        "created_at": to_text(now),
        "expires_at": later(now, seconds=PAYLOAD_LIFE_SECONDS),
        "ttl": epoch_seconds(now) + PAYLOAD_LIFE_SECONDS,
    }


def open_wallet(item: Item, ref: TokenRef, keys: Unwrapper, now: datetime) -> WalletToken | None:
    """The payload while it may be read. Raises EnvelopeRefused if it does not open."""
    if item["expires_at"] <= to_text(now):
        return None
    envelope = Envelope.from_item(item["envelope"])
    return WalletToken(item["wallet"], unseal(envelope, Purpose.WALLET, ref, keys))


def wallet_gone(ref: TokenRef) -> Delete:
    """The write that forgets a payload. It touches nothing but a wallet's row."""
    return Delete(card_key(ref), IS_A_WALLET)
