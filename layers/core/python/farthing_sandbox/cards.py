"""What each test number does, in one table.

The number says everything, so a test reads as its own explanation and the books
need to remember nothing but a tag. Every number that passes Luhn and is not in
the table is approved.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


@dataclass(frozen=True)
class Decline:
    """A refusal in this acquirer's own words: ISO 8583 response codes."""

    code: str
    message: str


DO_NOT_HONOR: Final = Decline("05", "Do not honor")
INVALID_TRANSACTION: Final = Decline("12", "Invalid transaction")
INVALID_AMOUNT: Final = Decline("13", "Invalid amount")
INVALID_CARD_NUMBER: Final = Decline("14", "Invalid card number")
NOT_LOCATED: Final = Decline("25", "Unable to locate the original transaction")
INSUFFICIENT_FUNDS: Final = Decline("51", "Insufficient funds")
EXPIRED_CARD: Final = Decline("54", "Expired card")
SECURITY_VIOLATION: Final = Decline("63", "Security violation")
PROCESSING_ERROR: Final = Decline("96", "System malfunction")
ACCOUNT_CLOSED: Final = Decline("AC04", "Account closed")
INCORRECT_CVC: Final = Decline("N7", "Card verification code missing or incorrect")
TOKEN_REFUSED: Final = Decline("T1", "Network token not usable")
CRYPTOGRAM_REFUSED: Final = Decline("T2", "Token cryptogram missing, used or of another request")

TOKEN_RANGE: Final = "4000098"
"""How the numbers of network tokens begin. Without a cryptogram they are no cards."""


class Fault(StrEnum):
    """What goes wrong with an answer. The first two values are the front's header values."""

    NO_ANSWER = "no-answer"
    RESET = "reset"
    BAD_GATEWAY = "bad-gateway"
    WRONG_AMOUNT = "wrong-amount"


class Settles(StrEnum):
    """What is wrong with a charge's capture in the settlement report, and in what is paid."""

    NEVER = "NEVER"
    TWICE = "TWICE"
    OTHERWISE = "OTHERWISE"


class Later(StrEnum):
    """What the issuer does to a card a while after it got a network token."""

    REPLACES = "REPLACES"
    SUSPENDS = "SUSPENDS"


@dataclass(frozen=True)
class Behaviour:
    """One row of the table.

    `tag` is what the books keep in place of the number. `does` is for people.
    """

    tag: str
    does: str
    decline: Decline | None = None
    answer_fault: Fault | None = None
    """Happens after the books were written: the money moved and nobody hears of it."""
    first_request_fault: Fault | None = None
    """Happens to the first request of a reference, before anything else does."""
    capture_fault: Fault | None = None
    """Happens after a later capture of the charge was written."""
    lands_after_seconds: int = 0
    """The charge is on its way for so long. It will land, and nobody can see or stop it."""
    refunds_pend: bool = False
    """A refund takes its amount at once and is approved later."""
    kept_number_dies: bool = False
    """Whoever keeps the number and charges it again is refused: the card has a new one."""
    no_token: bool = False
    """The issuer gives no network token for the card."""
    token_refused: bool = False
    """Its network token is refused wherever it pays."""
    token_answer_lost: bool = False
    """Its network token is given, and the first answer that says so never comes."""
    settles: Settles | None = None
    """How its capture is settled, if not as it was booked. The books themselves stay right."""
    disputed: bool = False
    """Its payer disputes it a while after the capture."""
    refunds_come_back: bool = False
    """A refund is approved, and the payer's bank sends it back a while later."""
    issuer: Later | None = None
    """What the issuer does ten seconds after there is a network token."""


def declined(reason: Decline) -> Behaviour:
    """A number that is always refused for `reason`."""
    return Behaviour(f"declined_{reason.code}", f"declined: {reason.message}", decline=reason)


APPROVED: Final = Behaviour("approved", "approved")

BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "4000000000000002": declined(DO_NOT_HONOR),
    "4000000000009995": declined(INSUFFICIENT_FUNDS),
    "4000000000000069": declined(EXPIRED_CARD),
    "4000000000000127": declined(INCORRECT_CVC),
    "4000000000000119": declined(PROCESSING_ERROR),
    "4000000000000259": Behaviour(
        "disputed",
        "approved, and disputed 10 s after the capture: see disputes",
        disputed=True,
    ),
    "4000009900000012": Behaviour(
        "no_answer", "approved, but the answer never comes", answer_fault=Fault.NO_ANSWER
    ),
    "4000009900000020": Behaviour(
        "reset", "approved, connection reset instead of an answer", answer_fault=Fault.RESET
    ),
    "4000009900000038": Behaviour(
        "first_lost",
        "the first request is lost: nothing happens, no answer comes; a later one is approved",
        first_request_fault=Fault.NO_ANSWER,
    ),
    "4000009900000046": Behaviour(
        "lands_late",
        "approved after 30 s; until then nothing is answered, and look-ups say “not found”",
        lands_after_seconds=30,
    ),
    "4000009900000053": Behaviour(
        "bad_gateway",
        "approved, but the answer is HTTP 502 with an HTML body",
        answer_fault=Fault.BAD_GATEWAY,
    ),
    "4000009900000061": Behaviour(
        "wrong_amount",
        "approved, but the answer says another amount than was asked",
        answer_fault=Fault.WRONG_AMOUNT,
    ),
    "4000009900000079": Behaviour(
        "capture_no_answer",
        "approved; a later capture is booked, but its answer never comes",
        capture_fault=Fault.NO_ANSWER,
    ),
    "4000009900000087": Behaviour(
        "refunds_pend",
        "approved; a refund stays PENDING for 10 s, and its success is told by webhook",
        refunds_pend=True,
    ),
    "4000009900000095": Behaviour(
        "settles_never",
        "approved; its capture is missing from the settlement report, and is never paid",
        settles=Settles.NEVER,
    ),
    "4000009900000103": Behaviour(
        "settles_twice",
        "approved; its capture is in the settlement report twice, and is paid twice",
        settles=Settles.TWICE,
    ),
    "4000009900000111": Behaviour(
        "settles_otherwise",
        "approved; its capture is settled, and paid, with a tenth less than was captured",
        settles=Settles.OTHERWISE,
    ),
    "4000009900000129": Behaviour(
        "replaced",
        "approved; charged again, the number is declined: the issuer replaced the card. Its "
        "network token is approved; a webhook tells of the new card 10 s after there is a token",
        kept_number_dies=True,
        issuer=Later.REPLACES,
    ),
    "4000009900000145": Behaviour(
        "no_token", "approved; the issuer gives no network token for it", no_token=True
    ),
    "4000009900000152": Behaviour(
        "token_refused",
        "approved; its network token is refused wherever it pays",
        token_refused=True,
    ),
    "4000009900000160": Behaviour(
        "token_answer_lost",
        "approved; its network token is given, and the first answer that says so never comes",
        token_answer_lost=True,
    ),
    "4000009900000178": Behaviour(
        "token_suspended",
        "approved; the issuer suspends its network token after 10 s, and tells by webhook",
        issuer=Later.SUSPENDS,
    ),
    "4000009900000186": Behaviour(
        "refunds_come_back",
        "approved; a refund is approved too, and the payer's bank sends it back 20 s later",
        refunds_come_back=True,
    ),
}

BY_TAG: Final = {behaviour.tag: behaviour for behaviour in BEHAVIOURS.values()}

PREFIXES: Final = (
    ("34", "AMEX"),
    ("37", "AMEX"),
    ("6011", "DISCOVER"),
    ("65", "DISCOVER"),
    ("35", "JCB"),
    ("4", "VISA"),
    *((str(prefix), "MASTERCARD") for prefix in range(51, 56)),
    *((str(prefix), "MASTERCARD") for prefix in range(2221, 2721)),
)


def behaviour_of(number: str) -> Behaviour:
    """What this number does: its row, a refusal if it is no card number at all, or approval."""
    if not passes_luhn(number):
        return declined(INVALID_CARD_NUMBER)
    return BEHAVIOURS.get(number, APPROVED)


def behaviour_tagged(tag: str) -> Behaviour:
    """What a charge's card does, long after its number was forgotten."""
    return BY_TAG.get(tag, APPROVED)


def brand_of(number: str) -> str:
    """The scheme by prefix, UNKNOWN if none of ours."""
    return next((brand for prefix, brand in PREFIXES if number.startswith(prefix)), "UNKNOWN")


def passes_luhn(number: str) -> bool:
    """The check digit of ISO/IEC 7812-1, annex B."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
