"""Merchants with keys in a stack's access table, written as the functions read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from farthing.access.account import Account as Settings
from farthing.access.issue import open_merchant
from farthing.access.keys import BREAKS, ISSUED
from farthing.access.principal import Mode
from farthing.clock import to_text
from farthing_cli.access_table import AccessTable


@dataclass(frozen=True)
class Merchant:
    """A merchant of test mode and its keys, whose text is stored nowhere else."""

    merchant_id: str
    secret_key: str
    publishable_key: str


def merchant(
    table: AccessTable, name: str, origins: Sequence[str] = (), colour: str | None = None
) -> Merchant:
    """Open an account with a secret and a publishable test key.

    Whoever has a stack on a laptop is its operator, too: the secret key may end breaks.
    """
    now, merchant_id = table.now(), table.new_id("mer")
    secret, publishable = (table.new_key(merchant_id, Mode.TEST, kind) for kind in ISSUED)
    secret = replace(secret, also=(BREAKS,))
    account = Settings(name, to_text(now), tuple(origins), colour)
    open_merchant(table.store, merchant_id, account, [secret, publishable], now)
    return Merchant(merchant_id, secret.text, publishable.text)
