"""What reencrypting needs, filled with AWS. `charge` alone imports this: it decrypts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from farthing import runtime
from farthing.observe import log_unhandled
from farthing.store import Key, StoreBusy, TenantScope
from farthing.vault import kms
from farthing.vault.claim import CLAIM_PREFIX
from farthing.vault.reencrypt import Reencrypted, ReencryptServices, reencrypt

ROW_SECONDS = 3
"""With less time left, no other card is begun."""


def reencrypt_rows(event: Mapping[str, Any]) -> dict[str, Any]:
    """Seal the cards at `rows` anew, those whose data key is of before `before`.

    How many rows were seen to, in their order, and what came of them. `stopped` names what broke,
    if that would break the others too: nothing is known of the row behind the last one seen.
    """
    counts: Counter[str] = Counter()
    stopped = None
    for pk, sk in event["rows"]:
        if runtime.seconds_left() < ROW_SECONDS:
            break
        try:
            counts[_reencrypt(Key("vault", pk, sk), event["before"])] += 1
        except (BotoCoreError, ClientError, StoreBusy) as error:
            log_unhandled(error)
            stopped = type(error).__name__
            break
    return {"seen": counts.total(), "counts": dict(counts), "stopped": stopped}


def _reencrypt(key: Key, before: str) -> Reencrypted:
    try:
        return reencrypt(key, before, _services(key))
    except ClientError as error:
        if not kms.is_of_this_row_alone(error):
            raise
        log_unhandled(error)
        return Reencrypted.REFUSED


def _services(key: Key) -> ReencryptServices:
    """The world for one card: its merchant's rows and keys, and no other's."""
    merchant_id, mode, *_ = key.pk.split("#")
    tenant = TenantScope(merchant_id, mode)
    return ReencryptServices(
        store=runtime.store(tenant),
        unwrapper=kms.unwrapper(tenant),
        data_keys=lambda named: kms.data_keys_like(named, tenant),
        entropy=runtime.entropy,
        new_claim=lambda: runtime.new_id(CLAIM_PREFIX),
        who=runtime.setting("AWS_LAMBDA_FUNCTION_NAME", "charge"),
        now=runtime.clock().now,
    )
