"""The feed of events, followed from now on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from farthing_cli.api import Api
from farthing_cli.failure import Failure

POLL_SECONDS = 1.0
FAILURES_IN_A_ROW_MAX = 5

Document = dict[str, Any]


@dataclass
class Feed:
    """What a merchant is told, in the feed's order. `cursor` is behind what was read."""

    api: Api
    cursor: str
    failures: int = 0

    @classmethod
    def from_now(cls, api: Api) -> Feed:
        """Behind all that is there. Raises Failure if the API does not answer."""
        return cls(api, str(api.get("/v1/events", after="end", limit=1)["next"]))

    def new(self) -> Iterator[Document]:
        """The events that have come since. Raises Failure."""
        while True:
            page = self.api.get("/v1/events", after=self.cursor, limit=100)
            self.cursor = str(page["next"])
            yield from page["data"]
            if not page["has_more"]:
                return

    def follow(self, until_seconds: float) -> Iterator[Document | None]:
        """Events as they come, None after each look, up to a time of the monotonic clock.

        A look that fails is made again. Raises Failure when several fail in a row.
        """
        while time.monotonic() < until_seconds:
            try:
                yield from self.new()
                self.failures = 0
            except Failure:
                self.failures += 1
                if self.failures >= FAILURES_IN_A_ROW_MAX:
                    raise
            yield None
            time.sleep(min(POLL_SECONDS, max(0.0, until_seconds - time.monotonic())))


def webhook_body(event: Document) -> bytes:
    """An event of the API in the bytes of a webhook."""
    data = {name: event[name] for name in ("event_id", "sequence", "version")}
    payload = {
        "type": event["type"],
        "timestamp": event["created_at"],
        "data": data | {"object": event["data"]["object"]},
    }
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
