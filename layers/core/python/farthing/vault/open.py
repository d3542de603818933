"""Opening what pays: what `charge` does, and nobody else can.

claim_to_send ──► open_source ──► (the acquirer) ──► forget_cvc or forget_wallet,
                                                     once the outcome is definite
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from farthing.clock import to_text
from farthing.store.condition import EXISTS
from farthing.store.errors import ConditionFailed
from farthing.store.port import Gets, Writes
from farthing.store.write import Delete
from farthing.vault import account_row, token_row, wallet_row
from farthing.vault.card import Card
from farthing.vault.envelope import Envelope, EnvelopeRefused, Purpose, TokenRef, Unwrapper, unseal
from farthing.vault.network_token import network_token_key, network_token_row
from farthing.vault.pan import Pan
from farthing.vault.rows import card_key, card_row, cvc_key
from farthing.vault.source import NetworkToken, Source


class VaultStore(Gets, Writes, Protocol):
    """What is needed of the vault's table."""


class CardUnreadable(Exception):
    """There is no such card, or it does not open. Nothing was sent."""


def open_source(
    store: VaultStore,
    keys: Unwrapper,
    ref: TokenRef,
    now: datetime,
    *,
    with_cvc: bool = True,
) -> Source:
    """What pays for a token. Raises CardUnreadable if it is missing or does not open.

    The context that opens it is made from `ref`, never from the row: a row that was moved or
    swapped stays shut. A saved card is charged `with_cvc=False`.
    """
    item = store.get(card_key(ref))
    if item is None:
        raise CardUnreadable(f"no card {ref.token}")
    try:
        match item["entity"]:
            case "card":
                row = card_row(item)
                number = unseal(row.envelope, Purpose.PAN, ref, keys)
                cvc = _open_cvc(store, keys, ref, now) if with_cvc else None
                return Card(Pan(number), row.exp_month, row.exp_year, cvc)
            case account_row.ENTITY:
                return account_row.open_account(item, ref, keys)
            case wallet_row.ENTITY:
                wallet = wallet_row.open_wallet(item, ref, keys, now)
                if wallet is None:
                    raise CardUnreadable(f"{ref.token} is too old")
                return wallet
            case token_row.ENTITY:
                return token_row.token_of(item)
            case other:
                raise CardUnreadable(f"{ref.token} is a {other}")
    except EnvelopeRefused as refused:
        raise CardUnreadable(str(refused)) from refused


def open_network_token(
    store: VaultStore, keys: Unwrapper, ref: TokenRef, cryptogram: Callable[[], str]
) -> NetworkToken:
    """The network token of a card, with a cryptogram.

    Raises CardUnreadable if it is missing or does not open: then no cryptogram is asked for.
    """
    item = store.get(network_token_key(ref))
    if item is None:
        raise CardUnreadable(f"no network token of {ref.token}")
    row = network_token_row(item)
    try:
        number = unseal(row.envelope, Purpose.NETWORK_TOKEN, ref, keys)
    except EnvelopeRefused as refused:
        raise CardUnreadable(str(refused)) from refused
    return NetworkToken(Pan(number), row.exp_month, row.exp_year, cryptogram())


def forget_cvc(store: VaultStore, ref: TokenRef) -> None:
    """Delete the CVC. Does nothing if it is gone already."""
    try:
        store.write(Delete(cvc_key(ref), EXISTS))
    except ConditionFailed:
        return


def forget_wallet(store: VaultStore, ref: TokenRef) -> None:
    """Delete a wallet's payload. Does nothing if it is gone already."""
    try:
        store.write(wallet_row.wallet_gone(ref))
    except ConditionFailed:
        return


def _open_cvc(store: VaultStore, keys: Unwrapper, ref: TokenRef, now: datetime) -> str | None:
    """The CVC while it may be read: its time decides, not whether the row was swept up yet."""
    item = store.get(cvc_key(ref))
    if item is None or item["expires_at"] <= to_text(now):
        return None
    return unseal(Envelope.from_item(item["envelope"]), Purpose.CVC, ref, keys)
