"""The settlement queue on SQS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from farthing.settlement.job import Job

BATCH_MESSAGES_MAX = 10


class JobsRefused(Exception):
    """SQS did not take every message. Those that it took find nothing left to do the next time."""


@dataclass(frozen=True)
class JobQueue:
    """Sends by batches of ten, which is what SQS takes at once."""

    client: Any
    url: str

    def send(self, jobs: Sequence[Job]) -> None:
        """Have the jobs worked off. Raises JobsRefused if not every message was taken."""
        for start in range(0, len(jobs), BATCH_MESSAGES_MAX):
            some = jobs[start : start + BATCH_MESSAGES_MAX]
            entries = [
                {"Id": str(number), "MessageBody": job.to_text()} for number, job in enumerate(some)
            ]
            answer = self.client.send_message_batch(QueueUrl=self.url, Entries=entries)
            if answer.get("Failed"):
                raise JobsRefused(f"{len(answer['Failed'])} of {len(some)} messages")
