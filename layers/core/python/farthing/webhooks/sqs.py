"""The deliveries queue on SQS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from farthing.webhooks.ports import DeliveryMessage, QueueRefused

BATCH_MESSAGES_MAX = 10


@dataclass(frozen=True)
class SqsQueue:
    """Sends by batches of ten, which is what SQS takes at once."""

    client: Any
    url: str

    def send(self, messages: Sequence[DeliveryMessage], *, delay_seconds: int = 0) -> None:
        """Raises QueueRefused if not every message was taken."""
        for start in range(0, len(messages), BATCH_MESSAGES_MAX):
            some = messages[start : start + BATCH_MESSAGES_MAX]
            answer = self.client.send_message_batch(
                QueueUrl=self.url,
                Entries=[
                    {
                        "Id": str(number),
                        "MessageBody": message.to_text(),
                        "DelaySeconds": delay_seconds,
                        **_group(message),
                    }
                    for number, message in enumerate(some)
                ],
            )
            if answer.get("Failed"):
                raise QueueRefused(f"{len(answer['Failed'])} of {len(some)} messages")


def _group(message: DeliveryMessage) -> dict[str, str]:
    """The tenant by which SQS is fair; messages of the release before name none."""
    return {"MessageGroupId": message.endpoint_id} if message.endpoint_id else {}
