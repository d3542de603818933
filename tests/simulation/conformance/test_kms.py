"""The fake KMS against moto's and MiniStack's: what a data key is bound to, how it comes under
another key, what becomes of one that is to be deleted, and what a MAC is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.conformance.backends import Backend, outcome

CONTEXT = {"purpose": "card", "merchant": "mer_1", "token": "tok_1"}
MACS = ("HMAC_256", "HMAC_SHA_256")

OTHERWISE: dict[str, dict[str, str]] = {
    "moto": {
        # It thinks of rights before it thinks of keys.
        "another key": "AccessDeniedException",
        "rewrapped, the key before": "AccessDeniedException",
        # It does not ask what a key is for, nor how long a message is.
        "a data key of a MAC's key": "ok",
        "a MAC of nothing": "a MAC",
        # It does not look at the key that is named as the one before.
        "rewrapped, named another source": "ok",
        # It looks at no state of a key.
        "a key to be deleted opens": "the key",
        "a key to be deleted makes": "ok",
        "a key to be deleted is rewrapped from": "ok",
        "a key to be deleted is rewrapped to": "ok",
    },
    "MiniStack": {
        # It decrypts with whatever key the blob names, and does not notice that a blob was changed:
        # that the vault refuses both is tested on the fake and on moto.
        "another key": "another key",
        "rewrapped, the key before": "another key",
        "a key that is not there": "the key",
        "another blob": "another key",
        "a data key that is too long": "ok",
    },
}


def answers(backend: Backend) -> dict[str, Any]:
    """What each call comes to, without keys and ciphertexts."""
    kms = backend.kms
    wrapping, other = (
        backend.create_key("SYMMETRIC_DEFAULT"),
        backend.create_key("SYMMETRIC_DEFAULT"),
    )
    macs = backend.create_key(MACS[0])
    made = kms.generate_data_key(KeyId=wrapping, NumberOfBytes=32, EncryptionContext=CONTEXT)
    plain, blob = made["Plaintext"], made["CiphertextBlob"]

    def opened(context: dict[str, str] | None, blob: bytes = blob, **more: Any) -> str:
        given = {} if context is None else {"EncryptionContext": context}
        told = outcome(kms, "decrypt", {"CiphertextBlob": blob, **given, **more})
        if told[0] == "error":
            return str(told[1])
        return "the key" if told[1]["Plaintext"] == plain else "another key"

    def mac(message: bytes, key: str = macs) -> Any:
        arguments = {"KeyId": key, "MacAlgorithm": MACS[1], "Message": message}
        told = outcome(kms, "generate_mac", arguments)
        return told[1]["Mac"] if told[0] == "ok" else told[1]

    def generated(key: str, length: int) -> str:
        told = outcome(kms, "generate_data_key", {"KeyId": key, "NumberOfBytes": length})
        return "ok" if told[0] == "ok" else str(told[1])

    def rewrapped(blob: bytes = blob, **more: Any) -> Any:
        """The new blob, or why there is none."""
        told = outcome(kms, "re_encrypt", {**REWRAP, "CiphertextBlob": blob, **more})
        return bytes(told[1]["CiphertextBlob"]) if told[0] == "ok" else str(told[1])

    def ok(made: Any) -> str:
        return "ok" if isinstance(made, bytes) else str(made)

    REWRAP = {
        "SourceKeyId": wrapping,
        "SourceEncryptionContext": CONTEXT,
        "DestinationKeyId": other,
        "DestinationEncryptionContext": CONTEXT,
    }
    moved = rewrapped()
    leaving = backend.create_key("SYMMETRIC_DEFAULT")
    left = kms.generate_data_key(KeyId=leaving, NumberOfBytes=32, EncryptionContext=CONTEXT)
    backend.delete_key(leaving)
    changed = blob[:-1] + bytes([blob[-1] ^ 1])
    return {
        "rewrapped, its context and its key": opened(CONTEXT, moved, KeyId=other),
        "rewrapped, another context": opened({**CONTEXT, "token": "tok_2"}, moved),
        "rewrapped, the key before": opened(CONTEXT, moved, KeyId=wrapping),
        "rewrapped, the blob before": opened(CONTEXT, KeyId=wrapping),
        "rewrapped under the same key": opened(
            CONTEXT, rewrapped(DestinationKeyId=wrapping), KeyId=wrapping
        ),
        "rewrapped, from another context": ok(rewrapped(SourceEncryptionContext={"purpose": "x"})),
        "rewrapped, named another source": ok(rewrapped(SourceKeyId=other)),
        "rewrapped to a key that is not there": ok(rewrapped(DestinationKeyId=other[:-4] + "0000")),
        "a key to be deleted opens": _told(
            kms, "decrypt", left, {"KeyId": leaving, "EncryptionContext": CONTEXT}
        ),
        "a key to be deleted makes": generated(leaving, 32),
        "a key to be deleted is rewrapped from": ok(
            rewrapped(left["CiphertextBlob"], SourceKeyId=leaving)
        ),
        "a key to be deleted is rewrapped to": ok(rewrapped(DestinationKeyId=leaving)),
        "its context": opened(CONTEXT),
        "its context in another order": opened(dict(reversed(CONTEXT.items()))),
        "its context and its key": opened(CONTEXT, KeyId=wrapping),
        "another context": opened({**CONTEXT, "token": "tok_2"}),
        "more context": opened({**CONTEXT, "more": "1"}),
        "less context": opened({"purpose": "card"}),
        "no context": opened(None),
        "another key": opened(CONTEXT, KeyId=other),
        "a key that is not there": opened(CONTEXT, KeyId=wrapping[:-4] + "0000"),
        "another blob": opened(CONTEXT, changed),
        "the blob hides the key": plain not in blob,
        "two keys": made["Plaintext"]
        != kms.generate_data_key(KeyId=wrapping, NumberOfBytes=32)["Plaintext"],
        "as long as asked": len(plain),
        "a data key of no length": generated(wrapping, 0),
        "a data key that is too long": generated(wrapping, 1025),
        "a data key of a MAC's key": generated(macs, 32),
        "a MAC is one of its message": mac(b"4242") == mac(b"4242") != mac(b"4243"),
        "as long as its hash": len(mac(b"4242")),
        "a MAC of a wrapping key": mac(b"4242", wrapping),
        "a MAC of nothing": "a MAC" if isinstance(mac(b""), bytes) else mac(b""),
    }


def _told(kms: Any, method: str, made: Any, arguments: dict[str, Any]) -> str:
    told = outcome(kms, method, {"CiphertextBlob": made["CiphertextBlob"], **arguments})
    if told[0] == "error":
        return str(told[1])
    return "the key" if told[1]["Plaintext"] == made["Plaintext"] else "another key"


AWS = {
    "rewrapped, its context and its key": "the key",
    "rewrapped, another context": "InvalidCiphertextException",
    "rewrapped, the key before": "IncorrectKeyException",
    "rewrapped, the blob before": "the key",
    "rewrapped under the same key": "the key",
    "rewrapped, from another context": "InvalidCiphertextException",
    "rewrapped, named another source": "IncorrectKeyException",
    "rewrapped to a key that is not there": "NotFoundException",
    "a key to be deleted opens": "KMSInvalidStateException",
    "a key to be deleted makes": "KMSInvalidStateException",
    "a key to be deleted is rewrapped from": "KMSInvalidStateException",
    "a key to be deleted is rewrapped to": "KMSInvalidStateException",
    "its context": "the key",
    "its context in another order": "the key",
    "its context and its key": "the key",
    "another context": "InvalidCiphertextException",
    "more context": "InvalidCiphertextException",
    "less context": "InvalidCiphertextException",
    "no context": "InvalidCiphertextException",
    "another key": "IncorrectKeyException",
    "a key that is not there": "NotFoundException",
    "another blob": "InvalidCiphertextException",
    "the blob hides the key": True,
    "two keys": True,
    "as long as asked": 32,
    "a data key of no length": "ValidationException",
    "a data key that is too long": "ValidationException",
    "a data key of a MAC's key": "InvalidKeyUsageException",
    "a MAC is one of its message": True,
    "as long as its hash": 32,
    "a MAC of a wrapping key": "InvalidKeyUsageException",
    "a MAC of nothing": "ValidationException",
}
"""As the API reference of Decrypt, GenerateDataKey, ReEncrypt and GenerateMac says, and "Key states
of KMS keys"."""


def test_the_fake_answers_as_documented(ours: Backend) -> None:
    assert answers(ours) == AWS


def test_moto_answers_otherwise_where_we_say(on_moto: Backend) -> None:
    assert answers(on_moto) == AWS | OTHERWISE["moto"]


@pytest.mark.stack
def test_ministack_answers_otherwise_where_we_say(on_ministack: Backend) -> None:
    assert answers(on_ministack) == AWS | OTHERWISE["MiniStack"]
