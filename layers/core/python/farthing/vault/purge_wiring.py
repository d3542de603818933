"""What `vault_purge` needs, filled with AWS: it deletes cards and has no key to any."""

from __future__ import annotations

from farthing import runtime
from farthing.observe import gauge, log_unhandled, logger
from farthing.store import TenantScope
from farthing.vault.purge import Services

EXPIRED_MONTHS_DEFAULT = 6


def services() -> Services:
    """The world as a purge sees it."""
    return Services(
        store=runtime.system_store(),
        now=runtime.clock().now(),
        expired_months=int(runtime.setting("EXPIRED_CARD_MONTHS", str(EXPIRED_MONTHS_DEFAULT))),
        at_once=runtime.platform().at_once,
        seconds_left=runtime.seconds_left,
        gauge=gauge,
        log_failure=log_unhandled,
        log_odd=_log_odd,
    )


def _log_odd(tenant: TenantScope, token: str) -> None:
    """A card is kept because nobody knows whose it is: after a restore, a person should look."""
    fields = {"merchant_id": tenant.merchant_id, "token_id": token}
    logger().warning("a card without the holder that its face names", extra=fields)
