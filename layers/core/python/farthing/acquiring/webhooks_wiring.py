"""What receiving an acquirer's webhooks needs, filled with AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from farthing import runtime
from farthing.acquiring.webhooks import Services

SECRET_SETTINGS = {"sandbox": "ACQUIRER_WEBHOOK_SECRET_ID"}
"""The setting that names each acquirer's webhook secret."""


@dataclass(frozen=True)
class SqsQueue:
    """The queue of acquirers' events."""

    client: Any
    url: str

    def send(self, text: str) -> None:
        """Raises what the client raises."""
        self.client.send_message(QueueUrl=self.url, MessageBody=text)


def services() -> Services:
    """For one message."""
    return Services(
        secret=lambda acquirer: runtime.secret(SECRET_SETTINGS[acquirer]),
        queue=SqsQueue(runtime.client("sqs"), runtime.setting("ACQUIRER_EVENTS_QUEUE_URL")),
        now=runtime.clock().now(),
    )
