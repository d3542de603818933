"""Settlement at the sandbox acquirer: files over HTTP, each answer signed over its bytes.

An answer counts only if its signature verifies and it names the reference that was asked about.
Everything else, silence included, is OutcomeUnknown.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from farthing import runtime
from farthing.acquiring.exchange import NoByteSent, NoUsableAnswer
from farthing.settlement.batch import BatchName
from farthing.settlement.batch_file import CONTENT_TYPE
from farthing.settlement.line import Line
from farthing.settlement.ports import OutcomeUnknown, Refused

ANSWER_TIMEOUT_SECONDS = 15
ANSWER_BYTES_MAX = 2 * 1024 * 1024
"""Room for a report of all the lines that a batch takes, 800 bytes each."""
REPORTS_WITHIN = timedelta(hours=20)
"""Less than a day, so that the next day's run finds the report late."""

DEFINITE_REFUSALS = frozenset({400, 409, 413, 422})
"""Our request is wrong and stays wrong. A 401 is our setup, 429 and 5xx pass: they are unknown."""


@dataclass(frozen=True)
class SandboxSettlement:
    """The settlement side of the sandbox. `secret` is asked for on the first call."""

    url: str
    secret: Callable[[], str]
    reports_within: timedelta = REPORTS_WITHIN

    def has(self, reference: str) -> bool:
        """Whether the sandbox has a batch under `reference`. Raises OutcomeUnknown."""
        status, raw = self._exchange("GET", f"/v1/settlements/{reference}", None)
        return self._found(status, raw, reference) is not None

    def submit(self, reference: str, file: bytes) -> None:
        """Ask for settlement, once per reference. Raises Refused or OutcomeUnknown."""
        status, raw = self._exchange("POST", "/v1/settlements", file)
        document = _document(raw)
        code = _error_code(document)
        if status in DEFINITE_REFUSALS and code:
            raise Refused(code)
        sha256 = hashlib.sha256(file).hexdigest()
        accepted = {"reference": reference, "status": "ACCEPTED", "content_sha256": sha256}
        if status != 200 or document != accepted:
            raise OutcomeUnknown(f"submission answered {status}")

    def report(self, name: BatchName, lines: Iterable[Line]) -> bytes | None:
        """The sandbox's own report, whatever our lines are. Raises OutcomeUnknown."""
        path = f"/v1/settlements/{name.reference}"
        status, raw = self._exchange("GET", path, None)
        found = self._found(status, raw, name.reference)
        if found is None or found.get("reported") is not True:
            return None
        status, raw = self._exchange("GET", f"{path}/report", None)
        if status != 200:
            raise OutcomeUnknown(f"the report answered {status}")
        return raw

    def _found(self, status: int, raw: bytes, reference: str) -> Mapping[str, Any] | None:
        """What is known of a batch; None if nothing is. Raises OutcomeUnknown."""
        document = _document(raw)
        if document.get("reference") == reference:
            if status == 200:
                return document
            if status == 404 and _error_code(document) == "NOT_FOUND":
                return None
        raise OutcomeUnknown(f"look-up answered {status}")

    def _exchange(self, method: str, path: str, file: bytes | None) -> tuple[int, bytes]:
        """Status and body, of whose signature we are sure. Raises OutcomeUnknown."""
        secret = self.secret()
        exchange = runtime.platform().exchange(self.url, secret, ANSWER_BYTES_MAX, CONTENT_TYPE)
        try:
            status, raw, signature = exchange(method, path, file, ANSWER_TIMEOUT_SECONDS)
        except (NoByteSent, NoUsableAnswer) as error:
            raise OutcomeUnknown(f"{type(error).__name__}: {error}") from error
        expected = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise OutcomeUnknown(f"the answer {status} is not signed by the acquirer")
        return status, raw


def from_environment() -> SandboxSettlement:
    """The sandbox that this function's environment names."""
    url = runtime.setting("ACQUIRER_URL")
    return SandboxSettlement(url, lambda: runtime.secret("ACQUIRER_REPORTING_SECRET_ID"))


def _document(raw: bytes) -> Mapping[str, Any]:
    """Raises OutcomeUnknown for what is no JSON object."""
    try:
        document = json.loads(raw)
    except ValueError as error:
        raise OutcomeUnknown("the answer is no JSON") from error
    if not isinstance(document, dict):
        raise OutcomeUnknown("the answer is no JSON object")
    return document


def _error_code(document: Mapping[str, Any]) -> str:
    error = document.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""
