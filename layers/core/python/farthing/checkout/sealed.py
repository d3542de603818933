"""The session's key in its idempotency row: only the request that made it can read it again.

The same request under the same Idempotency-Key gets the same answer, and the key is in it. It is
stored nowhere but hashed, so what the row holds is the key under a pad that follows from the
caller's Idempotency-Key, which is not stored either. A UUID there is as good as a key of its own.
"""

from __future__ import annotations

import hmac

PURPOSE = "farthing checkout key"


def seal(entropy: bytes, idempotency_key: str, session_id: str) -> bytes:
    """The entropy of a key, 32 bytes, under the pad of this request. Sealing again unseals.

    A session's id is new, so a pad is used once.
    """
    pad = hmac.digest(idempotency_key.encode(), f"{PURPOSE}\n{session_id}".encode(), "sha256")
    if len(entropy) != len(pad):
        raise ValueError(f"a key has {len(pad)} bytes of entropy, not {len(entropy)}")
    return bytes(one ^ other for one, other in zip(entropy, pad, strict=True))
