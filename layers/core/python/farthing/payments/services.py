"""What the payment use cases need of the world, as ports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from farthing.access.fees import FeePlan
from farthing.acquiring.answer import Answer
from farthing.acquiring.port import Books, Capabilities, LookUp, Reversal, TransactionPage
from farthing.fraud.ports import Fraud
from farthing.ids import IdSource
from farthing.network_tokens.on_file import MethodAddress
from farthing.network_tokens.port import TokenState
from farthing.payments.address import Address
from farthing.store import TenantScope
from farthing.store.port import Store

SEND_SECONDS = 23
"""How long sending may take: a second to connect, 22 to wait for `charge`.

With less time left than that, nothing is written and nothing is sent.
"""


DELAY_SECONDS_MAX = 900
"""The longest that SQS keeps a message back."""


class Sender(Protocol):
    """The way to the `charge` function. It alone sends, and it alone holds credentials."""

    def send(self, address: Address) -> Answer:
        """Send once, never again by itself. UNKNOWN for every failure but one before sending."""
        ...

    def look_up(self, address: Address) -> LookUp:
        """What the acquirer says of the operation's reference. Raises LookUpFailed."""
        ...

    def reverse(self, address: Address) -> Reversal:
        """Undo the authorization at `address`, as its row says was decided."""
        ...

    def forget_cvc(self, address: Address) -> None:
        """Have the CVC of what is never sent again deleted. Never raises for what the network
        does."""
        ...

    def transactions(self, books: Books, since: str, after: str | None) -> TransactionPage:
        """A page of the acquirer's books. Raises LookUpFailed."""
        ...

    def tend(self, method: MethodAddress) -> TokenState | None:
        """Do what is to be done about a method's network token; None if nobody can say."""
        ...


class Later(Protocol):
    """The way to look into something at its time. What it loses, the minute's tick finds."""

    def look(self, address: Address, delay_seconds: int) -> None:
        """Have an operation looked into. Never raises for anything that the network does."""
        ...

    def expire(self, tenant: TenantScope, intent_id: str, delay_seconds: int) -> None:
        """Have an authorization that ran out given back."""
        ...

    def end_session(self, tenant: TenantScope, session_id: str, delay_seconds: int) -> None:
        """Have a checkout session ended whose time is over."""
        ...

    def tend(self, tenant: TenantScope, method_id: str, delay_seconds: int) -> None:
        """Have a payment method's network token seen to."""
        ...


@dataclass(frozen=True)
class Services:
    """One merchant's view of the world, for one request."""

    tenant: TenantScope
    store: Store
    sender: Sender
    later: Later
    capabilities: Callable[[str], Capabilities]
    """What the acquirer of a connector guarantees."""
    business_day: Callable[[str], date]
    """The day with which the acquirer of a connector settles what happens now."""
    connector: Callable[[str], str | None]
    """Which connector takes this merchant's payments in a currency; None if none does."""
    takes_tokens: Callable[[str], bool]
    """Whether the acquirer of a connector takes network tokens. No for one that we do not know."""
    fraud: Fraud
    """What decides about a payment before it is sent."""
    new_id: IdSource
    now: Callable[[], datetime]
    seconds_left: Callable[[], float]
    fees: FeePlan
    """What we take of this merchant's captures that are begun now."""
    pause: Callable[[int], None]
    """Waits a moment before the next try, longer with its number."""
