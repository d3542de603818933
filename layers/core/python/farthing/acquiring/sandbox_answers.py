"""What the sandbox's documents say, once it is proved that they are its own. Pure.

An answer counts only if it answers the very question. Everything else is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from farthing.acquiring.answer import ABSENT, PENDING, UNKNOWN, Answer, Outcome, Returned
from farthing.acquiring.decline import decline
from farthing.acquiring.port import Instruction, Kind, Transaction
from farthing.clock import from_text, to_text
from farthing.method_type import MethodType

REASON_OF_CODE = {
    "05": "DO_NOT_HONOR",
    "12": "NOT_PERMITTED",
    "13": "NOT_PERMITTED",
    "14": "INVALID_NUMBER",
    "25": "NOT_PERMITTED",
    "51": "INSUFFICIENT_FUNDS",
    "54": "EXPIRED_CARD",
    "63": "SECURITY_VIOLATION",
    "96": "PROCESSING_ERROR",
    "T1": "NETWORK_TOKEN_REFUSED",
    "T2": "CRYPTOGRAM_REFUSED",
    "N7": "INCORRECT_CVC",
    "AC01": "ACCOUNT_NOT_FOUND",
    "AC04": "ACCOUNT_CLOSED",
    "AM04": "INSUFFICIENT_FUNDS",
    "MD01": "MANDATE_REFUSED",
    "MD06": "CLAIMED_BACK",
    "R01": "INSUFFICIENT_FUNDS",
    "R02": "ACCOUNT_CLOSED",
    "R03": "ACCOUNT_NOT_FOUND",
    "R10": "MANDATE_REFUSED",
    "WALLET_EXPIRED": "WALLET_EXPIRED",
    "WALLET_UNREADABLE": "WALLET_UNREADABLE",
}
"""The sandbox's codes to our reasons: ISO 8583 for cards, ISO 20022 for SEPA, Nacha's for ACH."""


def read_answer(document: Mapping[str, Any], instruction: Instruction) -> Answer:
    """The answer, or UNKNOWN if it answers something else than what was asked."""
    asked = {
        "reference": instruction.reference,
        "order_id": instruction.order_id,
        "operation": instruction.kind.value,
        "amount_cents": instruction.amount_cents,
        "currency": instruction.currency,
    }
    if any(document.get(name) != value for name, value in asked.items()):
        return UNKNOWN
    if document.get("status") == "REVERSED":
        return ABSENT
    if document.get("status") == "PENDING" and instruction.method is MethodType.BANK:
        return PENDING
    if document.get("status") == "APPROVED":
        return _approved(document, instruction)
    code = document.get("decline_code")
    if document.get("status") == "DECLINED" and isinstance(code, str):
        reason = REASON_OF_CODE.get(code, "OTHER")
        return Answer(Outcome.DECLINED, decline=decline(reason, code))
    return UNKNOWN


def _approved(document: Mapping[str, Any], instruction: Instruction) -> Answer:
    if instruction.kind is Kind.AUTHORIZE and not _captured_as_asked(document, instruction):
        return UNKNOWN
    answer = Answer(
        Outcome.APPROVED,
        authorization_code=document.get("authorization_code"),
        network_reference=document.get("network_reference"),
        expires_at=instant(document.get("expires_at")),
    )
    goes_back = instruction.method is MethodType.BANK or instruction.kind is Kind.REFUND
    if not goes_back or document.get("returned") is None:
        return answer
    returned = _returned(document["returned"], instruction)
    return UNKNOWN if returned is None else replace(answer, returned=returned)


def _returned(told: Any, instruction: Instruction) -> Returned | None:
    """A debit or a refund that went back; None for what is no return of all of it."""
    if not isinstance(told, dict) or told.get("amount_cents") != instruction.amount_cents:
        return None
    code, reference, at = told.get("code"), told.get("reference"), instant(told.get("at"))
    if not isinstance(code, str) or not isinstance(reference, str) or at is None:
        return None
    reason = decline(REASON_OF_CODE.get(code, "OTHER"), code)
    return Returned(reference, instruction.amount_cents, reason, at)


def _captured_as_asked(document: Mapping[str, Any], instruction: Instruction) -> bool:
    """Whether a combined charge took the money, and a mere authorization did not."""
    wanted = instruction.amount_cents if instruction.capture else 0
    return bool(document.get("captured_cents") == wanted)


def transaction(row: Mapping[str, Any]) -> Transaction:
    """A row of its list. Raises KeyError, TypeError or ValueError for anything else."""
    return Transaction(
        reference=str(row["reference"]),
        order_id=str(row["order_id"]),
        merchant_reference=row["merchant_reference"],
        kind=Kind(row["operation"]),
        capture=bool(row["capture"]),
        original_reference=row["original_reference"],
        amount_cents=int(row["amount_cents"]),
        currency=str(row["currency"]),
        status=str(row["status"]),
        created_at=str(row["created_at"]),
        method=MethodType(row.get("method") or MethodType.CARD),
        returned=bool(row.get("returned", False)),
    )


def instant(value: Any) -> str | None:
    """An instant as we write it; None for anything else."""
    try:
        return to_text(from_text(value))
    except (TypeError, ValueError):
        return None
