"""The key of one checkout session: what its page is opened with, and all that it may do.

It pays until the session ends, and then reads for a week: what became of the payment, should that
not be known at once. Its row is written by the function that makes sessions. Whatever that row
says, the authorizer makes of it a key of this one kind, for one session, and never another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from farthing.access.account import Account
from farthing.access.keys import SCOPES, NewKey, key_row
from farthing.access.principal import KeyKind, Mode, Principal
from farthing.clock import epoch_seconds, to_text
from farthing.ids import is_id
from farthing.store.condition import NOT_CREATED
from farthing.store.item import Item
from farthing.store.scope import TenantScope
from farthing.store.write import Put

READS_FOR = timedelta(days=7)
TTL_GRACE = timedelta(hours=1)
READING = ("checkout",)


@dataclass(frozen=True)
class OneKeyMore:
    """A merchant's own rows, and the row of one new key, which lies outside of all merchants'."""

    tenant: TenantScope
    key_pk: str

    def check(self, pk: str) -> None:
        """Raises KeyOutsideScope for everything else."""
        if pk != self.key_pk:
            self.tenant.check(pk)


def checkout_key_put(key: NewKey, session_id: str, now: datetime, pays_until: datetime) -> Put:
    """The write that makes `key` the session's."""
    end = pays_until + READS_FOR
    item: Item = {
        "entity": "checkout_key",
        "key_id": key.key_id,
        "merchant_id": key.merchant_id,
        "mode": key.mode.value,
        "session_id": session_id,
        "created_at": to_text(now),
        "pays_until": to_text(pays_until),
        "expires_at": to_text(end),
        "ttl": epoch_seconds(end + TTL_GRACE),
    }
    return Put(key_row(key.text), item, NOT_CREATED)


def checkout_principal(text: str, item: Item, account: Account, now: datetime) -> Principal | None:
    """The payer whose key is `text`, with its stored row; None if that is not what it has to be."""
    _, mode, _ = text.split("_", 2)
    if item.get("mode") != mode or not is_id("cs", str(item.get("session_id"))):
        return None
    pays = item["pays_until"] > to_text(now)
    return Principal(
        merchant_id=item["merchant_id"],
        mode=Mode(mode),
        kind=KeyKind.CHECKOUT,
        key_id=item["key_id"],
        scopes=frozenset(SCOPES[KeyKind.CHECKOUT] if pays else READING),
        settings=account.settings(mode),
        session_id=item["session_id"],
    )
