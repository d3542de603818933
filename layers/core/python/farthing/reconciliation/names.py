"""Whose batch a settlement reference names: our own name of it, which acquirers and banks repeat.

The merchant and the mode are read out of it, and then looked for: a name that no batch of ours has
is nobody's, whatever else the file says.
"""

from __future__ import annotations

import re
from datetime import date

from farthing.ids import is_id
from farthing.money import EXPONENTS
from farthing.settlement.batch import BatchName
from farthing.store.scope import TenantScope

NUMBER_MAX = 10**9
_MODES = frozenset({"test", "live"})
_ACQUIRER = re.compile(r"[a-z][a-z0-9_]{0,31}")


def batch_of(reference: str) -> BatchName | None:
    """The batch that has this name, if it is one that we give; whether it is there is not known."""
    parts = reference.split(".")
    if len(parts) != 6:
        return None
    merchant_id, mode, acquirer, currency, day, number = parts
    well_formed = (
        is_id("mer", merchant_id)
        and mode in _MODES
        and _ACQUIRER.fullmatch(acquirer) is not None
        and currency in EXPONENTS
        and number.isascii()
        and number.isdigit()
        and int(number) < NUMBER_MAX
    )
    try:
        business_day = date.fromisoformat(day)
    except ValueError:
        return None
    if not well_formed:
        return None
    tenant = TenantScope(merchant_id, mode)
    name = BatchName(tenant, acquirer, currency, business_day, int(number))
    return name if name.reference == reference else None
