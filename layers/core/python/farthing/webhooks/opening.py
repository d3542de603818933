"""A new endpoint, and the test message that shows its owner that it works."""

from __future__ import annotations

from typing import Any

from farthing.webhooks import endpoints
from farthing.webhooks.endpoint import Endpoint
from farthing.webhooks.endpoint_news import ping_of
from farthing.webhooks.news import done_with, tell


def open_endpoint(services: endpoints.Services, **wanted: Any) -> Endpoint:
    """Make an endpoint and send it its ping. Raises FarthingError as `endpoints.create` does.

    Once the endpoint is made nothing fails any more: its secret is shown in this answer or never.
    A ping that cannot be sent now is sent by the next minute's tick.
    """
    endpoint = endpoints.create(services, **wanted)
    ping = ping_of(services.tenant, endpoint)
    try:
        tell(services.store, services.queue, services.now, ping)
        done_with(services.store, ping)
    except Exception as error:  # noqa: BLE001 - the answer must not be lost with the ping
        services.log_failure(error)
    return endpoint
