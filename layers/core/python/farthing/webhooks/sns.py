"""Notices on a topic of SNS, to which people subscribe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from farthing.webhooks.notices import Notice


@dataclass(frozen=True)
class SnsNotices:
    """`client` is asked for with the first notice: there is seldom one."""

    client: Callable[[], Any]
    topic_arn: str

    def publish(self, notice: Notice) -> None:
        """Put it on the topic."""
        self.client().publish(
            TopicArn=self.topic_arn, Subject=notice.subject, Message=notice.to_text()
        )
