"""Fields that several request models share, and what each of them refuses."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from farthing.http.request import refuse_pan

FREE_TEXT_LENGTH_MAX = 500
EMAIL_LENGTH_MAX = 254
METADATA_KEYS_MAX = 50
METADATA_KEY_LENGTH_MAX = 40
METADATA_VALUE_LENGTH_MAX = 500


class Fields(BaseModel):
    """A request model: no unknown field, no conversion of types, no input in error texts."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


def refuse_controls(text: str) -> str:
    """For validators. Raises ValueError for control characters other than line breaks and tabs."""
    if any((ord(c) < 0x20 and c not in "\t\n\r") or ord(c) == 0x7F for c in text):
        raise ValueError("holds control characters")
    return text


def check_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """For validators. Raises ValueError for metadata that is too much, or holds a card number."""
    if len(metadata) > METADATA_KEYS_MAX:
        raise ValueError(f"has at most {METADATA_KEYS_MAX} keys")
    for name, value in metadata.items():
        if not 0 < len(name) <= METADATA_KEY_LENGTH_MAX:
            raise ValueError(f"a key has 1 to {METADATA_KEY_LENGTH_MAX} characters")
        if len(value) > METADATA_VALUE_LENGTH_MAX:
            raise ValueError(f"a value has at most {METADATA_VALUE_LENGTH_MAX} characters")
        for text in (name, value):
            refuse_controls(refuse_pan(text))
    return metadata


def check_ip(text: str) -> str:
    """For validators. Raises ValueError unless it is an IPv4 or IPv6 address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError("is an IPv4 or IPv6 address") from None
    if getattr(address, "scope_id", None) is not None:
        raise ValueError("is an address without a zone")
    return str(address)


IpAddress = Annotated[str, AfterValidator(check_ip)]

FreeText = Annotated[
    str,
    StringConstraints(max_length=FREE_TEXT_LENGTH_MAX),
    AfterValidator(refuse_pan),
    AfterValidator(refuse_controls),
]
"""What people write: at most 500 characters and no card number."""

Email = Annotated[
    str,
    StringConstraints(max_length=EMAIL_LENGTH_MAX, pattern=r"^[^@\s]+@[^@\s]+$"),
    AfterValidator(refuse_pan),
    AfterValidator(refuse_controls),
]
"""An address by its shape alone; only a letter that arrives proves more."""

CountryCode = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z]{2}$"), AfterValidator(lambda code: code.upper())
]
"""ISO 3166-1 alpha-2, in upper case."""

Metadata = Annotated[dict[str, str], AfterValidator(check_metadata)]
"""The merchant's own labels: at most 50 of text to text."""


class BillingAddress(Fields):
    """Where the card's statements go. Every field is optional."""

    line1: FreeText | None = None
    line2: FreeText | None = None
    city: FreeText | None = None
    state: FreeText | None = None
    postal_code: FreeText | None = None
    country: CountryCode | None = Field(
        default=None, description="ISO 3166-1 alpha-2, in either case"
    )

    def given(self) -> dict[str, str]:
        """The fields that were filled in, as they are stored and shown."""
        return self.model_dump(exclude_none=True)
