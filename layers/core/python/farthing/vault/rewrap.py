"""Rewrapping: a card's data key comes under another key-encryption key, and no number is opened.

    row read ─► KMS ReEncrypt (from the key that the row names, to its merchant's) ─► row written,
                                                                     if it is as it was read

The ciphertext stays as it is; what changes is the wrapping of its data key, inside KMS. The
context is the same on both sides, so a data key opens for its own card before and after. Where a
card belongs is asked of the merchant's row, so a rewrap has no target that somebody could get
wrong, and doing it again does nothing. CVCs are left: they are gone before their key may be
retired.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from farthing.clock import to_text
from farthing.store.errors import ConditionFailed
from farthing.store.item import Item
from farthing.store.port import Writes
from farthing.store.write import Update
from farthing.vault.envelope import EnvelopeRefused
from farthing.vault.register import key_id_of
from farthing.vault.sealed import SHORT_LIVED, WRAPPED_AT, NotSealed, SealedRow, sealed_row


class Rewrapped(StrEnum):
    """What came of one row."""

    REWRAPPED = "REWRAPPED"
    WOULD_REWRAP = "WOULD_REWRAP"
    THERE = "THERE"
    CHANGED_MEANWHILE = "CHANGED_MEANWHILE"
    REFUSED = "REFUSED"


class Rewrapper(Protocol):
    """Who brings a wrapped data key under another key, without showing it to anybody."""

    def rewrap(
        self, wrapped: bytes, context: Mapping[str, str], wrapped_by: str, under: str
    ) -> tuple[bytes, str]:
        """The data key under the key `under`, and that key's name. Raises EnvelopeRefused."""
        ...


@dataclass(frozen=True)
class RewrapServices:
    """What rewrapping needs. `belongs_under` says which key the cards of a merchant belong
    under."""

    store: Writes
    rewrapper_of: Callable[[SealedRow], Rewrapper]
    belongs_under: Callable[[str], str]
    now: Callable[[], datetime]


def rewrap_item(item: Item, services: RewrapServices, *, apply: bool) -> Rewrapped | None:
    """Bring one row of the vault under its merchant's key. None if it is not one to be rewrapped.

    Without `apply` nothing is written and KMS is asked for nothing.
    """
    try:
        row = sealed_row(item)
        if row is None or row.kind in SHORT_LIVED:
            return None
        return _rewrap(row, services, apply=apply)
    except (NotSealed, EnvelopeRefused):
        return Rewrapped.REFUSED


def _rewrap(row: SealedRow, services: RewrapServices, *, apply: bool) -> Rewrapped:
    context = row.context
    under = services.belongs_under(row.ref.tenant.merchant_id)
    if key_id_of(row.envelope.wrapped_by) == key_id_of(under):
        return Rewrapped.THERE
    if not apply:
        return Rewrapped.WOULD_REWRAP
    wrapped_key, wrapped_by = services.rewrapper_of(row).rewrap(
        row.envelope.wrapped_key, context, row.envelope.wrapped_by, under
    )
    envelope = replace(row.envelope, wrapped_key=wrapped_key, wrapped_by=wrapped_by)
    since = {WRAPPED_AT: to_text(services.now())}
    changed = row.as_read | envelope.to_item() | since
    try:
        services.store.write(Update(row.key, row.unchanged, set={"envelope": changed}))
    except ConditionFailed:
        return Rewrapped.CHANGED_MEANWHILE
    return Rewrapped.REWRAPPED
