"""Which pages may embed the card frame that a key asks for: those of its merchant's origins.

A publishable key is looked up. A checkout session's key is not: its frame is for our own hosted
page alone, and whether it may make a token is asked when it does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from farthing.access.account import Account, CardEntry
from farthing.access.keys import has_key_form, is_valid, key_row, merchant_row
from farthing.access.origin import is_origin
from farthing.access.principal import KeyKind
from farthing.store.port import Gets

CHECKOUT = "ck_"
"""How a checkout session's key begins."""


class Refusal(StrEnum):
    """Why nobody may embed it."""

    UNKNOWN_KEY = "this is no valid publishable key"
    NO_ORIGINS = "no origin is registered for this merchant"
    EXTERNAL = "this merchant's cards are typed into its acquirer's own fields"


@dataclass(frozen=True)
class Embedding:
    """The origins that may embed the frame; if there are none, `refusal` says why."""

    origins: tuple[str, ...] = ()
    refusal: Refusal | None = None


def embedding_of(
    store: Gets, key: str, checkout_origins: Iterable[str], now: datetime
) -> Embedding:
    """Who may embed the frame for this key."""
    if not has_key_form(key):
        return Embedding(refusal=Refusal.UNKNOWN_KEY)
    if key.startswith(CHECKOUT):
        return _for(checkout_origins)
    account = _account_of(store, key, now)
    if account is None or account.closed_at is not None:
        return Embedding(refusal=Refusal.UNKNOWN_KEY)
    if account.card_entry is CardEntry.EXTERNAL:
        return Embedding(refusal=Refusal.EXTERNAL)
    return _for(account.origins)


def _for(origins: Iterable[str]) -> Embedding:
    """What is no origin, whoever wrote it there, must not get into a header."""
    usable = tuple(origin for origin in origins if is_origin(origin))
    return Embedding(usable) if usable else Embedding(refusal=Refusal.NO_ORIGINS)


def _account_of(store: Gets, key: str, now: datetime) -> Account | None:
    """The merchant of a publishable key. A secret one is none that a page may have."""
    row = store.get(key_row(key))
    if row is None or not is_valid(row, now) or row["kind"] != KeyKind.PUBLISHABLE:
        return None
    merchant = store.get(merchant_row(row["merchant_id"]))
    return Account.from_item(merchant) if merchant else None
