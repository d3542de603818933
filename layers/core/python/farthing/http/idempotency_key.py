"""The Idempotency-Key header, and what a request is recognised by when it comes again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from farthing.errors import (
    IDEMPOTENCY_KEY_INVALID,
    IDEMPOTENCY_KEY_MISSING,
    FarthingError,
)

KEY_LENGTH_MAX = 255
HEADER = "idempotency-key"


@dataclass(frozen=True)
class IdempotentRequest:
    """One request under one key: where its row lives, and a digest of each field of its body.

    `fields` are digests, not values, so the row holds nothing that the body held.
    """

    key: str
    method: str
    path: str
    fields: Mapping[str, str]

    @property
    def row_id(self) -> str:
        """The row's name inside the merchant and mode: one per method, path and key."""
        text = "\n".join((self.method, self.path, self.key))
        return hashlib.sha256(text.encode()).hexdigest()

    def differing_fields(self, earlier: Mapping[str, str]) -> list[str]:
        """The fields whose values are not those of the earlier request, in order."""
        return sorted(
            name for name in {*self.fields, *earlier} if self.fields.get(name) != earlier.get(name)
        )


def parse_key(headers: Mapping[str, str], *, required: bool) -> str | None:
    """The key, without the quotes of an RFC 8941 string. None if absent and not required."""
    text = headers.get(HEADER, "").strip()
    if not text:
        if required:
            raise FarthingError(
                IDEMPOTENCY_KEY_MISSING,
                "send an Idempotency-Key header, a new UUID for each new payment, so that "
                "a retry cannot charge twice",
            )
        return None
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if not 0 < len(text) <= KEY_LENGTH_MAX or not all(" " <= c <= "~" for c in text):
        raise FarthingError(
            IDEMPOTENCY_KEY_INVALID,
            f"a key has 1 to {KEY_LENGTH_MAX} printable ASCII characters",
        )
    return text


def field_digests(body: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """A digest of each leaf of the body by its dotted path."""
    digests: dict[str, str] = {}
    for name, value in body.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            digests |= field_digests(value, f"{path}.")
        else:
            text = json.dumps(value, sort_keys=True, separators=(",", ":"))
            digests[path] = hashlib.sha256(text.encode()).hexdigest()[:32]
    return digests
