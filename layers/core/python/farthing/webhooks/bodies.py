"""What requests about endpoints may hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from farthing.http.fields import Fields, FreeText, Metadata
from farthing.http.request import refuse_pan
from farthing.webhooks.event_types import is_pattern
from farthing.webhooks.url import URL_LENGTH_MAX

PATTERNS_MAX = 32


def check_pattern(text: str) -> str:
    """For validators. Raises ValueError for a pattern that no type of event fits."""
    if not is_pattern(text):
        raise ValueError("is no type of event (* is all, refund.* all of refunds)")
    return text


Url = Annotated[
    str, StringConstraints(min_length=1, max_length=URL_LENGTH_MAX), AfterValidator(refuse_pan)
]
Pattern = Annotated[str, StringConstraints(max_length=64), AfterValidator(check_pattern)]
Patterns = Annotated[list[Pattern], Field(min_length=1, max_length=PATTERNS_MAX)]


class CreateEndpoint(Fields):
    """POST /v1/webhook_endpoints."""

    url: Url
    event_types: Patterns
    description: FreeText = ""
    metadata: Metadata = Field(default_factory=dict)


class UpdateEndpoint(Fields):
    """POST /v1/webhook_endpoints/{endpoint_id}: what is not sent stays as it is."""

    url: Url = ""
    event_types: Patterns = Field(default_factory=list)
    description: FreeText = ""
    metadata: Metadata = Field(default_factory=dict)
    enabled: bool = True
