"""Notices: what the people who run Farthing are told, beside what merchants get as events."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Notice:
    """An endpoint was turned off. Ids alone: an address may hold a secret of the merchant's."""

    merchant_id: str
    mode: str
    endpoint_id: str
    reason: str
    at: str

    @property
    def subject(self) -> str:
        """The line that a mail shows first."""
        return f"Webhook endpoint {self.endpoint_id} was turned off: {self.reason}"

    def to_text(self) -> str:
        """The message's body."""
        return json.dumps(vars(self), separators=(",", ":"))


class Notices(Protocol):
    """Where notices go. The same one may come twice, and names its time."""

    def publish(self, notice: Notice) -> None:
        """Raises what the adapter raises; whoever told it tells it again."""
        ...
