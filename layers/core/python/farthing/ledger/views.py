"""The ledger as the API shows it."""

from __future__ import annotations

from typing import Any

from farthing.clock import to_text
from farthing.ledger.balance import Balance, Head
from farthing.ledger.journal import JournalRow


def balance_object(head: Head) -> dict[str, Any]:
    """A currency's balance. `sequence` says of how many transactions, `as_of` since when."""
    return _balance(head.currency, head.sequence, head.balance) | {"as_of": head.as_of}


def transaction_object(row: JournalRow, *, livemode: bool) -> dict[str, Any]:
    """A transaction with its postings, and of each of its currencies the balance after it."""
    transaction = row.transaction
    return {
        "transaction_id": transaction.transaction_id,
        "kind": transaction.kind.value,
        "payment_intent_id": transaction.intent_id,
        "subject_id": transaction.subject_id,
        "corrects": transaction.corrects,
        "postings": [posting.to_item() for posting in transaction.postings],
        "balances": [
            _balance(currency, row.sequences[currency], row.balances[currency])
            for currency in sorted(row.balances)
        ],
        "created_at": to_text(transaction.created_at),
        "livemode": livemode,
    }


def _balance(currency: str, sequence: int, balance: Balance) -> dict[str, Any]:
    return {
        "currency": currency,
        "pending_cents": balance.pending_cents,
        "available_cents": balance.available_cents,
        "reserved_cents": balance.reserved_cents,
        "sequence": sequence,
    }
