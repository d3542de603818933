"""What happens without anybody asking: pending refunds end, and the client is told.

This acquirer sends itself a message that arrives when a refund's time has come.
Messages come at least once and so does the webhook; the refund ends once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from farthing_sandbox import bodies, notices
from farthing_sandbox.acquirer import NotBooked
from farthing_sandbox.notices import Undelivered

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from farthing_sandbox.acquirer import Acquirer


class Services(Protocol):
    """What a message needs of its surroundings."""

    @property
    def acquirer(self) -> Acquirer: ...
    def webhook_secret(self) -> bytes: ...
    def now(self) -> datetime: ...
    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None: ...
    def complain(self, what: str, **ids: str) -> None: ...


def work_off(event: Mapping[str, Any], services: Services) -> dict[str, Any]:
    """Do what the messages of an SQS event ask for. Those that failed come again."""
    failed = [record["messageId"] for record in event["Records"] if not done(record, services)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def done(record: Mapping[str, Any], services: Services) -> bool:
    """Whether a message is dealt with."""
    try:
        end_refund(record["body"], services)
    except (NotBooked, Undelivered, bodies.Malformed) as error:
        services.complain(f"a refund could not be ended: {type(error).__name__}: {error}")
        return False
    return True


def end_refund(body: str, services: Services) -> None:
    """Approve one pending refund, and tell. Raises NotBooked, Undelivered, Malformed."""
    due = bodies.due(body)
    refund = services.acquirer.end_refund(due, services.now())
    if refund is None:
        return
    url = notices.endpoint(services.acquirer.books)
    if url is None:
        services.complain("nobody has said where to post webhooks", reference=due.reference)
        return
    notice = notices.refund_updated(refund)
    headers = notice.headers(services.webhook_secret(), services.now())
    services.post(url, notice.body.encode(), headers)
