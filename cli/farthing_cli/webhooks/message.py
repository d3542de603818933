"""A webhook in hand, and what can be found wrong with it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from farthing.webhooks.signature import SignatureRefused, verify

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
WHOLE_SECONDS = re.compile(r"[0-9]{1,12}")


class Part(StrEnum):
    """Where to look."""

    HEADERS = "headers"
    TIMESTAMP = "timestamp"
    SECRET = "secret"
    SIGNATURE = "signature"
    BODY = "body"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, in words."""

    part: Part
    text: str


@dataclass(frozen=True)
class Message:
    """A webhook as it came. `headers` have lower-case names."""

    headers: Mapping[str, str]
    body: bytes

    def signed_parts(self) -> list[str]:
        """What a signature covers, part by part: lengths and digests, no contents."""
        text = {ID: self.headers.get(ID, ""), TIMESTAMP: self.headers.get(TIMESTAMP, "")}
        lines = [f"{name} {value!r} ({len(value)} characters)" for name, value in text.items()]
        digest = hashlib.sha256(self.body).hexdigest()
        return [*lines, f"body {len(self.body)} bytes, sha256 {digest}"]

    def signatures(self) -> list[str]:
        """The tokens of the signature's header."""
        return [token for token in self.headers.get(SIGNATURE, "").split(" ") if token]

    @property
    def seconds(self) -> int:
        """The timestamp of a message that may be signed."""
        return int(self.headers[TIMESTAMP])

    def may_be_signed(self) -> bool:
        """Whether its headers are such that a signature can be tried."""
        message_id = self.headers.get(ID, "")
        is_named = bool(message_id) and "." not in message_id
        is_dated = bool(WHOLE_SECONDS.fullmatch(self.headers.get(TIMESTAMP, "")))
        return is_named and is_dated and bool(self.signatures())

    def is_signed_by(self, secrets: Sequence[str]) -> bool:
        """Whether one of the secrets made one of the signatures, whenever that was."""
        try:
            verify(secrets, self.headers, self.body, now_seconds=self.seconds)
        except SignatureRefused:
            return False
        return True
