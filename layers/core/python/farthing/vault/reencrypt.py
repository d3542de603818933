"""Reencrypting: a card gets a new data key and a new nonce, for when the old one may be known.

    row read ─► audit row put ─► opened ─► sealed anew ─► row written, if it is as it was read

The number is in memory for that long, so `charge` does it and nobody else can. The audit row comes
first, as before every decrypt: if it cannot be written, nothing is opened. The new data key is
under the key that the row names: which key a card belongs under is `rewrap`'s alone to change, or
a process that stood still would bring it back under one that was retired meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from farthing.clock import to_text
from farthing.store.condition import NOT_CREATED
from farthing.store.errors import ConditionFailed
from farthing.store.item import Item, Key
from farthing.store.port import Gets, Writes
from farthing.store.scope import TenantScope
from farthing.store.write import Put, Update
from farthing.vault.envelope import (
    DataKeys,
    EntropySource,
    EnvelopeRefused,
    Unwrapper,
    seal,
    unseal,
)
from farthing.vault.sealed import SHORT_LIVED, WRAPPED_AT, NotSealed, SealedRow, sealed_row

PURPOSE = "REENCRYPT"


class Reencrypted(StrEnum):
    """What came of one row."""

    REENCRYPTED = "REENCRYPTED"
    THERE = "THERE"
    GONE = "GONE"
    CHANGED_MEANWHILE = "CHANGED_MEANWHILE"
    REFUSED = "REFUSED"


class VaultStore(Gets, Writes, Protocol):
    """What is needed of the vault's table."""


@dataclass(frozen=True)
class ReencryptServices:
    """What reencrypting one merchant's cards needs. `data_keys` are those of the key that a row
    names; it raises EnvelopeRefused if the card may not be under it."""

    store: VaultStore
    unwrapper: Unwrapper
    data_keys: Callable[[str], DataKeys]
    entropy: EntropySource
    new_claim: Callable[[], str]
    who: str
    now: Callable[[], datetime]


def is_due(row: SealedRow, before: str) -> bool:
    """Whether a row was sealed before that time, and is one that is sealed anew at all."""
    return row.kind not in SHORT_LIVED and row.sealed_at < before


def reencrypt(key: Key, before: str, services: ReencryptServices) -> Reencrypted:
    """Seal the card at `key` anew, if its data key is of before that time.

    Raises whatever keeps the audit row from being written: then nothing was opened.
    """
    item = services.store.get(key)
    if item is None:
        return Reencrypted.GONE
    try:
        row = sealed_row(item)
        if row is None or not is_due(row, before):
            return Reencrypted.THERE
        return _seal_anew(row, services)
    except (NotSealed, EnvelopeRefused):
        return Reencrypted.REFUSED


def _seal_anew(row: SealedRow, services: ReencryptServices) -> Reencrypted:
    purpose, data_keys = row.purpose, services.data_keys(row.envelope.wrapped_by)
    services.store.write(_audit(row, services))
    secret = unseal(row.envelope, purpose, row.ref, services.unwrapper)
    envelope = seal(secret, purpose, row.ref, data_keys, services.entropy)
    kept = {name: at for name, at in row.as_read.items() if name == WRAPPED_AT}
    changed = {"envelope": envelope.to_item() | kept, "sealed_at": to_text(services.now())}
    try:
        services.store.write(Update(row.key, row.unchanged, set=changed))
    except ConditionFailed:
        return Reencrypted.CHANGED_MEANWHILE
    return Reencrypted.REENCRYPTED


def _audit(row: SealedRow, services: ReencryptServices) -> Put:
    """Who opened which card, when and what for. Each opening has a row of its own."""
    at, claim_id = to_text(services.now()), services.new_claim()
    tenant = row.ref.tenant
    item: Item = {
        "entity": "audit",
        "merchant_id": tenant.merchant_id,
        "mode": tenant.mode,
        "token": row.ref.token,
        "claim_id": claim_id,
        "who": services.who,
        "purpose": PURPOSE,
        "claimed_at": at,
    }
    return Put(reencrypt_audit_key(tenant, row.ref.token, at, claim_id), item, NOT_CREATED)


def reencrypt_audit_key(tenant: TenantScope, token: str, at: str, claim_id: str) -> Key:
    """Where the audit row of one opening is, among those of its card."""
    return Key("vault", tenant.pk("AUDIT", token), f"{PURPOSE}#{at}#{claim_id}")
