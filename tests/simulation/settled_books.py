"""At rest: the ledger's accounts are what payments, disputes and the acquirer's reports come to.

Each account is worked out a second time, from rows that the ledger knows nothing of:

    dispute_receivable, merchant_reserve    what is out for disputes of which nobody has decided
    dispute_fee_expense                     the fees in the acquirer's books, one for a chargeback
    processing_fee_income                   our fee of each capture, reckoned anew
    merchant_pending                        nothing is left of it when all is settled
    merchant_payable                        what was captured, less our fees and what went back
    acquirer_fee_expense, …_receivable      what the acquirer's reports keep, and what they pay out
    suspense                                nothing: each line is explained

The last four stand for whole days: a run that is not settled leaves them as they come.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.simulation.invariants import MONEY_OUT, Item, Watch, dispute_state, number, text
from tests.simulation.scenarios import FEE_FIXED_CENTS, FEE_PPM
from tests.simulation.violation import Violation
from tests.support.lambdas import MERCHANT

if TYPE_CHECKING:
    from tests.simulation.quiescence import AtRest

BALANCED = 5
Sums = Counter[tuple[str, str, str]]
"""By merchant, currency and account without its acquirer: debits positive."""

OF_PAYMENTS = (
    "dispute_receivable",
    "merchant_reserve",
    "dispute_fee_expense",
    "processing_fee_income",
)
OF_SETTLEMENT = (
    "merchant_pending",
    "merchant_payable",
    "acquirer_fee_expense",
    "acquirer_receivable",
    "suspense",
)


def disputes_are_posted(facts: AtRest) -> Iterator[Violation]:
    """What is held for disputes, what they cost, and our own fees."""
    yield from _compared(facts, _of_payments(facts), OF_PAYMENTS)


def settlement_is_posted(facts: AtRest) -> Iterator[Violation]:
    """What merchants are owed, and what the acquirer owes, once all is settled."""
    if facts.settled:
        wanted = _of_payments(facts)
        wanted.update(_of_reports(facts))
        yield from _compared(facts, wanted, OF_SETTLEMENT)


def _compared(facts: AtRest, wanted: Sums, accounts: Collection[str]) -> Iterator[Violation]:
    posted = _posted(facts.watch)
    for name in sorted({*posted, *wanted}):
        if name[2] in accounts and posted[name] != wanted[name]:
            merchant_id, currency, account = name
            told = f"{posted[name]} in the ledger, and it is {wanted[name]}"
            yield Violation(BALANCED, f"{merchant_id} {account}", f"{told} {currency}")


def _posted(watch: Watch) -> Sums:
    sums: Sums = Counter()
    for (pk, _), transaction in watch.ledger.items():
        for wire in transaction["postings"]["L"]:
            posting: Item = wire["M"]
            sign = 1 if text(posting, "side") == "DEBIT" else -1
            account = text(posting, "account").partition(":")[0]
            name = pk.partition("#")[0], text(posting, "currency"), account
            sums[name] += sign * number(posting, "amount_cents")
    return sums


def _of_payments(facts: AtRest) -> Sums:
    """What payments and their disputes say, and of what a dispute costs the acquirer's books."""
    sums: Sums = Counter()
    for intent_id, payment in facts.watch.payments.items():
        intent = payment.intent or {}
        merchant_id, currency = text(intent, "merchant_id"), text(intent, "currency")
        held = sum(
            number(row, "amount_cents")
            for row in payment.disputes.values()
            if dispute_state(row) in MONEY_OUT and text(row, "status") != "LOST"
        )
        fees = sum(
            row.amount_cents
            for row in facts.acquirer.books.rows
            if (row.order_id, row.operation) == (intent_id, "DISPUTE_FEE")
        )
        names = ("amount_refunded", "amount_returned", "amount_disputed")
        kept = number(intent, "amount_captured") - sum(number(intent, name) for name in names)
        ours = _our_fee(facts, intent_id, number(intent, "amount_captured"))
        for account, cents in (
            ("dispute_receivable", held),
            ("merchant_reserve", -held),
            ("dispute_fee_expense", fees),
            ("processing_fee_income", -ours),
            ("merchant_payable", ours - kept),
        ):
            sums[merchant_id, currency, account] += cents
    return sums


def _our_fee(facts: AtRest, intent_id: str, captured_cents: int) -> int:
    """Half to even, and a fixed part. What was lost and brought back may be without it."""
    if not facts.fees_known:
        entries = facts.watch.entries.values()
        own = (one for one in entries if text(one, "intent_id") == intent_id)
        return sum(number(one, "fee_cents") for one in own)
    merchant_id = text(facts.watch.payments[intent_id].intent or {}, "merchant_id")
    if merchant_id != MERCHANT or not captured_cents:
        return 0
    return round(Fraction(captured_cents * FEE_PPM, 1_000_000)) + FEE_FIXED_CENTS


def _of_reports(facts: AtRest) -> Sums:
    """What the acquirer's reports keep as fees, and pay out: the bank is not asked here."""
    sums: Sums = Counter()
    for reference, settlement in facts.acquirer.settlements.items():
        rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(settlement.report)))
        total, merchant_id = rows[-1], reference.partition(".")[0]
        sums[merchant_id, total["currency"], "acquirer_fee_expense"] += int(total["fee_cents"])
        sums[merchant_id, total["currency"], "acquirer_receivable"] += int(total["net_cents"])
    return sums
