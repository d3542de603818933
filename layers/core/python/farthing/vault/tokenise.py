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
from farthing.errors import FORBIDDEN, FarthingError
from farthing.ids import IdSource
from farthing.payments.event import ONLY, event_key
from farthing.store.condition import NOT_CREATED, Condition
from farthing.store.errors import ConditionFailed
from farthing.store.port import Writes
from farthing.store.write import Check, Put
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
SESSION_NOT_OVER = Condition("SESSION_NOT_OVER", "attribute_not_exists(#pk)")
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

    Raises FarthingError if the card is wrong, the caller comes too often, or its checkout session
    is over. Secret keys are not counted: the others are public, or a payer's, and so what somebody
    who tries out stolen cards would use.
    """
    count_caller(principal, source_ip, now, ports)
    check(card, now, livemode=principal.livemode)
    ref = TokenRef(principal.tenant, ports.new_id(TOKEN_PREFIX))
    known = fingerprinted(principal, card.number.reveal(), ports)
    face = known.on(face_of(card, ref.token, now))
    mac = known.mac
    write_token(principal, ports, *vault_writes(card, ref, mac, now, ports), face_write(face, ref))
    return face


@dataclass(frozen=True)
class Fingerprinted:
    """What a number is known by: for the vault, for everybody, and under the key before."""

    mac: bytes
    version: str
    before: str | None

    def on(self, face: CardFace) -> CardFace:
        """The face of a card that is known so."""
        return replace(
            face,
            fingerprint=public_fingerprint(self.mac),
            fingerprint_version=self.version,
            fingerprint_before=self.before,
        )


def fingerprinted(principal: Principal, number: str, ports: TokenPorts) -> Fingerprinted:
    """Each is a call of KMS."""
    merchant_id, before = principal.merchant_id, ports.fingerprints_before
    mac = fingerprint(merchant_id, number, ports.fingerprints, ports.fingerprint_version)
    if before is None:
        return Fingerprinted(mac, ports.fingerprint_version, None)
    earlier = fingerprint(merchant_id, number, before.keys, before.version)
    return Fingerprinted(mac, ports.fingerprint_version, public_fingerprint(earlier))


def write_token(principal: Principal, ports: TokenPorts, *writes: Put) -> None:
    """All of it, or nothing. Raises FarthingError if the caller's checkout session is over."""
    session = session_writes(principal)
    try:
        ports.store.write(*session, *writes)
    except ConditionFailed as failed:
        if failed.index >= len(session):
            raise
        raise FarthingError(FORBIDDEN, "the session is over: its key only reads") from failed


def count_caller(principal: Principal, source_ip: str, now: datetime, ports: TokenPorts) -> None:
    """One token more of this caller. Raises FarthingError if that is one too many a minute."""
    if principal.kind is not KeyKind.SECRET:
        limit = ports.tokens_per_minute
        count_call(ports.store, principal, RATE_NAME, source_ip, limit, now)


def session_writes(principal: Principal) -> list[Check]:
    """A payer's card is taken while the session is not over: that its end was told is its end."""
    if principal.session_id is None:
        return []
    end = event_key(principal.tenant, principal.session_id, ONLY)
    return [Check(end, SESSION_NOT_OVER)]


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


def face_of(card: TypedCard, token: str, now: datetime) -> CardFace:
    """What may be known of a card, but its fingerprint."""
    number = card.number.reveal()
    return CardFace(
        token=token,
        last_four=card.number.last_four,
        card_brand=brand_of(number),
        bin=bin_of(number),
        fingerprint="",
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
        "type": face.type.value,
        "last_four": face.last_four,
        "card_brand": face.card_brand,
        "exp_month": face.exp_month,
        "exp_year": face.exp_year,
        "name": face.name,
        "billing_address": face.billing_address,
        "bank": face.bank,
        "mandate": face.mandate,
        "wallet": face.wallet,
        "created_at": face.created_at,
        "expires_at": face.expires_at,
        "livemode": livemode,
    }
