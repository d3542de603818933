"""Whatever pays comes in, a single-use token goes out: a card, a bank account, a wallet's payload,
an acquirer's token.

The same order for all of them, and the same promise: what runs here can seal and can open nothing.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from farthing.access.principal import KeyKind, Principal
from farthing.clock import from_text, later, to_text
from farthing.method_type import MethodType
from farthing.store.condition import NOT_CREATED
from farthing.store.write import Put
from farthing.vault import acquirer_token, typed_account, typed_wallet
from farthing.vault.account_row import account_item
from farthing.vault.acquirer_token import GivenToken
from farthing.vault.card_face import TOKEN_LIFE_SECONDS, TOKEN_PREFIX, CardFace
from farthing.vault.envelope import Purpose, TokenRef, seal
from farthing.vault.mandate import Mandate, mandate_reference
from farthing.vault.rows import card_key
from farthing.vault.tokenise import (
    TokenPorts,
    count_caller,
    face_write,
    fingerprinted,
    tokenise,
    write_token,
)
from farthing.vault.typed_account import TypedAccount
from farthing.vault.typed_card import TypedCard
from farthing.vault.typed_wallet import TypedWallet
from farthing.vault.wallet_row import wallet_item

Typed = TypedCard | TypedAccount | TypedWallet | GivenToken


def create(
    principal: Principal, typed: Typed, source_ip: str, now: datetime, ports: TokenPorts
) -> CardFace:
    """Put it into the vault and give its face back.

    Raises FarthingError if it is wrong or the caller comes too often.
    """
    match typed:
        case GivenToken():
            return acquirer_token.keep(principal, typed, source_ip, now, ports)
        case TypedAccount():
            acquirer_token.require_numbers(principal, "iban")
            return tokenise_account(principal, typed, source_ip, now, ports)
        case TypedWallet():
            return tokenise_wallet(principal, typed, source_ip, now, ports)
        case TypedCard():
            acquirer_token.require_numbers(principal, "number")
            return tokenise(principal, typed, source_ip, now, ports)


def tokenise_account(
    principal: Principal, account: TypedAccount, source_ip: str, now: datetime, ports: TokenPorts
) -> CardFace:
    """A bank account. Without a secret key the caller is the payer, and so is its address,
    whatever the request says: it is evidence."""
    count_caller(principal, source_ip, now, ports)
    typed_account.check(account, now, livemode=principal.livemode)
    ref = TokenRef(principal.tenant, ports.new_id(TOKEN_PREFIX))
    payer_ip = source_ip if principal.kind is not KeyKind.SECRET else None
    mandate = Mandate(
        reference=mandate_reference(ref.token),
        accepted_at=to_text(from_text(account.accepted_at)),
        ip_address=payer_ip or account.ip_address,
    )
    known = fingerprinted(principal, account.secret(), ports)
    sealed = seal(account.secret(), Purpose.BANK_ACCOUNT, ref, ports.data_keys, ports.entropy)
    face = known.on(account_face(account, ref.token, mandate, now))
    row = account_item(ref, account, sealed, mandate, known, now)
    write_token(principal, ports, Put(card_key(ref), row, NOT_CREATED), face_write(face, ref))
    return face


def tokenise_wallet(
    principal: Principal, typed: TypedWallet, source_ip: str, now: datetime, ports: TokenPorts
) -> CardFace:
    """A wallet's payload. Its fingerprint says nothing of the card in it: it is new each time."""
    count_caller(principal, source_ip, now, ports)
    typed_wallet.check(typed, livemode=principal.livemode)
    ref = TokenRef(principal.tenant, ports.new_id(TOKEN_PREFIX))
    digest = hashlib.sha256(typed.payload.encode()).hexdigest()
    known = fingerprinted(principal, f"wallet/{digest}", ports)
    sealed = seal(typed.payload, Purpose.WALLET, ref, ports.data_keys, ports.entropy)
    face = known.on(wallet_face(typed, ref.token, now))
    row = wallet_item(ref, typed.wallet.value, sealed, now)
    write_token(principal, ports, Put(card_key(ref), row, NOT_CREATED), face_write(face, ref))
    return face


def account_face(account: TypedAccount, token: str, mandate: Mandate, now: datetime) -> CardFace:
    """What may be known of an account."""
    return CardFace(
        token=token,
        type=MethodType.BANK,
        last_four=account.number.last_four,
        card_brand=None,
        bin="",
        fingerprint="",
        exp_month=None,
        exp_year=None,
        name=account.holder,
        billing_address=account.billing_address,
        created_at=to_text(now),
        expires_at=later(now, seconds=TOKEN_LIFE_SECONDS),
        bank={
            "scheme": account.scheme.value,
            "country": account.country,
            "account_type": account.account_type,
        },
        mandate=mandate.to_item(),
    )


def wallet_face(typed: TypedWallet, token: str, now: datetime) -> CardFace:
    """What may be known of a payload that nobody here can read."""
    return CardFace(
        token=token,
        type=MethodType.WALLET,
        last_four=None,
        card_brand=None,
        bin="",
        fingerprint="",
        exp_month=None,
        exp_year=None,
        name=None,
        billing_address=typed.billing_address,
        created_at=to_text(now),
        expires_at=later(now, seconds=TOKEN_LIFE_SECONDS),
        wallet=typed.wallet.value,
    )
