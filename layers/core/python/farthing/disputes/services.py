"""What the use cases of disputes need of the world, as ports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from farthing.acquiring.dispute import Answered, Case
from farthing.acquiring.port import Capabilities
from farthing.disputes.answer import AnswerAddress
from farthing.files import Files
from farthing.ids import IdSource
from farthing.store import TenantScope
from farthing.store.port import Store


class Desk(Protocol):
    """The way to the `charge` function, which alone holds acquirers' credentials."""

    def find_dispute(self, tenant: TenantScope, connector: str, reference: str) -> Case | None:
        """A dispute as its acquirer has it; None if it has none. Raises LookUpFailed."""
        ...

    def answer_dispute(self, address: AnswerAddress) -> Answered:
        """Send the answer at `address`. UNKNOWN for every failure but one before sending."""
        ...


@dataclass(frozen=True)
class Services:
    """One merchant's view of the world, for one request."""

    tenant: TenantScope
    store: Store
    desk: Desk
    files: Callable[[], Files]
    capabilities: Callable[[str], Capabilities]
    new_id: IdSource
    now: Callable[[], datetime]
    seconds_left: Callable[[], float]
    business_day: Callable[[str], date]
    """A connector's business day that is now."""
    pause: Callable[[int], None]
    """Waits a moment before the next try, longer with its number."""
