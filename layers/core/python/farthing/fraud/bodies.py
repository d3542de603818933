"""What requests about rules, lists and models may hold."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from farthing.fraud.action import Action
from farthing.fraud.list_entries import Wanted
from farthing.fraud.lists import LISTED, REASON_LENGTH_MAX, Kind
from farthing.fraud.model_file import UPLOAD_BYTES_MAX
from farthing.fraud.model_row import ModelMode
from farthing.http.fields import Fields, FreeText, refuse_controls
from farthing.http.request import refuse_pan

LARGE_BODY_BYTES_MAX = 512 * 1024
"""Of rules and models. Both are refused at a lower limit of their own."""

VALUE_LENGTH_MAX = 320
MODEL_LENGTH_MAX = UPLOAD_BYTES_MAX * 4 // 3
"""Base64 makes four characters of three bytes."""


def listable(action: Action) -> Action:
    """For validators. Raises ValueError for what a list does not do."""
    if action not in LISTED:
        raise ValueError(f"is one of {', '.join(sorted(LISTED))}")
    return action


class PublishRules(Fields):
    """POST /v1/fraud/rules. `document` is checked where rules are known, not here."""

    document: Any
    follows: Annotated[int, Field(ge=0)] | None = None
    note: FreeText | None = None


class AddEntry(Fields):
    """POST /v1/fraud/list_entries. What its value may be, the kind says."""

    kind: Annotated[Kind, Field(strict=False)]
    value: Annotated[
        str,
        StringConstraints(min_length=1, max_length=VALUE_LENGTH_MAX),
        AfterValidator(refuse_controls),
    ]
    action: Annotated[Action, Field(strict=False), AfterValidator(listable)]
    reason: Annotated[
        str,
        StringConstraints(min_length=1, max_length=REASON_LENGTH_MAX),
        AfterValidator(refuse_pan),
        AfterValidator(refuse_controls),
    ]
    expires_at: str | None = None

    def wanted(self) -> Wanted:
        """The entry that is asked for."""
        return Wanted(**dict(self))


class UploadModel(Fields):
    """POST /v1/fraud/models: the file in base64."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=MODEL_LENGTH_MAX)]
    note: FreeText | None = None


class ActivateModel(Fields):
    """POST /v1/fraud/models/{model}/activate."""

    mode: Annotated[ModelMode, Field(strict=False)]
    note: FreeText | None = None


class DeactivateModel(Fields):
    """POST /v1/fraud/models/deactivate."""

    note: FreeText | None = None
