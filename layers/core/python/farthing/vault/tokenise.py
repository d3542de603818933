"""A card comes in, a single-use token goes out.

The order matters: the caller is counted before the card is looked at, the card is checked before
a key is asked for, and the card, its CVC and its face are written together or not at all. What
runs here can seal a card and can open none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from farthing.access.principal import KeyKind, Principal
from farthing.access.rate_limit import count_call
from farthing.cards import brand_of
from farthing.clock import later, to_text
from farthing.ids import IdSource
from farthing.store.condition import NOT_CREATED
from farthing.store.port import Writes
from farthing.store.write import Put
from farthing.vault.card_face import (
    TOKEN_LIFE_SECONDS,
    TOKEN_PREFIX,
    CardFace,
    card_face_key,
)
from farthing.vault.envelope import DataKeys, EntropySource, Purpose, TokenRef, seal
from farthing.vault.face_due import first_look, marker
from farthing.vault.fingerprint import (
    VERSION,
    FingerprintBefore,
    Fingerprints,
    fingerprint,
    public_fingerprint,
)
from farthing.vault.pan import bin_of
from farthing.vault.rows import CardRow, card_item, card_key, cvc_item, cvc_key
from farthing.vault.typed_card import TypedCard, check

TOKENS_PER_MINUTE_DEFAULT = 120
RATE_NAME = "TOKENS"


@dataclass(frozen=True)
class TokenPorts:
    """What tokenising reaches beyond itself."""

    store: Writes
    data_keys: DataKeys
    fingerprints: Fingerprints
    entropy: EntropySource
    new_id: IdSource
    tokens_per_minute: int = TOKENS_PER_MINUTE_DEFAULT
    fingerprint_version: str = VERSION
    fingerprints_before: FingerprintBefore | None = None


def tokenise(
    principal: Principal, card: TypedCard, source_ip: str, now: datetime, ports: TokenPorts
) -> CardFace:
    """Put a card into the vault and give its face back.

    Raises FarthingError if the card is wrong or the caller comes too often. Only publishable keys
    are counted: they are public, and so what somebody who tries out stolen cards would use.
    """
    if principal.kind is KeyKind.PUBLISHABLE:
        limit = ports.tokens_per_minute
        count_call(ports.store, principal, RATE_NAME, source_ip, limit, now)
    check(card, now, livemode=principal.livemode)
    ref = TokenRef(principal.tenant, ports.new_id(TOKEN_PREFIX))
    number, version = card.number.reveal(), ports.fingerprint_version
    mac = fingerprint(principal.merchant_id, number, ports.fingerprints, version)
    face = replace(
        face_of(card, ref.token, public_fingerprint(mac), now),
        fingerprint_version=version,
        fingerprint_before=_before(principal.merchant_id, number, ports.fingerprints_before),
    )
    ports.store.write(*vault_writes(card, ref, mac, now, ports), face_write(face, ref))
    return face


def _before(merchant_id: str, number: str, before: FingerprintBefore | None) -> str | None:
    if before is None:
        return None
    return public_fingerprint(fingerprint(merchant_id, number, before.keys, before.version))


def vault_writes(
    card: TypedCard, ref: TokenRef, mac: bytes, now: datetime, ports: TokenPorts
) -> list[Put]:
    """The sealed card, and the sealed CVC if one was typed, each under a data key of its own."""
    number = seal(card.number.reveal(), Purpose.PAN, ref, ports.data_keys, ports.entropy)
    row = CardRow(number, card.exp_month, card.exp_year, mac, ports.fingerprint_version)
    writes = [Put(card_key(ref), card_item(ref, row, now), NOT_CREATED)]
    if card.cvc is not None:
        cvc = seal(card.cvc, Purpose.CVC, ref, ports.data_keys, ports.entropy)
        writes.append(Put(cvc_key(ref), cvc_item(ref, cvc, now), NOT_CREATED))
    return writes


def face_write(face: CardFace, ref: TokenRef) -> Put:
    """The card face, for the payment functions to read, and to be looked at when its time is
    over."""
    item = face.to_item()
    if face.expires_at is not None:
        item |= marker(ref.token, first_look(face.expires_at))
    return Put(card_face_key(ref.tenant, ref.token), item, NOT_CREATED)


def face_of(card: TypedCard, token: str, public: str, now: datetime) -> CardFace:
    """What may be known of a card."""
    number = card.number.reveal()
    return CardFace(
        token=token,
        last_four=card.number.last_four,
        card_brand=brand_of(number),
        bin=bin_of(number),
        fingerprint=public,
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        name=card.name,
        billing_address=card.billing_address,
        created_at=to_text(now),
        expires_at=later(now, seconds=TOKEN_LIFE_SECONDS),
    )


def render(face: CardFace, *, livemode: bool) -> dict[str, Any]:
    """A token as the API shows it."""
    return {
        "token": face.token,
        "last_four": face.last_four,
        "card_brand": face.card_brand,
        "exp_month": face.exp_month,
        "exp_year": face.exp_year,
        "name": face.name,
        "billing_address": face.billing_address,
        "created_at": face.created_at,
        "expires_at": face.expires_at,
        "livemode": livemode,
    }
