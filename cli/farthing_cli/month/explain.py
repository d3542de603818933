"""Finance looks at the breaks: which are explained by what the plan put in, and what is done about
each. Pure.

Nothing else explains a break: neither that it is small, nor that it is old.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from farthing.reconciliation.kind import Kind
from farthing.reconciliation.resolution import Resolution
from farthing_cli.api import Document
from farthing_cli.month.plan import INJECTED, Tale
from farthing_cli.month.shop import Sale


@dataclass(frozen=True)
class Explanation:
    """Why there is a break, and how it ends."""

    kind: Kind
    note: str
    resolution: Resolution
    reason: str


EXPLANATIONS: Mapping[Tale, Explanation] = {
    Tale.MISSING: Explanation(
        Kind.MISSING_IN_REPORT,
        "Asked the acquirer: the capture is in its books, and it does not pay.",
        Resolution.WRITE_OFF,
        "The acquirer does not pay; the merchant is not to blame.",
    ),
    Tale.TWICE: Explanation(
        Kind.DUPLICATE_LINE,
        "Told the acquirer: the capture is in its report, and in its transfer, twice.",
        Resolution.ACQUIRER_CORRECTS,
        "Paid twice; the acquirer takes the second one back.",
    ),
    Tale.OTHER_AMOUNT: Explanation(
        Kind.AMOUNT_MISMATCH,
        "Asked the acquirer: the payer's bank settled a tenth less.",
        Resolution.ACCEPT_ACQUIRER_AMOUNT,
        "The payer agreed to the lower amount.",
    ),
}


def explained(one: Document, tale_of: Callable[[str], Tale | None]) -> Explanation | None:
    """What explains a break; None if the plan put nothing in that makes one of this kind."""
    intent_id = one["payment_intent_id"]
    tale = tale_of(intent_id) if intent_id else None
    found = EXPLANATIONS.get(tale) if tale else None
    return found if found and found.kind == one["kind"] else None


def unnamed(sales: Iterable[Sale], breaks: Sequence[Document]) -> list[Sale]:
    """What was put in and is not named by exactly one break of its kind."""
    return [
        sale
        for sale in sales
        if sale.tale in INJECTED
        and [one["kind"] for one in breaks if one["payment_intent_id"] == sale.intent_id]
        != [EXPLANATIONS[sale.tale].kind]
    ]


def unsound(settlements: Iterable[Document], deposited: Mapping[str, int]) -> list[str]:
    """Batches that are not at their end, or whose transfer is not what they pay.

    `deposited` has minor units by settlement.
    """
    found = []
    for one in settlements:
        named = f"{one['settlement_id']} ({one['business_day']} {one['currency']})"
        paid = deposited.get(one["settlement_id"], 0)
        if one["status"] != "SETTLED":
            found.append(f"{named} is {one['status']}")
        elif paid != (one["net_cents"] or 0):
            found.append(f"{named} pays {one['net_cents']}, and the bank has {paid}")
    return found


def in_suspense(accounts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Accounts of a trial balance that hold what nobody can explain."""
    return [
        f"{account} holds {cents} {currency}"
        for currency, sums in accounts.items()
        for account, cents in sums.items()
        if account.startswith("suspense:") and cents
    ]
