"""MiniStack with the one KMS call that it lacks: ReEncrypt. Started as a script, in its place.

    python reencrypt_quirk.py

AWS asks for two permissions, kms:ReEncryptFrom on the key that wrapped and kms:ReEncryptTo on the
other; so does this. What MiniStack does with a blob is left to MiniStack: it decrypts, it encrypts.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
FROM, TO = "kms:ReEncryptFrom", "kms:ReEncryptTo"
TARGET = ".ReEncrypt"


def install() -> None:
    """Teach MiniStack, in this process, to answer it."""
    from ministack.core import iam_actions
    from ministack.services import kms

    real_action, real_handle = iam_actions.extract_iam_action, kms.handle_request

    def extract_iam_action(*request: Any) -> str | None:
        action: str | None = real_action(*request)
        return FROM if action == "kms:ReEncrypt" else action

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: Any
    ) -> Answer:
        if headers.get("x-amz-target", "").endswith(TARGET):
            return re_encrypt(json.loads(body), headers, query)
        answer: Answer = await real_handle(method, path, headers, body, query)
        return answer

    iam_actions.extract_iam_action = extract_iam_action
    kms.handle_request = handle_request


def re_encrypt(asked: dict[str, Any], headers: dict[str, str], query: Any) -> Answer:
    """The blob under the other key, if the caller may. Whether it may decrypt was checked
    before."""
    from ministack.services import kms

    if denied := _denied(asked, headers, query):
        return denied
    wrapped_by = _wrapping_key(asked["CiphertextBlob"])
    named = asked.get("SourceKeyId")
    if named is not None and kms._resolve_key(named) is not kms._resolve_key(wrapped_by):
        return _error(kms, "IncorrectKeyException", "It was wrapped by another key")
    opened = kms._decrypt(
        {
            "CiphertextBlob": asked["CiphertextBlob"],
            "EncryptionContext": asked.get("SourceEncryptionContext", {}),
        }
    )
    if opened[0] != 200:
        return _whole(opened)
    found = json.loads(opened[2])
    sealed = kms._encrypt(
        {
            "KeyId": asked["DestinationKeyId"],
            "Plaintext": found["Plaintext"],
            "EncryptionContext": asked.get("DestinationEncryptionContext", {}),
        }
    )
    if sealed[0] != 200:
        return _whole(sealed)
    made = json.loads(sealed[2])
    told = {
        "CiphertextBlob": made["CiphertextBlob"],
        "KeyId": made["KeyId"],
        "SourceKeyId": found["KeyId"],
        "SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "DestinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }
    return _whole(kms.json_response(told))


def _denied(asked: dict[str, Any], headers: dict[str, str], query: Any) -> Answer | None:
    """The refusal of a caller who may not encrypt under the other key."""
    from ministack.core import iam_actions, iam_evaluator, responses, router
    from ministack.services import kms

    destination = kms._resolve_key(asked["DestinationKeyId"])
    if destination is None or not _enforced():
        return None
    caller = router.extract_access_key_id(headers, query)
    refused = iam_evaluator.enforce(
        caller, TO, "kms", responses.get_region(), resource_arn=destination["Arn"]
    )
    if not refused:
        return None
    principal = getattr(refused, "principal_arn", "")
    return _whole(iam_actions.access_denied_response("kms", TO, principal, "", headers=headers))


def _enforced() -> bool:
    from ministack import app

    return bool(app.AUTH)


def _wrapping_key(blob: str) -> str:
    """MiniStack's blobs begin with the id of their key."""
    return base64.b64decode(blob)[:36].decode("utf-8", errors="ignore")


def _error(kms: Any, code: str, message: str) -> Answer:
    return _whole(kms.error_response_json(code, message, 400))


def _whole(answer: Any) -> Answer:
    status, headers, body = answer
    return int(status), dict(headers), bytes(body)


if __name__ == "__main__":
    del sys.path[0]  # this folder, whose modules are nobody's but ours
    install()
    from ministack.app import main

    main()
