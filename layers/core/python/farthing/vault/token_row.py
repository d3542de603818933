"""An acquirer's token as the vault's table has it, where a card would be."""

from __future__ import annotations

from datetime import datetime

from farthing.clock import to_text
from farthing.store.item import Item
from farthing.vault.envelope import TokenRef
from farthing.vault.source import AcquirerToken

ENTITY = "acquirer_token"


def token_item(ref: TokenRef, token: AcquirerToken, now: datetime) -> Item:
    """As stored. It is no card data, and nobody but the merchant's own acquirer takes it."""
    return {
        "entity": ENTITY,
        "merchant_id": ref.tenant.merchant_id,
        "mode": ref.tenant.mode,
        "token": ref.token,
        "connector": token.connector,
        "acquirer_token": token.token,
        "created_at": to_text(now),
    }


def token_of(item: Item) -> AcquirerToken:
    """As read."""
    return AcquirerToken(item["connector"], item["acquirer_token"])
