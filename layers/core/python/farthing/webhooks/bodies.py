"""What requests about endpoints may hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from farthing.clock import from_text, to_text
from farthing.http.fields import Fields, FreeText, Metadata
from farthing.http.request import refuse_pan
from farthing.webhooks.endpoint import OVERLAP_SECONDS, OVERLAP_SECONDS_MAX
from farthing.webhooks.event_types import is_pattern
from farthing.webhooks.url import URL_LENGTH_MAX

PATTERNS_MAX = 32
RETRY_DELAYS_MAX = 20
RETRY_DELAY_SECONDS_MAX = 24 * 3600
RETRY_SPAN_SECONDS_MAX = 7 * 24 * 3600
PER_SECOND, PER_SECOND_MAX = 10, 100


def check_pattern(text: str) -> str:
    """For validators. Raises ValueError for a pattern that no type of event fits."""
    if not is_pattern(text):
        raise ValueError("is no type of event (* is all, refund.* all of refunds)")
    return text


def check_delays(delays: list[int]) -> list[int]:
    """For validators. Raises ValueError for a schedule that goes on for too long."""
    if sum(delays) > RETRY_SPAN_SECONDS_MAX:
        raise ValueError(f"sums up to more than {RETRY_SPAN_SECONDS_MAX} seconds")
    return delays


Url = Annotated[
    str, StringConstraints(min_length=1, max_length=URL_LENGTH_MAX), AfterValidator(refuse_pan)
]
Pattern = Annotated[str, StringConstraints(max_length=64), AfterValidator(check_pattern)]
Patterns = Annotated[list[Pattern], Field(min_length=1, max_length=PATTERNS_MAX)]

Delay = Annotated[int, Field(ge=0, le=RETRY_DELAY_SECONDS_MAX)]
Delays = Annotated[
    list[Delay], Field(min_length=1, max_length=RETRY_DELAYS_MAX), AfterValidator(check_delays)
]
"""Seconds before each attempt after the first."""


def check_time(text: str) -> str:
    """For validators. Raises ValueError for what is no time with a zone."""
    try:
        return to_text(from_text(text))
    except (ValueError, OverflowError) as error:
        raise ValueError("is an RFC 3339 time, such as 2026-11-22T09:00:00Z") from error


Time = Annotated[str, StringConstraints(max_length=40), AfterValidator(check_time)]
EndpointId = Annotated[str, StringConstraints(max_length=64), AfterValidator(refuse_pan)]
PayloadName = Literal["FULL", "THIN"]


class CreateEndpoint(Fields):
    """POST /v1/webhook_endpoints."""

    url: Url
    event_types: Patterns
    description: FreeText = ""
    metadata: Metadata = Field(default_factory=dict)
    payload: PayloadName = "FULL"
    retry_delays_seconds: Delays | None = None


class UpdateEndpoint(Fields):
    """POST /v1/webhook_endpoints/{endpoint_id}: what is not sent stays as it is."""

    url: Url = ""
    event_types: Patterns = Field(default_factory=list)
    description: FreeText = ""
    metadata: Metadata = Field(default_factory=dict)
    enabled: bool = True
    payload: PayloadName = "FULL"
    retry_delays_seconds: Delays | None = None


class RotateSecret(Fields):
    """POST /v1/webhook_endpoints/{endpoint_id}/rotate_secret."""

    overlap_seconds: int = Field(
        default=OVERLAP_SECONDS,
        ge=0,
        le=OVERLAP_SECONDS_MAX,
        description="how long the old secret signs too; 0 ends all old ones, for a leak",
    )


class ResendEvent(Fields):
    """POST /v1/events/{event_id}/resend."""

    endpoint_id: EndpointId | None = Field(
        default=None, description="one endpoint; else all that subscribe to it"
    )


class Recover(Fields):
    """POST /v1/webhook_endpoints/{endpoint_id}/recover."""

    since: Time
    until: Time | None = Field(default=None, description="till now, if it is not given")
    per_second: int = Field(default=PER_SECOND, ge=1, le=PER_SECOND_MAX)
    dry_run: bool = Field(default=False, description="only count")
