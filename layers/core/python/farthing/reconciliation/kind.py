"""The closed list of breaks, and which of them a line is in that could be in several.

A line of a report is matched, or in exactly one break: the first of LINE_PRECEDENCE that is true of
it. The other three are not about a line of a report: a line of ours that no report has, a sum that
is not its lines', a transfer that is not the report's.
"""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What is not as it should be."""

    MISSING_IN_REPORT = "MISSING_IN_REPORT"
    MISSING_IN_LEDGER = "MISSING_IN_LEDGER"
    DUPLICATE_LINE = "DUPLICATE_LINE"
    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    FEE_MISMATCH = "FEE_MISMATCH"
    STATE_MISMATCH = "STATE_MISMATCH"
    UNEXPECTED_DISPUTE = "UNEXPECTED_DISPUTE"
    BATCH_TOTAL_MISMATCH = "BATCH_TOTAL_MISMATCH"
    DEPOSIT_MISMATCH = "DEPOSIT_MISMATCH"


LINE_PRECEDENCE = (
    Kind.DUPLICATE_LINE,
    Kind.STATE_MISMATCH,
    Kind.UNEXPECTED_DISPUTE,
    Kind.MISSING_IN_LEDGER,
    Kind.CURRENCY_MISMATCH,
    Kind.AMOUNT_MISMATCH,
    Kind.FEE_MISMATCH,
)
"""Whose line it is comes before what it says, and the currency before the amount: an amount in
another currency is neither right nor wrong, and the fee follows from the amount."""
