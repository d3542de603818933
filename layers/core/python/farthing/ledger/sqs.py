"""The queue of trial balances on SQS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from farthing.ledger.trial_turn import QueueRefused, Turn

BATCH_MESSAGES_MAX = 10


@dataclass(frozen=True)
class TrialQueue:
    """Sends by batches of ten, which is what SQS takes at once."""

    client: Any
    url: str

    def send(self, turns: Sequence[Turn]) -> None:
        """Raises QueueRefused if not every message was taken."""
        for start in range(0, len(turns), BATCH_MESSAGES_MAX):
            some = turns[start : start + BATCH_MESSAGES_MAX]
            entries = [
                {"Id": str(number), "MessageBody": turn.to_text()}
                for number, turn in enumerate(some)
            ]
            answer = self.client.send_message_batch(QueueUrl=self.url, Entries=entries)
            if answer.get("Failed"):
                raise QueueRefused(f"{len(answer['Failed'])} of {len(some)} messages")
