"""SNS in memory: what was published, and to which topic."""

from __future__ import annotations

from typing import Any

from tests.simulation.aws.errors import Exceptions, answer


class Topics:
    """All topics; nobody subscribes, so a test looks at what was published."""

    exceptions = Exceptions("NotFoundException", "ThrottledException")

    def __init__(self) -> None:
        self.published: list[tuple[str, str]] = []
        """Topic and text, in their order."""

    def publish(self, *, TopicArn: str, Subject: str, Message: str) -> dict[str, Any]:
        """Publish one notice."""
        self.published.append((TopicArn, Message))
        return answer(MessageId=f"{len(self.published):08x}-cccc-4ccc-8ccc-cccccccccccc")
