"""What the routes of breaks take. A person is named by whoever asks: keys are a company's."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from farthing.http.fields import Fields, FreeText, refuse_controls
from farthing.http.request import refuse_pan
from farthing.reconciliation.resolution import Resolution

PersonName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, strip_whitespace=True),
    AfterValidator(refuse_pan),
    AfterValidator(refuse_controls),
]
Reason = Annotated[FreeText, StringConstraints(min_length=1)]


class AssignBreak(Fields):
    """POST /v1/breaks/{id}/assign."""

    to: PersonName
    by: PersonName


class NoteBreak(Fields):
    """POST /v1/breaks/{id}/note."""

    by: PersonName
    text: Reason


class ResolveBreak(Fields):
    """POST /v1/breaks/{id}/resolve."""

    resolution: Annotated[Resolution, Field(strict=False)]
    by: PersonName
    reason: Reason
