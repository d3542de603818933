"""The vault's keys in AWS KMS: data keys by some keys, fingerprints by others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farthing import runtime
from farthing.store.scope import TenantScope
from farthing.vault import register
from farthing.vault.envelope import DATA_KEY_BYTES, DataKey, EnvelopeRefused
from farthing.vault.fingerprint import FingerprintBefore

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_REFUSALS = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
_KEY_IS_NOT_USABLE = frozenset(
    {
        "AccessDeniedException",
        "DisabledException",
        "KMSInvalidStateException",
        "NotFoundException",
    }
)


@dataclass(frozen=True)
class KmsDataKeys:
    """Data keys of one key: what `tokens` may make, and `charge` for a card that it has opened."""

    client: Any
    key_id: str

    def generate(self, context: Mapping[str, str]) -> DataKey:
        """A new data key (kms:GenerateDataKey)."""
        answer = self.client.generate_data_key(
            KeyId=self.key_id, NumberOfBytes=DATA_KEY_BYTES, EncryptionContext=dict(context)
        )
        return DataKey(answer["Plaintext"], answer["CiphertextBlob"], answer["KeyId"])


@dataclass(frozen=True)
class KmsUnwrapper:
    """Opens data keys: `charge` alone is granted that. `trusted` gives the key that a row may name.

    KMS is told which key to use, whatever the blob says: one that is not ours is never asked.
    """

    client: Any
    trusted: Callable[[str], str | None]

    def unwrap(self, wrapped: bytes, context: Mapping[str, str], wrapped_by: str) -> bytes:
        """The data key (kms:Decrypt). Raises EnvelopeRefused."""
        from botocore.exceptions import ClientError

        key_id = _allowed(self.trusted(wrapped_by))
        try:
            answer = self.client.decrypt(
                CiphertextBlob=wrapped, KeyId=key_id, EncryptionContext=dict(context)
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _REFUSALS:
                raise EnvelopeRefused("the data key was made for something else") from error
            raise
        plaintext: bytes = answer["Plaintext"]
        return plaintext


@dataclass(frozen=True)
class KmsRewrapper:
    """Brings data keys under another key, inside KMS: `vault_keeper` alone is granted that."""

    client: Any
    trusted: Callable[[str], str | None]

    def rewrap(
        self, wrapped: bytes, context: Mapping[str, str], wrapped_by: str, under: str
    ) -> tuple[bytes, str]:
        """The data key under `under` (kms:ReEncrypt), for the same context. Raises EnvelopeRefused.

        Both keys have to be ones that may hold the card: one under which nobody could open it would
        lose it.
        """
        from botocore.exceptions import ClientError

        source, destination = (_allowed(self.trusted(name)) for name in (wrapped_by, under))
        try:
            answer = self.client.re_encrypt(
                CiphertextBlob=wrapped,
                SourceKeyId=source,
                SourceEncryptionContext=dict(context),
                DestinationKeyId=destination,
                DestinationEncryptionContext=dict(context),
            )
        except ClientError as error:
            if is_of_this_row_alone(error):
                raise EnvelopeRefused(error.response["Error"]["Code"]) from error
            raise
        return answer["CiphertextBlob"], answer["KeyId"]


def is_of_this_row_alone(error: ClientError) -> bool:
    """Whether a job over many rows may go on: it is the envelope or its key, and nothing passes."""
    return error.response["Error"]["Code"] in _REFUSALS | _KEY_IS_NOT_USABLE


def _allowed(key_id: str | None) -> str:
    if key_id is None:
        raise EnvelopeRefused("the data key is under a key that may not hold this card")
    return key_id


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


def data_keys(key_id: str | None = None) -> KmsDataKeys:
    """The data keys of a key; of the stack's, unless one is named."""
    return KmsDataKeys(runtime.client("kms"), key_id or runtime.setting("VAULT_KEY_ID"))


def unwrapper(tenant: TenantScope) -> KmsUnwrapper:
    """What opens this merchant's data keys."""
    return KmsUnwrapper(runtime.client("kms"), lambda named: trusted_key(named, tenant))


def rewrapper(tenant: TenantScope) -> KmsRewrapper:
    """What brings this merchant's data keys under another of its keys."""
    return KmsRewrapper(runtime.client("kms"), lambda named: trusted_key(named, tenant))


def data_keys_like(named: str, tenant: TenantScope) -> KmsDataKeys:
    """The data keys of the key that a row of this merchant names. Raises EnvelopeRefused."""
    return data_keys(_allowed(trusted_key(named, tenant)))


def trusted_key(named: str, tenant: TenantScope) -> str | None:
    """The key to use for a row that names this one, if the register allows it.

    Remembered once it does: a key is given to nobody else, and one that is gone does not open.
    """
    stack_key, merchant_id = runtime.setting("VAULT_KEY_ID"), tenant.merchant_id

    def look_up() -> str:
        key_id = register.trusted(runtime.system_store(), named, merchant_id, stack_key)
        if key_id is None:
            raise LookupError(named)
        return key_id

    try:
        return runtime.once(("vault key", merchant_id, named), look_up)
    except LookupError:
        return None


def fingerprints() -> KmsFingerprints:
    """The fingerprints of this stack."""
    return KmsFingerprints(runtime.client("kms"), runtime.setting("FINGERPRINT_KEY_ID"))


def fingerprints_before() -> FingerprintBefore | None:
    """Those of the key before, if the stack is told of one."""
    key_id = runtime.setting("FINGERPRINT_KEY_ID_BEFORE", "")
    if not key_id:
        return None
    keys = KmsFingerprints(runtime.client("kms"), key_id)
    return FingerprintBefore(runtime.setting("FINGERPRINT_VERSION_BEFORE"), keys)
