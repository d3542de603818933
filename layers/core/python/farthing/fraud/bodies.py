"""What requests about rules, lists and models may hold."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from farthing.http.fields import Fields, FreeText

LARGE_BODY_BYTES_MAX = 512 * 1024
"""Of rules and models. Both are refused at a lower limit of their own."""


class PublishRules(Fields):
    """POST /v1/fraud/rules. `document` is checked where rules are known, not here."""

    document: Any
    follows: Annotated[int, Field(ge=0)] | None = None
    note: FreeText | None = None
