"""The queue of what is to be looked into at its time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from farthing.payments.address import Address
from farthing.payments.services import DELAY_SECONDS_MAX
from farthing.store import TenantScope


@dataclass(frozen=True)
class LookQueue:
    """RESOLVE_QUEUE_URL. A message that is lost costs a minute: the tick finds what it was for."""

    client: Any
    url: str
    log_failure: Callable[[Exception], None]

    def look(self, address: Address, delay_seconds: int) -> None:
        """Have an operation looked into. Never raises for anything that the network does."""
        self._send({"operation": str(address)}, delay_seconds)

    def expire(self, tenant: TenantScope, intent_id: str, delay_seconds: int) -> None:
        """Have an authorization that ran out given back."""
        expiry = f"{tenant.merchant_id}/{tenant.mode}/{intent_id}"
        self._send({"expiry": expiry}, delay_seconds)

    def end_session(self, tenant: TenantScope, session_id: str, delay_seconds: int) -> None:
        """Have a checkout session ended whose time is over."""
        session = f"{tenant.merchant_id}/{tenant.mode}/{session_id}"
        self._send({"session": session}, delay_seconds)

    def tend(self, tenant: TenantScope, method_id: str, delay_seconds: int) -> None:
        """Have a payment method's network token seen to."""
        method = f"{tenant.merchant_id}/{tenant.mode}/{method_id}"
        self._send({"method": method}, delay_seconds)

    def _send(self, body: dict[str, str], delay_seconds: int) -> None:
        try:
            self.client.send_message(
                QueueUrl=self.url,
                MessageBody=json.dumps(body),
                DelaySeconds=min(delay_seconds, DELAY_SECONDS_MAX),
            )
        except (BotoCoreError, ClientError) as error:
            self.log_failure(error)
