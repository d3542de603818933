"""What the payment use cases need of the world, as ports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from farthing.acquiring.port import Answer, LookUp
from farthing.fraud.score import Scorer
from farthing.ids import IdSource
from farthing.payments.operation import Address
from farthing.store import TenantScope
from farthing.store.port import Store

SEND_SECONDS = 23
"""How long sending may take: a second to connect, 22 to wait for `charge`.

With less time left than that, nothing is written and nothing is sent.
"""


class Sender(Protocol):
    """The way to the `charge` function. It alone sends, and it alone holds credentials."""

    def send(self, address: Address) -> Answer:
        """Send once, never again by itself. UNKNOWN for every failure but one before sending."""
        ...

    def look_up(self, address: Address) -> LookUp:
        """What the acquirer says of the operation's reference. Raises LookUpFailed."""
        ...


@dataclass(frozen=True)
class Services:
    """One merchant's view of the world, for one request."""

    tenant: TenantScope
    store: Store
    sender: Sender
    score: Scorer
    new_id: IdSource
    now: Callable[[], datetime]
    seconds_left: Callable[[], float]
    pause: Callable[[int], None]
    """Waits a moment before the next try, longer with its number."""
