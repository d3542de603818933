"""The vault's keys in AWS KMS: data keys by one key, fingerprints by another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from farthing import runtime
from farthing.vault.envelope import DATA_KEY_BYTES, DataKey, EnvelopeRefused

_REFUSALS = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


@dataclass(frozen=True)
class KmsDataKeys:
    """Data keys of VAULT_KEY_ID. `tokens` is granted the first half, `charge` the second."""

    client: Any
    key_id: str

    def generate(self, context: Mapping[str, str]) -> DataKey:
        """A new data key (kms:GenerateDataKey)."""
        answer = self.client.generate_data_key(
            KeyId=self.key_id, NumberOfBytes=DATA_KEY_BYTES, EncryptionContext=dict(context)
        )
        return DataKey(answer["Plaintext"], answer["CiphertextBlob"], answer["KeyId"])

    def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """The data key (kms:Decrypt), of our key alone, whatever the blob names."""
        from botocore.exceptions import ClientError

        try:
            answer = self.client.decrypt(
                CiphertextBlob=wrapped, KeyId=self.key_id, EncryptionContext=dict(context)
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _REFUSALS:
                raise EnvelopeRefused("the data key was made for something else") from error
            raise
        plaintext: bytes = answer["Plaintext"]
        return plaintext


@dataclass(frozen=True)
class KmsFingerprints:
    """Keyed hashes of FINGERPRINT_KEY_ID, whose key never leaves KMS."""

    client: Any
    key_id: str

    def mac(self, message: bytes) -> bytes:
        """HMAC-SHA-256 of `message` (kms:GenerateMac)."""
        answer = self.client.generate_mac(
            KeyId=self.key_id, MacAlgorithm="HMAC_SHA_256", Message=message
        )
        mac: bytes = answer["Mac"]
        return mac


def data_keys() -> KmsDataKeys:
    """The data keys of this stack."""
    return KmsDataKeys(runtime.client("kms"), runtime.setting("VAULT_KEY_ID"))


def fingerprints() -> KmsFingerprints:
    """The fingerprints of this stack."""
    return KmsFingerprints(runtime.client("kms"), runtime.setting("FINGERPRINT_KEY_ID"))
