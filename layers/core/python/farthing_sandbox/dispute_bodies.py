"""Bodies of answers to disputes, checked strictly, as in `bodies`."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from farthing_sandbox.bodies import Body, Reference, read

FIELDS_MAX: Final = 40
TEXT_LENGTH_MAX: Final = 20_000
FILES_MAX: Final = 10
CONTENT_LENGTH_MAX: Final = 6 * 1024 * 1024

Name = Annotated[str, Field(pattern=r"^[a-z_]{1,64}$")]
Text = Annotated[str, Field(max_length=TEXT_LENGTH_MAX)]


class FileBody(Body):
    """A document, in base64."""

    field: Name
    name: Annotated[str, Field(min_length=1, max_length=200)]
    content_type: Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9.+-]{1,60}$")]
    content: Annotated[str, Field(max_length=CONTENT_LENGTH_MAX, repr=False)]


class EvidenceBody(Body):
    """POST /v1/disputes/{reference}/evidence."""

    reference: Reference
    text: Annotated[dict[Name, Text], Field(max_length=FIELDS_MAX, repr=False)]
    files: Annotated[tuple[FileBody, ...], Field(max_length=FILES_MAX)] = ()


class AcceptanceBody(Body):
    """POST /v1/disputes/{reference}/acceptance."""

    reference: Reference


def evidence(raw: bytes) -> EvidenceBody:
    """Evidence. Raises Malformed."""
    return read(EvidenceBody, raw)


def acceptance(raw: bytes) -> AcceptanceBody:
    """That a dispute is accepted. Raises Malformed."""
    return read(AcceptanceBody, raw)
