"""A merchant's fee plans as they are written: the one in force with the merchant, each for good.

    MERCHANT            {merchant}            fees.{mode}: what holds from now on
    FEES#{merchant}     {mode}#{version}      what held, since when, and who said so

Run by people who operate a stack, never by a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from farthing.access.account import Account
from farthing.access.change import merchant_as_read
from farthing.access.fees import NO_FEES, FeePlan
from farthing.access.keys import merchant_row
from farthing.access.principal import Mode
from farthing.cards import holds_pan
from farthing.clock import to_text
from farthing.store.condition import NOT_CREATED, Condition
from farthing.store.item import Item, Key
from farthing.store.port import Queries, Writes
from farthing.store.write import Put, Update

ENTITY = "fee_plan"
BY_LENGTH_MAX = 100
VERSIONS_SHOWN_MAX = 100

VERSION_NOT_TAKEN = Condition("VERSION_NOT_TAKEN", NOT_CREATED.expression)
"""No plan of this merchant and mode has this number: what held is never written over."""


@dataclass(frozen=True)
class FeeVersion:
    """One plan, as it was put in force."""

    plan: FeePlan
    since: str
    by: str

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> FeeVersion:
        """As stored."""
        return cls(FeePlan.from_item(item), item["since"], item["by"])


def set_fees(
    store: Writes, merchant_id: str, read: Item, mode: Mode, plan: FeePlan, by: str, now: datetime
) -> None:
    """Put a plan in force, in place of the one that was read with the merchant.

    Raises ConditionFailed if the merchant is no longer as it was read, and ValueError for a name
    that says nobody.
    """
    by = by.strip()
    if not 0 < len(by) <= BY_LENGTH_MAX or not by.isprintable() or holds_pan(by):
        raise ValueError(f"who sets it is a name of 1 to {BY_LENGTH_MAX} characters")
    account = Account.from_item(read)
    fees = replace(account, fees={**account.fees, mode.value: plan}).to_item()["fees"]
    version: Item = {"entity": ENTITY, **plan.to_item(), "since": to_text(now), "by": by}
    store.write(
        Update(merchant_row(merchant_id), merchant_as_read(read, ["fees"]), set={"fees": fees}),
        Put(version_key(merchant_id, mode, plan.version), version, VERSION_NOT_TAKEN),
    )


def plan_of(read: Item, mode: Mode) -> FeePlan:
    """The plan in force of a merchant's row."""
    return Account.from_item(read).fees.get(mode.value, NO_FEES)


def versions(store: Queries, merchant_id: str, mode: Mode) -> list[FeeVersion]:
    """The newest plans, newest first."""
    page = store.query(
        "access",
        version_key(merchant_id, mode, 0).pk,
        sk_prefix=f"{mode.value}#",
        newest_first=True,
        limit=VERSIONS_SHOWN_MAX,
    )
    return [FeeVersion.of(item) for item in page.items]


def version_key(merchant_id: str, mode: Mode, version: int) -> Key:
    """Where a plan is kept."""
    return Key("access", f"FEES#{merchant_id}", f"{mode.value}#{version:06d}")
