"""The ports of checkout sessions, filled with AWS."""

from __future__ import annotations

from farthing import runtime
from farthing.access.checkout_key import OneKeyMore
from farthing.access.keys import ENTROPY_BYTES, NewKey, key_row
from farthing.access.principal import Principal
from farthing.checkout import create
from farthing.store.port import Store

BASE_URL = "checkout_url"
"""The stage's variable that says where the API, and with it the page, is reached."""


def making(principal: Principal, base_url: str) -> create.Services:
    """For one new session: its merchant's rows, and the row of its one key."""

    def store(key: NewKey) -> Store:
        return runtime.store(OneKeyMore(principal.tenant, key_row(key.text).pk))

    return create.Services(
        tenant=principal.tenant,
        store=store,
        entropy=runtime.entropy(ENTROPY_BYTES),
        new_id=runtime.new_id,
        now=runtime.clock().now(),
        base_url=base_url.rstrip("/"),
        settings=principal.settings,
    )
