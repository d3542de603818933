"""The hostile acquirer's books: who gets money and who does not, and what was really done.

No chance and no clock: whoever asks says when, and what was drawn.

    authorize ──► left_to_capture ──capture──► left_to_refund ──refund, return──► 0
                        └──────── void, reversal ────────┘ (only if taken at once)

A debit of a bank account is PENDING first. What the bank then does, the account's last two digits
say: see `Bank`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Any

from tests.simulation.acquirer_faults import DAY_SECONDS
from tests.simulation.token_service import (
    CRYPTOGRAM_ERROR,
    TOKEN_ERROR,
    TOKEN_RANGE,
    TokenService,
)

AUTHORIZATION_LIFE_SECONDS = 7 * DAY_SECONDS
REVERSAL_WINDOW_SECONDS = DAY_SECONDS

INVALID_TRANSACTION, INVALID_AMOUNT, NOT_LOCATED = "12", "13", "25"
SECURITY_VIOLATION, NO_CVC = "63", "N7"

BRINGS = frozenset({"CAPTURE", "REFUND_RETURN", "DISPUTE_REVERSAL"})
"""What a settlement pays; the rest it takes off."""

Document = Mapping[str, Any]


class Bank(StrEnum):
    """What the bank of an account does, by the last two digits of its number."""

    PAYS = "04"
    REFUSES = "12"
    TAKES_BACK = "38"


NO_FUNDS, TAKEN_BACK, ACCOUNT_CLOSED = "AM04", "MD06", "AC04"
DECLINED_RANGE, DO_NOT_HONOR = "400020", "05"
"""Cards that begin so are declined by their issuer, whoever asks and whenever."""


class ReferenceReused(Exception):
    """The reference was used before, for something else."""


@dataclass
class Row:
    """One line of the public books. `history` is when it took which status."""

    reference: str
    order_id: str
    operation: str
    amount_cents: int
    currency: str
    created_at: float
    history: list[tuple[float, str]]
    merchant_reference: str | None = None
    settled_by: str | None = None
    via: str = ""

    @property
    def status(self) -> str:
        return self.history[-1][1]

    def status_at(self, at: float) -> str | None:
        """What it was at an instant; None before there was a row."""
        found = None
        for since, status in self.history:
            if since <= at:
                found = status
        return found


@dataclass
class Charge:
    """An authorization and what is left of it."""

    row: Row
    last_four: str
    taken_at_once: bool
    left_to_capture: int
    left_to_refund: int
    code: str
    network_reference: str
    captures: list[Row] = field(default_factory=list)
    bank: Bank | None = None
    """Of the account that is debited."""
    taken_back: Row | None = None
    disputed: bool = False
    """Whether its money is out for a dispute."""

    @property
    def live(self) -> bool:
        """Whether it was granted and not undone."""
        return self.row.status in {"APPROVED", "PENDING"}

    def may_be_undone(self, at: float) -> bool:
        """All of it or nothing: what was never captured, was taken at once and lately, or is a
        debit of which the bank has not decided."""
        if self.row.status == "PENDING":
            return True
        if not self.taken_at_once:
            return self.left_to_capture > 0
        recent = at < self.row.created_at + REVERSAL_WINDOW_SECONDS
        return recent and self.left_to_refund == self.row.amount_cents

    def undo(self, at: float) -> None:
        self.left_to_capture = self.left_to_refund = 0
        for row in (self.row, *self.captures):
            row.history.append((at, "REVERSED"))


@dataclass
class Recorded:
    """What one arrival under a reference did."""

    content: dict[str, Any]
    row: Row
    at: float
    charge: Charge | None
    capture: bool
    decline_code: str | None
    sent_back: Row | None = None
    """That the payer's bank did not take a refund that was approved."""

    def body(
        self,
        text: Callable[[float], str],
        status: str | None = None,
        seen_at: float = float("inf"),
    ) -> dict[str, Any]:
        """The answer to it. `text` shows an instant on the acquirer's clock."""
        charge = None if self.decline_code else self.charge
        holds = charge is not None and self.row.operation == "AUTHORIZE"
        if charge is not None and charge.bank is not None and holds:
            return self._debit(charge, text, status, seen_at)
        return self._said_of_refund(text, status, seen_at) | {
            "reference": self.row.reference,
            "order_id": self.row.order_id,
            "operation": self.row.operation,
            "status": status or self.row.history[0][1],
            "amount_cents": self.row.amount_cents,
            "captured_cents": self.row.amount_cents if self.capture and charge else 0,
            "currency": self.row.currency,
            "authorization_code": charge.code if charge else None,
            "network_reference": charge.network_reference if charge else None,
            "expires_at": text(self.at + AUTHORIZATION_LIFE_SECONDS) if holds else None,
            "decline_code": self.decline_code,
            "decline_message": "declined" if self.decline_code else None,
            "created_at": text(self.at),
        }

    def _said_of_refund(
        self, text: Callable[[float], str], status: str | None, seen_at: float
    ) -> dict[str, Any]:
        """What a look-up says of a refund besides: that it came back."""
        if self.row.operation != "REFUND" or status is None:
            return {}
        back = self.sent_back
        if back is None or back.created_at > seen_at:
            return {"returned": None}
        return {
            "returned": {
                "reference": f"RTN{self.row.reference}",
                "amount_cents": self.row.amount_cents,
                "code": ACCOUNT_CLOSED,
                "at": text(back.created_at),
            }
        }

    def _debit(
        self, charge: Charge, text: Callable[[float], str], status: str | None, seen_at: float
    ) -> dict[str, Any]:
        """The answer about a debit, which says too that it was taken back."""
        told = status or self.row.history[0][1]
        back = charge.taken_back
        known = back is not None and back.created_at <= seen_at and status is not None
        returned = {
            "reference": f"RTN{self.row.reference}",
            "amount_cents": self.row.amount_cents,
            "code": TAKEN_BACK,
            "at": text(back.created_at) if back else None,
        }
        return {
            "reference": self.row.reference,
            "order_id": self.row.order_id,
            "operation": self.row.operation,
            "method": "BANK",
            "status": told,
            "amount_cents": self.row.amount_cents,
            "captured_cents": self.row.amount_cents if told == "APPROVED" else 0,
            "currency": self.row.currency,
            "authorization_code": charge.code,
            "network_reference": None,
            "expires_at": None,
            "decline_code": None,
            "decline_message": None,
            "created_at": text(self.at),
            "returned": returned if known else None,
        }


@dataclass(frozen=True)
class Standing:
    """What the books come to for one order. `held` is authorized, not taken and not expired."""

    captured: int = 0
    refunded: int = 0
    held: tuple[int, ...] = ()
    pending_refunds: int = 0
    returned: int = 0
    pending_debits: int = 0
    sent_back: int = 0
    disputed: int = 0
    """What is out for disputes, or lost by them."""

    @property
    def net(self) -> int:
        """But for disputes."""
        return self.captured - self.refunded - self.returned + self.sent_back


@dataclass
class Books:
    """Everything that the acquirer ever did. `idempotent`: a reference counts once."""

    idempotent: bool
    key_retention_seconds: float
    issued: dict[str, str]
    tokens: TokenService = field(default_factory=TokenService)
    """Network reference → last four of the card that it was issued to."""
    rows: list[Row] = field(default_factory=list)
    recorded: dict[str, list[Recorded]] = field(default_factory=dict)

    def operate(
        self, operation: str, document: Document, at: float, drawn: str | None, pending: bool
    ) -> tuple[Recorded, bool]:
        """Do what is asked: once for its reference, if this acquirer is idempotent.

        `drawn` is a decline code, if the issuer says no today. Returns what stands under the
        reference and whether it is new. Raises ReferenceReused.
        """
        content = content_of(operation, document)
        earlier = self.recorded.setdefault(document["reference"], [])
        if any(one.content != content for one in earlier):
            raise ReferenceReused
        if self.idempotent and earlier and at - earlier[-1].at < self.key_retention_seconds:
            return earlier[-1], False
        do = self._authorize if operation == "AUTHORIZE" else self._follow_up
        done = do(operation, document, content, at, drawn, pending)
        earlier.append(done)
        return done, True

    def end_refund(self, done: Recorded, at: float, *, declined: bool) -> None:
        """A pending refund ends. What a declined one held can be refunded again."""
        done.row.history.append((at, "DECLINED" if declined else "APPROVED"))
        if declined and done.charge is not None:
            done.decline_code = "05"
            done.charge.left_to_refund += done.row.amount_cents

    def end_debit(self, done: Recorded, at: float) -> bool:
        """The bank decides about a pending debit. False if somebody took it back before."""
        charge = done.charge
        if charge is None or done.row.status != "PENDING":
            return False
        if charge.bank is Bank.REFUSES:
            done.row.history.append((at, "DECLINED"))
            done.decline_code = NO_FUNDS
            return True
        done.row.history.append((at, "APPROVED"))
        shown = {**done.content, "reference": done.row.reference}
        shown["merchant_reference"] = done.row.merchant_reference
        charge.captures.append(self._book("CAPTURE", shown, "APPROVED", at))
        charge.left_to_refund = done.row.amount_cents
        return True

    def take_back(self, done: Recorded, at: float) -> bool:
        """The bank takes all of a debit back. False if it was undone before."""
        charge = done.charge
        if charge is None or charge.row.status != "APPROVED" or charge.taken_back is not None:
            return False
        shown = {**done.content, "reference": done.row.reference}
        shown["merchant_reference"] = done.row.merchant_reference
        charge.taken_back = self._book("RETURN", shown, "APPROVED", at)
        charge.left_to_refund = 0
        return True

    def send_back(self, done: Recorded, at: float) -> bool:
        """The payer's bank sends a refund back. False if its charge is in a dispute."""
        charge = done.charge
        if charge is None or charge.disputed or done.sent_back is not None:
            return False
        shown = {**done.content, "reference": done.row.reference}
        shown["merchant_reference"] = done.row.merchant_reference
        done.sent_back = self._book("REFUND_RETURN", shown, "APPROVED", at)
        charge.left_to_refund += done.row.amount_cents
        return True

    def reverse(self, document: Document, at: float, visible_from: float) -> str:
        """Undo what is there under the original reference. What lands later is as if new."""
        found = [
            one
            for one in self.recorded.get(document["original_reference"], ())
            if one.row.order_id == document["order_id"] and one.at <= visible_from
        ]
        if not found:
            return "NOT_FOUND"
        charges = [one.charge for one in found if one.charge and one.row.operation == "AUTHORIZE"]
        live = [charge for charge in charges if charge.live]
        if not charges or not all(charge.may_be_undone(at) for charge in live):
            return "REFUSED"
        for charge in live:
            charge.undo(at)
            amount, currency = charge.row.amount_cents, charge.row.currency
            void = {**document, "amount_cents": amount, "currency": currency}
            self._book("VOID", void, "APPROVED", at)
        return "REVERSED"

    def seen(self, reference: str, seen_at: float) -> tuple[Recorded, str] | None:
        """What a look-up finds that sees the books as they were at `seen_at`, and its status."""
        found = [
            (one, status)
            for one in self.recorded.get(reference, ())
            if (status := one.row.status_at(seen_at)) is not None
        ]
        approved = [pair for pair in found if pair[1] == "APPROVED"]
        return (approved or found or [None])[-1]

    def orders(self) -> Iterator[str]:
        """Every order that there is a row of."""
        yield from dict.fromkeys(row.order_id for row in self.rows)

    def standing(self, order_id: str, at: float) -> Standing:
        """What it comes to."""
        rows = [row for row in self.rows if row.order_id == order_id]

        def total(operation: str, status: str) -> int:
            return sum(
                row.amount_cents
                for row in rows
                if row.operation == operation and row.status == status
            )

        held = tuple(
            charge.left_to_capture
            for charge in self._charges()
            if charge.row.order_id == order_id
            and charge.live
            and charge.left_to_capture
            and at < charge.row.created_at + AUTHORIZATION_LIFE_SECONDS
        )
        return Standing(
            captured=total("CAPTURE", "APPROVED"),
            refunded=total("REFUND", "APPROVED"),
            held=held,
            pending_refunds=total("REFUND", "PENDING"),
            returned=total("RETURN", "APPROVED"),
            pending_debits=total("AUTHORIZE", "PENDING"),
            sent_back=total("REFUND_RETURN", "APPROVED"),
            disputed=total("DISPUTE", "APPROVED") - total("DISPUTE_REVERSAL", "APPROVED"),
        )

    def _charges(self) -> Iterator[Charge]:
        for many in self.recorded.values():
            for one in many:
                if one.charge is not None and one.row.operation == "AUTHORIZE":
                    yield one.charge

    def _authorize(
        self,
        operation: str,
        document: Document,
        content: dict[str, Any],
        at: float,
        drawn: str | None,
        _: bool,
    ) -> Recorded:
        refused, last_four = self._presented(document, at)
        code = refused or self._refuse_card(document, last_four) or self._drawn(drawn, document)
        bank = bank_of(document)
        accepted = "PENDING" if bank is not None else "APPROVED"
        row = self._book(operation, document, "DECLINED" if code else accepted, at)
        row.via = "NETWORK_TOKEN" if "network_token" in document else "CARD"
        if code:
            return Recorded(content, row, at, None, False, code)
        amount, capture = document["amount_cents"], bool(document["capture"])
        number = len(self.rows)
        if bank is not None:
            debit = Charge(row, payer_of(document)[-1], True, 0, 0, f"A{number:05d}", "", bank=bank)
            return Recorded(content, row, at, debit, capture, None)
        charge = Charge(
            row=row,
            last_four=last_four,
            taken_at_once=capture,
            left_to_capture=0 if capture else amount,
            left_to_refund=amount if capture else 0,
            code=f"A{number:05d}",
            network_reference=f"NR{row.reference}{number}",
        )
        self.issued[charge.network_reference] = charge.last_four
        if capture:
            charge.captures.append(self._book("CAPTURE", document, "APPROVED", at))
        return Recorded(content, row, at, charge, capture, None)

    def _presented(self, document: Document, at: float) -> tuple[str | None, str]:
        """Why what pays is refused as such, and the last four digits of the card behind it."""
        if "network_token" in document:
            return self.tokens.redeem(document, at)
        last_four = str(payer_of(document)[-1])
        number = document["card"]["number"] if "card" in document else ""
        return CRYPTOGRAM_ERROR if number.startswith(TOKEN_RANGE) else None, last_four

    def _drawn(self, drawn: str | None, document: Document) -> str | None:
        """A decline that was drawn. A token's is for tokens alone."""
        return None if drawn == TOKEN_ERROR and "network_token" not in document else drawn

    def _refuse_card(self, document: Document, last_four: str) -> str | None:
        stored, card = document.get("stored_credential"), document.get("card")
        if card is None and "network_token" not in document:
            return None
        card = card or {}
        if str(card.get("number", "")).startswith(DECLINED_RANGE):
            return DO_NOT_HONOR
        if stored is None:
            return NO_CVC if card.get("cvc") is None else None
        if stored["use"] == "FIRST":
            return None
        issued_to = self.issued.get(stored.get("network_reference") or "")
        return None if issued_to == last_four else SECURITY_VIOLATION

    def _follow_up(
        self,
        operation: str,
        document: Document,
        content: dict[str, Any],
        at: float,
        drawn: str | None,
        pending: bool,
    ) -> Recorded:
        charge = self._charge_of(document["original_reference"])
        code = refuse_follow_up(operation, document, charge, at) or drawn
        status = "DECLINED" if code else "PENDING" if pending else "APPROVED"
        row = self._book(operation, document, status, at)
        if code or charge is None:
            return Recorded(content, row, at, charge, False, code)
        amount = document["amount_cents"]
        if operation == "CAPTURE":
            charge.left_to_capture, charge.left_to_refund = 0, amount
            charge.captures.append(row)
        elif operation == "VOID":
            charge.undo(at)
        else:
            charge.left_to_refund -= amount
        return Recorded(content, row, at, charge, False, None)

    def _charge_of(self, reference: str | None) -> Charge | None:
        charges = [one.charge for one in self.recorded.get(reference or "", ()) if one.charge]
        live = [charge for charge in charges if charge.live]
        return (live or charges or [None])[-1]

    def _book(self, operation: str, document: Document, status: str, at: float) -> Row:
        row = Row(
            reference=document["reference"],
            order_id=document["order_id"],
            operation=operation,
            amount_cents=document["amount_cents"],
            currency=document["currency"],
            created_at=at,
            history=[(at, status)],
            merchant_reference=document.get("merchant_reference"),
        )
        self.rows.append(row)
        return row


def refuse_follow_up(
    operation: str, document: Document, charge: Charge | None, at: float
) -> str | None:
    """Why a capture, void or refund is refused; None if it is not."""
    if charge is None or charge.row.order_id != document["order_id"]:
        return NOT_LOCATED
    if charge.row.currency != document["currency"] or not charge.live:
        return INVALID_TRANSACTION
    amount = document["amount_cents"]
    if operation == "VOID":
        whole = charge.may_be_undone(at) and amount == charge.row.amount_cents
        return None if whole else INVALID_TRANSACTION
    left = charge.left_to_refund
    if operation == "CAPTURE":
        expired = at >= charge.row.created_at + AUTHORIZATION_LIFE_SECONDS
        left = 0 if expired else charge.left_to_capture
    if left == 0:
        return INVALID_TRANSACTION
    return INVALID_AMOUNT if amount > left else None


def content_of(operation: str, document: Document) -> dict[str, Any]:
    """What an equal request repeats. The CVC is gone on a later try, and no number is kept."""
    content: dict[str, Any] = {
        "operation": operation,
        "order_id": document["order_id"],
        "amount_cents": document["amount_cents"],
        "currency": document["currency"],
    }
    if operation != "AUTHORIZE":
        return content | {"original_reference": document["original_reference"]}
    return content | {
        "capture": document["capture"],
        "payer": payer_of(document),
        "stored_credential": document.get("stored_credential"),
    }


def payer_of(document: Document) -> tuple[Any, ...]:
    """What tells two payers apart, and may be kept; the last four digits at the end."""
    if (card := document.get("card")) is not None:
        return card["exp_month"], card["exp_year"], card["number"][-4:]
    if (token := document.get("network_token")) is not None:
        return "network token", token["exp_month"], token["exp_year"], token["number"][-4:]
    if (account := document.get("bank_account")) is not None:
        return account["mandate"]["reference"], account["iban"][-4:]
    payload = str(document["wallet"]["payload"])
    return hashlib.sha256(payload.encode()).hexdigest(), "0000"


def bank_of(document: Document) -> Bank | None:
    """The bank of the account that is debited, if one is."""
    account = document.get("bank_account")
    return Bank(account["iban"][-2:]) if account is not None else None


REPORT_COLUMNS = (
    "settlement_reference",
    "line",
    "type",
    "reference",
    "order_id",
    "currency",
    "amount_cents",
    "fee_cents",
    "net_cents",
    "settled_on",
)


def capture_fee(amount_cents: int) -> int:
    """1.4 %, half to even, and 10."""
    share = Decimal(amount_cents) * Decimal("0.014")
    return int(share.quantize(Decimal(1), ROUND_HALF_EVEN)) + 10


def report_file(reference: str, currency: str, rows: Sequence[Row]) -> str:
    """A settlement's report, a CSV: a capture costs a fee, and all else its own amount."""
    lines, sums = [], [0, 0, 0]
    for row in rows:
        fee = capture_fee(row.amount_cents) if row.operation == "CAPTURE" else 0
        gross = row.amount_cents if row.operation in BRINGS else -row.amount_cents
        what = (row.operation, row.reference, row.order_id, row.currency)
        lines.append((*what, row.amount_cents, fee, gross - fee))
        sums = [sums[0] + gross, sums[1] + fee, sums[2] + gross - fee]
    lines.append(("TOTAL", "", "", currency, *sums))
    rows_of_file = [(reference, at, *line, "2026-01-01") for at, line in enumerate(lines, start=1)]
    return "".join(",".join(map(str, row)) + "\n" for row in [REPORT_COLUMNS, *rows_of_file])
