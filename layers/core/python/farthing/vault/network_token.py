"""A network token in the vault: its number sealed like a card's, beside the card that it is of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from farthing.clock import to_text
from farthing.store.item import Item, Key
from farthing.vault.envelope import DataKeys, EntropySource, Envelope, Purpose, TokenRef, seal
from farthing.vault.pan import Pan
from farthing.vault.rows import owner_of

ENTITY = "network_token"


@dataclass(frozen=True)
class TokenRow:
    """A sealed network token, and the expiry that goes to the acquirer with it."""

    envelope: Envelope
    exp_month: int
    exp_year: int


def network_token_key(ref: TokenRef) -> Key:
    """Where the network token of a card is."""
    return Key("vault", ref.tenant.pk("TOK", ref.token), "NETWORK_TOKEN")


def sealed(
    ref: TokenRef,
    number: Pan,
    exp_month: int,
    exp_year: int,
    keys: DataKeys,
    entropy: EntropySource,
    now: datetime,
) -> Item:
    """A network token as stored, under a data key of its own."""
    envelope = seal(number.reveal(), Purpose.NETWORK_TOKEN, ref, keys, entropy)
    return owner_of(ref) | {
        "entity": ENTITY,
        "envelope": envelope.to_item(),
        "exp_month": exp_month,
        "exp_year": exp_year,
        "created_at": to_text(now),
    }


def network_token_row(item: Item) -> TokenRow:
    """A network token as read."""
    return TokenRow(Envelope.from_item(item["envelope"]), item["exp_month"], item["exp_year"])
