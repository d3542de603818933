"""KMS in memory: data keys bound to their encryption context, and MACs. All from one seed.

A key whose deletion was asked for cannot be used, and is gone when its time is over.

The wrapping is a keyed hash as a stream cipher: cheap, and whoever reads the blob cannot read the
data key. It is no cryptography to copy.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from botocore.exceptions import ClientError

from tests.simulation.aws.errors import Exceptions, answer, client_error

ARN = "arn:aws:kms:eu-west-1:000000000000:key/"
DATA_KEY_BYTES_MAX = 1024
MAC_MESSAGE_BYTES_MAX = 4096
_NONCE_BYTES, _TAG_BYTES = 16, 16
ALGORITHM = "SYMMETRIC_DEFAULT"
_MAC_ALGORITHMS = {"HMAC_256": "HMAC_SHA_256"}


DAY_SECONDS = 86_400.0
WAITING_DAYS = range(7, 31)


@dataclass(slots=True)
class Key:
    """One key. `spec` is SYMMETRIC_DEFAULT or HMAC_256; `gone_at` is when it is deleted."""

    key_id: str
    spec: str
    secret: bytes
    enabled: bool = True
    gone_at: float | None = None

    @property
    def arn(self) -> str:
        """What answers call it."""
        return ARN + self.key_id


class Keys:
    """All keys. The same seed and the same calls give the same keys."""

    exceptions = Exceptions(
        "DependencyTimeoutException",
        "DisabledException",
        "IncorrectKeyException",
        "InvalidCiphertextException",
        "InvalidKeyUsageException",
        "KMSInternalException",
        "KMSInvalidStateException",
        "NotFoundException",
    )

    def __init__(self, seed: bytes = b"", now: Callable[[], float] = lambda: 0.0) -> None:
        self._now = now
        self.on_open: list[Callable[[Mapping[str, str]], None]] = []
        """Called with the context of each data key that is given out in the clear by Decrypt."""
        self._seed = blake2b(seed, digest_size=32).digest()
        self._keys: dict[str, Key] = {}
        self._drawn = 0

    # The world's side

    def create_key(self, spec: str = "SYMMETRIC_DEFAULT") -> str:
        """A new key. Its id."""
        if spec != "SYMMETRIC_DEFAULT" and spec not in _MAC_ALGORITHMS:
            raise NotImplementedError(f"the fake has no {spec}")
        drawn = self._draw(16).hex()
        key_id = "-".join((drawn[:8], drawn[8:12], drawn[12:16], drawn[16:20], drawn[20:]))
        self._keys[key_id] = Key(key_id, spec, self._draw(32))
        return key_id

    def enable(self, key_id: str, *, enabled: bool) -> None:
        """Enable or disable a key."""
        self._keys[key_id].enabled = enabled

    def delete(self, key_id: str, days: int) -> float:
        """Ask for a key's deletion. When it is gone."""
        if days not in WAITING_DAYS:
            raise ValueError(f"{days} days")
        key = self._keys[key_id.removeprefix(ARN)]
        if key.gone_at is None:
            key.gone_at = self._now() + days * DAY_SECONDS
        return key.gone_at

    def is_usable(self, key_id: str) -> bool:
        """Whether a key is there, enabled, and not to be deleted."""
        key = self._keys.get(key_id.removeprefix(ARN))
        return key is not None and key.enabled and key.gone_at is None

    def look(self, blob: bytes, context: Mapping[str, str]) -> bytes | None:
        """The data key behind a blob, for looking only; None if nobody can open it."""
        try:
            plaintext: bytes = self._open("Decrypt", blob, context)[1]
        except ClientError:
            return None
        return plaintext

    def snapshot(self) -> tuple[int, dict[str, Key]]:
        """How much was drawn from the seed, and the keys as they are."""
        return self._drawn, {name: replace(key) for name, key in self._keys.items()}

    def restore(self, snapshot: tuple[int, dict[str, Key]]) -> None:
        """The keys as they were, and to be drawn on from there."""
        self._drawn, keys = snapshot
        self._keys = {name: replace(key) for name, key in keys.items()}

    # The client's side

    def generate_data_key(
        self, *, KeyId: str, NumberOfBytes: int, EncryptionContext: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """A new data key, plain and wrapped."""
        operation = "GenerateDataKey"
        key = self._usable(operation, KeyId, "SYMMETRIC_DEFAULT".__eq__)
        if not 1 <= NumberOfBytes <= DATA_KEY_BYTES_MAX:
            raise client_error(
                operation,
                "ValidationException",
                f"1 validation error detected: Value '{NumberOfBytes}' at 'numberOfBytes' failed "
                "to satisfy constraint: Member must have value between 1 and 1024",
            )
        plaintext = self._draw(NumberOfBytes)
        blob = self._wrap(key, plaintext, EncryptionContext)
        return answer(KeyId=key.arn, Plaintext=plaintext, CiphertextBlob=blob)

    def decrypt(
        self,
        *,
        CiphertextBlob: bytes,
        KeyId: str | None = None,
        EncryptionContext: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """The data key behind a blob, if the context is the one that it was made for."""
        operation = "Decrypt"
        self._check_named(operation, KeyId, CiphertextBlob)
        key, plaintext = self._open(operation, CiphertextBlob, EncryptionContext)
        for look in self.on_open:
            look(EncryptionContext or {})
        return answer(KeyId=key.arn, Plaintext=plaintext, EncryptionAlgorithm=ALGORITHM)

    def re_encrypt(
        self,
        *,
        CiphertextBlob: bytes,
        DestinationKeyId: str,
        SourceKeyId: str | None = None,
        SourceEncryptionContext: Mapping[str, str] | None = None,
        DestinationEncryptionContext: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """The data key behind a blob under another key; nobody sees it."""
        operation = "ReEncrypt"
        self._check_named(operation, SourceKeyId, CiphertextBlob)
        destination = self._usable(operation, DestinationKeyId, ALGORITHM.__eq__)
        source, plaintext = self._open(operation, CiphertextBlob, SourceEncryptionContext)
        return answer(
            CiphertextBlob=self._wrap(destination, plaintext, DestinationEncryptionContext),
            SourceKeyId=source.arn,
            KeyId=destination.arn,
            SourceEncryptionAlgorithm=ALGORITHM,
            DestinationEncryptionAlgorithm=ALGORITHM,
        )

    def generate_mac(self, *, KeyId: str, MacAlgorithm: str, Message: bytes) -> dict[str, Any]:
        """The HMAC of a message."""
        operation = "GenerateMac"
        key = self._usable(operation, KeyId, lambda spec: _MAC_ALGORITHMS.get(spec) == MacAlgorithm)
        if not 1 <= len(Message) <= MAC_MESSAGE_BYTES_MAX:
            raise client_error(
                operation,
                "ValidationException",
                "1 validation error detected: Value at 'message' failed to satisfy constraint: "
                "Member must have length between 1 and 4096",
            )
        mac = hmac.digest(key.secret, Message, "sha256")
        return answer(KeyId=key.arn, Mac=mac, MacAlgorithm=MacAlgorithm)

    # How

    def _wrap(self, key: Key, plaintext: bytes, context: Mapping[str, str] | None) -> bytes:
        nonce = self._draw(_NONCE_BYTES)
        hidden = _mask(key, nonce, plaintext)
        tag = _tag(key, nonce, hidden, context)
        return bytes.fromhex(key.key_id.replace("-", "")) + nonce + tag + hidden

    def _check_named(self, operation: str, key_id: str | None, blob: bytes) -> None:
        """A key that the caller names must be there, usable, and the one that wrapped."""
        if key_id is None:
            return
        named = self._usable(operation, key_id, ALGORITHM.__eq__)
        wrapping = self._wrapping(bytes(blob))
        if wrapping is not None and wrapping is not named:
            raise client_error(
                operation,
                "IncorrectKeyException",
                "The key ID in the request does not identify a CMK that can perform this "
                "operation.",
            )

    def _open(
        self, operation: str, blob: bytes, context: Mapping[str, str] | None
    ) -> tuple[Key, bytes]:
        blob = bytes(blob)
        key = self._wrapping(blob)
        start = 16 + _NONCE_BYTES + _TAG_BYTES
        if key is None or len(blob) <= start:
            raise client_error(operation, "InvalidCiphertextException", "")
        self._usable(operation, key.key_id, ALGORITHM.__eq__)
        nonce, tag, hidden = blob[16:32], blob[32:start], blob[start:]
        if tag != _tag(key, nonce, hidden, context):
            raise client_error(operation, "InvalidCiphertextException", "")
        return key, _mask(key, nonce, hidden)

    def _usable(self, operation: str, key_id: str, fits: Callable[[str], bool]) -> Key:
        key = self._keys.get(key_id.removeprefix(ARN))
        if key is None or (key.gone_at is not None and self._now() >= key.gone_at):
            raise _error(operation, "NotFoundException", f"Key '{key_id}' does not exist")
        if key.gone_at is not None:
            raise _error(operation, "KMSInvalidStateException", f"{key.arn} is pending deletion.")
        if not key.enabled:
            raise _error(operation, "DisabledException", f"{key.arn} is disabled.")
        if not fits(key.spec):
            raise _error(
                operation,
                "InvalidKeyUsageException",
                f"{key.arn} key usage is not valid for {operation}.",
            )
        return key

    def _wrapping(self, blob: bytes) -> Key | None:
        drawn = blob[:16].hex()
        return self._keys.get(
            "-".join((drawn[:8], drawn[8:12], drawn[12:16], drawn[16:20], drawn[20:]))
        )

    def _draw(self, length: int) -> bytes:
        self._drawn += 1
        return _bytes(self._seed, self._drawn.to_bytes(8, "big"), length)


def _error(operation: str, name: str, message: str) -> ClientError:
    return client_error(operation, name, message)


def _bytes(key: bytes, message: bytes, length: int) -> bytes:
    """As many bytes as wanted that only the key tells."""
    made = blake2b(message, digest_size=64, key=key).digest()
    while len(made) < length:
        made += blake2b(made, digest_size=64, key=key).digest()
    return made[:length]


def _mask(key: Key, nonce: bytes, data: bytes) -> bytes:
    mask = int.from_bytes(_bytes(key.secret, nonce, len(data)), "big")
    return (int.from_bytes(data, "big") ^ mask).to_bytes(len(data), "big")


def _tag(key: Key, nonce: bytes, hidden: bytes, context: Mapping[str, str] | None) -> bytes:
    bound = repr(sorted((context or {}).items())).encode()
    return blake2b(bound + nonce + hidden, digest_size=_TAG_BYTES, key=key.secret).digest()
