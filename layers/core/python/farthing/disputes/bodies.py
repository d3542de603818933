"""What the dispute routes take. Strict: no unknown field, no converted type."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from farthing.disputes.evidence import (
    FILE_PURPOSES,
    FILES_BYTES_MAX,
    TEXT_FIELDS,
    TEXT_LENGTH_MAX,
    GivenFile,
)
from farthing.disputes.respond import Given
from farthing.http.fields import Fields, refuse_controls
from farthing.http.request import refuse_pan

EVIDENCE_BYTES_MAX = 5_700_000
"""Of a body: all documents in base64 with all texts. An invocation carries 6 MB."""
FILES_MAX = len(FILE_PURPOSES)
FILE_NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._()-]{0,99}$"


def _check_purpose(text: str) -> str:
    if text not in FILE_PURPOSES:
        raise ValueError("is one of " + ", ".join(FILE_PURPOSES))
    return text


EvidenceText = Annotated[
    str,
    Field(max_length=TEXT_LENGTH_MAX),
    AfterValidator(refuse_pan),
    AfterValidator(refuse_controls),
]


class EvidenceFileBody(Fields):
    """A document in base64."""

    purpose: Annotated[str, AfterValidator(_check_purpose)]
    name: Annotated[str, Field(pattern=FILE_NAME), AfterValidator(refuse_pan)]
    content_type: Literal["application/pdf", "image/jpeg", "image/png"]
    content: Annotated[str, Field(max_length=FILES_BYTES_MAX * 4 // 3 + 4, repr=False)]

    @model_validator(mode="after")
    def _is_base64(self) -> Self:
        if not self.decoded():
            raise ValueError("content is empty")
        return self

    def decoded(self) -> bytes:
        """The content. Raises ValueError for what is no base64."""
        try:
            return base64.b64decode(self.content, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError("content is not base64") from error

    def given(self) -> GivenFile:
        """As the use case takes it."""
        return GivenFile(self.purpose, self.name, self.content_type, self.decoded())


class GiveEvidence(Fields):
    """POST /v1/disputes/{id}/evidence. An empty text takes its field away."""

    submit: bool = False
    files: Annotated[list[EvidenceFileBody], Field(max_length=FILES_MAX)] = Field(
        default_factory=list
    )
    access_activity_log: EvidenceText | None = None
    billing_address: EvidenceText | None = None
    cancellation_policy_disclosure: EvidenceText | None = None
    cancellation_rebuttal: EvidenceText | None = None
    customer_communication: EvidenceText | None = None
    customer_email_address: EvidenceText | None = None
    customer_name: EvidenceText | None = None
    customer_purchase_ip: EvidenceText | None = None
    duplicate_charge_explanation: EvidenceText | None = None
    product_description: EvidenceText | None = None
    refund_policy_disclosure: EvidenceText | None = None
    refund_refusal_explanation: EvidenceText | None = None
    service_date: EvidenceText | None = None
    shipping_address: EvidenceText | None = None
    shipping_carrier: EvidenceText | None = None
    shipping_date: EvidenceText | None = None
    shipping_tracking_number: EvidenceText | None = None
    uncategorized_text: EvidenceText | None = None

    @model_validator(mode="after")
    def _one_for_each_purpose(self) -> Self:
        purposes = [one.purpose for one in self.files]
        if len(set(purposes)) != len(purposes):
            raise ValueError("files: one for each purpose")
        return self

    def evidence(self) -> Given:
        """As the use case takes it."""
        texts = {
            name: getattr(self, name) for name in TEXT_FIELDS if getattr(self, name) is not None
        }
        return Given(texts, tuple(one.given() for one in self.files))


class AcceptDispute(Fields):
    """POST /v1/disputes/{id}/accept."""
