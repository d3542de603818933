"""What each test account does, in one table: SEPA's by IBAN, America's by account number.

A debit is accepted at once and decided later. Every account with right check digits that is not in
the table pays after a while.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from farthing_sandbox.cards import Decline, Fault

DECIDES_AFTER_SECONDS: Final = 20
RETURNS_AFTER_SECONDS: Final = 30
"""After the bank has paid."""
NEVER_SECONDS: Final = 30 * 24 * 60 * 60


@dataclass(frozen=True)
class Reason:
    """Why a bank refuses or takes back, in the words of both schemes: ISO 20022 and Nacha."""

    sepa: str
    ach: str
    message: str

    def of(self, scheme: str) -> Decline:
        """As the acquirer says it."""
        return Decline(self.sepa if scheme == "SEPA" else self.ach, self.message)


NO_ACCOUNT: Final = Reason("AC01", "R03", "Incorrect account number")
CLOSED: Final = Reason("AC04", "R02", "Account closed")
NO_FUNDS: Final = Reason("AM04", "R01", "Insufficient funds")
CLAIMED_BACK: Final = Reason("MD06", "R10", "Refund request by the account's holder")


@dataclass(frozen=True)
class Account:
    """One row of the table. `does` is for people."""

    does: str
    refused_at_once: Reason | None = None
    refused: Reason | None = None
    decides_after_seconds: int = DECIDES_AFTER_SECONDS
    returned: Reason | None = None
    returns_after_seconds: int = RETURNS_AFTER_SECONDS
    told_of_decision: bool = True
    answer_fault: Fault | None = None
    """Happens after the debit was accepted: it is on its way and nobody hears of it."""


PAYS: Final = Account(f"accepted; pays after {DECIDES_AFTER_SECONDS} s")
REFUSES: Final = Account(
    f"accepted; refused for want of funds after {DECIDES_AFTER_SECONDS} s", refused=NO_FUNDS
)
IS_CLOSED: Final = Account("declined at once: the account is closed", refused_at_once=CLOSED)
RETURNS: Final = Account(
    f"pays after {DECIDES_AFTER_SECONDS} s; taken back {RETURNS_AFTER_SECONDS} s later",
    returned=CLAIMED_BACK,
)
SAYS_NOTHING: Final = replace(
    PAYS, does=f"{PAYS.does}; the answer never comes", answer_fault=Fault.NO_ANSWER
)
NEVER_DECIDES: Final = Account(
    "accepted; nothing is decided for 30 days",
    decides_after_seconds=NEVER_SECONDS,
    told_of_decision=False,
)
RETURNS_AT_ONCE: Final = Account(
    f"pays after {DECIDES_AFTER_SECONDS} s, and is taken back at that moment: that alone is told",
    returned=CLAIMED_BACK,
    returns_after_seconds=0,
    told_of_decision=False,
)

IBANS: Final[dict[str, Account]] = {
    "DE73009900000000000004": PAYS,
    "DE51009900000000000012": REFUSES,
    "DE29009900000000000020": IS_CLOSED,
    "DE28009900000000000038": RETURNS,
    "DE06009900000000000046": SAYS_NOTHING,
    "DE11009900000000000053": NEVER_DECIDES,
    "DE86009900000000000061": RETURNS_AT_ONCE,
}
ROUTING_NUMBER: Final = "110000000"
ACCOUNTS: Final[dict[str, Account]] = {
    "000000000004": PAYS,
    "000000000012": REFUSES,
    "000000000020": IS_CLOSED,
    "000000000038": RETURNS,
}
"""Account numbers behind the routing number."""


def account_of(scheme: str, number: str, routing_number: str | None) -> Account:
    """What a debit of this account comes to."""
    if scheme == "SEPA":
        wrong = Account("no account at all", refused_at_once=NO_ACCOUNT)
        return IBANS.get(number, PAYS) if passes_mod_97(number) else wrong
    return ACCOUNTS.get(number, PAYS) if routing_number == ROUTING_NUMBER else PAYS


def passes_mod_97(iban: str) -> bool:
    """The check digits of ISO 13616."""
    digits = "".join(str(int(c, 36)) for c in iban[4:] + iban[:4])
    return int(digits) % 97 == 1
