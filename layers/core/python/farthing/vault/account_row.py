"""The vault's row of a bank account: sealed, but for the holder's name and the mandate."""

from __future__ import annotations

from datetime import datetime

from farthing.clock import to_text
from farthing.store.item import Item
from farthing.vault.envelope import Envelope, Purpose, TokenRef, Unwrapper, unseal
from farthing.vault.mandate import Mandate
from farthing.vault.pan import Pan
from farthing.vault.rows import owner_of
from farthing.vault.source import BankAccount
from farthing.vault.tokenise import Fingerprinted
from farthing.vault.typed_account import TypedAccount

ENTITY = "bank_account"


def account_item(
    ref: TokenRef,
    account: TypedAccount,
    sealed: Envelope,
    mandate: Mandate,
    known: Fingerprinted,
    now: datetime,
) -> Item:
    """An account as stored. There is no readable digit of its number here."""
    return owner_of(ref) | {
        "entity": ENTITY,
        "envelope": sealed.to_item(),
        "holder": account.holder,
        "account_type": account.account_type,
        "mandate": mandate.to_item(),
        "fingerprint": known.mac,
        "fingerprint_version": known.version,
        "created_at": to_text(now),
    }


def open_account(item: Item, ref: TokenRef, keys: Unwrapper) -> BankAccount:
    """The account in the clear. Raises EnvelopeRefused if it does not open."""
    envelope = Envelope.from_item(item["envelope"])
    routing, _, number = unseal(envelope, Purpose.BANK_ACCOUNT, ref, keys).rpartition("/")
    return BankAccount(
        number=Pan(number),
        routing_number=routing or None,
        holder=item["holder"],
        mandate=Mandate.from_item(item["mandate"]),
        account_type=item["account_type"],
    )
