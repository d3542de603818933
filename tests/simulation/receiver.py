"""The merchants' webhook receiver: it checks the real signature, and remembers what it was told.

It is called when a request lands, and never waits. What happens on the way to it and back (answers
lost, connections refused) is the network's.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from farthing.webhooks.signature import TOLERANCE_SECONDS, SignatureRefused, verify
from tests.simulation.clients import NoAnswer
from tests.simulation.dice import Dice
from tests.simulation.violation import Violation


class Fault(StrEnum):
    """What a receiver may do instead of saying 200."""

    SERVER_ERROR = "500, not taken"
    TAKEN_THEN_ERROR = "taken, then 503"
    SILENCE = "taken, then no answer"
    DEAF = "no answer, not taken"
    REDIRECT = "302"
    GONE = "410"


@dataclass(frozen=True)
class Manners:
    """How a receiver behaves for a whole seed."""

    chance: float = 0.0
    faults: tuple[Fault, ...] = ()

    def calm(self) -> Manners:
        """On a good day."""
        return Manners()


def draw_manners(dice: Dice) -> Manners:
    """A receiver; that one says 410, and gets nothing more, is rare."""
    faults = [fault for fault in Fault if dice.chance(0.1 if fault is Fault.GONE else 0.5)]
    return Manners(dice.choice((0.0, 0.2, 0.5, 0.9)), tuple(faults))


@dataclass(frozen=True)
class Told:
    """One event as an endpoint was told it."""

    at: float
    event_id: str
    type: str
    body: Mapping[str, Any]


class Receiver:
    """All endpoints of a world. `secrets` is url → signing secrets, `now` the true time."""

    def __init__(
        self,
        dice: Dice,
        now: Callable[[], float],
        secrets: Mapping[str, tuple[str, ...]],
        manners: Manners | None = None,
    ) -> None:
        self.dice, self.now, self.secrets = dice, now, dict(secrets)
        self.manners = manners or Manners()
        self.told: dict[str, list[Told]] = defaultdict(list)
        """What each endpoint took, in the order in which it came, repeats included."""
        self.gone: dict[str, set[str]] = {}
        """Endpoints that said 410, and about which events."""
        self.bodies: dict[str, bytes] = {}
        """Event id → its bytes: the same each time, for every endpoint."""
        self.hits: Counter[str] = Counter()
        self.on_body: Callable[[str, str], None] | None = None
        """Called with every body that is sent to an endpoint, taken or not."""

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """A delivery lands now: the status. Raises NoAnswer."""
        self._require_signed(url, headers, body)
        if self.on_body is not None:
            self.on_body(f"a webhook for {url}", body.decode())
        if abs(self.now() - int(headers["webhook-timestamp"])) > TOLERANCE_SECONDS:
            return 400  # the sender's clock is wrong, or it came late: our own would be refused too
        fault = self._fault()
        if fault is Fault.SERVER_ERROR:
            return 500
        if fault is Fault.DEAF:
            raise NoAnswer
        if fault is Fault.REDIRECT:
            return 302
        if fault is Fault.GONE:
            self.gone.setdefault(url, set()).add(headers["webhook-id"])
            return 410
        self._take(url, headers["webhook-id"], body)
        if fault is Fault.SILENCE:
            raise NoAnswer
        return 503 if fault is Fault.TAKEN_THEN_ERROR else 200

    def calm(self) -> None:
        """It behaves from now on."""
        self.manners = replace(self.manners.calm())

    def seen(self, url: str) -> set[str]:
        """The ids of the events that an endpoint took."""
        return {told.event_id for told in self.told[url]}

    def _take(self, url: str, event_id: str, body: bytes) -> None:
        before = self.bodies.setdefault(event_id, body)
        if before != body:
            raise Violation(3, event_id, f"told as {before!r}, and then as {body!r}")
        document = json.loads(body)
        self.told[url].append(Told(self.now(), event_id, document["type"], document))

    def _require_signed(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        if url not in self.secrets:
            raise Violation(10, url, "a webhook was sent to an address that no merchant gave")
        try:
            timestamp = int(headers["webhook-timestamp"])
            verify(self.secrets[url], headers, body, now_seconds=timestamp)
        except (KeyError, ValueError, SignatureRefused) as error:
            event_id = headers.get("webhook-id", "")
            raise Violation(4, event_id, f"not signed for {url}: {error!r}") from None

    def _fault(self) -> Fault | None:
        manners = self.manners
        if not manners.faults or not self.dice.chance(manners.chance):
            return None
        fault = self.dice.choice(manners.faults)
        self.hits[fault.name] += 1
        return fault
