"""One try of a delivery: what was sent when, and what came back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from farthing.store import Item
from farthing.webhooks.ports import Answer, Reply, SendError


@dataclass(frozen=True)
class Attempt:
    """Open, with neither status nor error, from its claim until its record.

    `at` is by the clock of the system, `signed_at` what the signature says, in seconds since 1970.
    """

    number: int
    at: str
    url: str | None = None
    signed_at: int | None = None
    status_code: int | None = None
    error: str | None = None
    duration_ms: int | None = None
    reply: Reply | None = None

    @property
    def open(self) -> bool:
        """Whether what came of it is not recorded."""
        return self.status_code is None and self.error is None

    def answered(self, answer: Answer) -> Attempt:
        """With what came of it."""
        return replace(
            self,
            status_code=answer.status_code,
            error=answer.error.value if answer.error else None,
            duration_ms=answer.duration_ms,
            reply=answer.reply,
        )

    def interrupted(self) -> Attempt:
        """As nobody will record it any more."""
        return replace(self, error=SendError.INTERRUPTED.value)

    def view(self) -> dict[str, Any]:
        """The attempt as the API lists it."""
        return {
            "attempt": self.number,
            "at": self.at,
            "status_code": self.status_code,
            "error": self.error,
            "duration_ms": self.duration_ms,
        }

    def item(self) -> Item:
        """The attempt as a part of its delivery's row."""
        others = {
            "url": self.url,
            "signed_at": self.signed_at,
            "reply": self.reply.item() if self.reply else None,
        }
        return self.view() | {name: value for name, value in others.items() if value is not None}

    @classmethod
    def of(cls, item: Item) -> Attempt:
        """The attempt of its part of a row."""
        return cls(
            number=item["attempt"],
            at=item["at"],
            url=item.get("url"),
            signed_at=item.get("signed_at"),
            status_code=item["status_code"],
            error=item["error"],
            duration_ms=item["duration_ms"],
            reply=Reply.of(item["reply"]) if "reply" in item else None,
        )
