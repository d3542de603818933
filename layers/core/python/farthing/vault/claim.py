"""The claim to send: one audit row for each reference and fence, before any number is read.

Whoever put the row is the only one to send under that fence, and no card is opened without a row
that says by whom and when.
"""

from __future__ import annotations

from datetime import datetime

from farthing.clock import to_text
from farthing.store.condition import NOT_CREATED
from farthing.store.errors import ConditionFailed
from farthing.store.port import Writes
from farthing.store.scope import TenantScope
from farthing.store.write import Put
from farthing.vault.rows import audit_key

CLAIM_PREFIX = "clm"
"""Of ids: sixteen characters of hexadecimal are digits alone often enough to pass for a card."""


class AlreadyClaimed(Exception):
    """Somebody else holds the claim to send this reference under this fence."""

    def __init__(self, reference: str, fence: int, who: str) -> None:
        super().__init__(f"{reference} was claimed under fence {fence} by {who}")
        self.who = who


def claim_to_send(
    store: Writes,
    tenant: TenantScope,
    *,
    reference: str,
    fence: int,
    claim_id: str,
    who: str,
    purpose: str,
    now: datetime,
) -> None:
    """Put the audit row for one sending. Raises AlreadyClaimed if there is one.

    `claim_id` is new for each call. It tells our own row, put by a try whose answer was lost,
    from somebody else's.
    """
    item = {
        "entity": "audit",
        "merchant_id": tenant.merchant_id,
        "mode": tenant.mode,
        "reference": reference,
        "fence": fence,
        "claim_id": claim_id,
        "who": who,
        "purpose": purpose,
        "claimed_at": to_text(now),
    }
    try:
        store.write(Put(audit_key(tenant, reference, fence), item, NOT_CREATED))
    except ConditionFailed as failed:
        holder = failed.item or {}
        if holder.get("claim_id") != claim_id:
            raise AlreadyClaimed(reference, fence, holder.get("who", "unknown")) from failed
