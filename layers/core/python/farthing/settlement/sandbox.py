"""Settlement at the sandbox acquirer: JSON over HTTP, each answer signed over its bytes.

An answer counts only if its signature verifies and it names the reference that was asked about.
Everything else, silence included, is OutcomeUnknown.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from farthing import runtime
from farthing.acquiring.exchange import NoByteSent, NoUsableAnswer
from farthing.settlement.batch import BatchName, Paid
from farthing.settlement.entry import Operation
from farthing.settlement.line import Line
from farthing.settlement.ports import OutcomeUnknown, Refused, Submission
from farthing.settlement.report import Report, ReportLine

ANSWER_TIMEOUT_SECONDS = 15
ANSWER_BYTES_MAX = 2 * 1024 * 1024
"""Room for a report of all the lines that a batch takes, 800 bytes each."""

DEFINITE_REFUSALS = frozenset({400, 409, 413, 422})
"""Our request is wrong and stays wrong. A 401 is our setup, 429 and 5xx pass: they are unknown."""


@dataclass(frozen=True)
class SandboxSettlement:
    """The settlement side of the sandbox. `secret` is asked for on the first call."""

    url: str
    secret: Callable[[], str]

    def look_up(self, reference: str) -> Submission | None:
        """What the sandbox has under `reference`. Raises OutcomeUnknown."""
        status, document = self._exchange("GET", f"/v1/settlements/{reference}", None)
        if status == 404 and _error_code(document) == "NOT_FOUND":
            return None
        if status != 200 or document.get("reference") != reference:
            raise OutcomeUnknown(f"look-up answered {status}")
        report = document.get("report")
        return Submission(None if report is None else read_report(report))

    def submit(self, name: BatchName, lines: Sequence[Line]) -> None:
        """Ask for settlement, once per reference. Raises Refused or OutcomeUnknown."""
        status, document = self._exchange("POST", "/v1/settlements", submission(name, lines))
        code = _error_code(document)
        if status in DEFINITE_REFUSALS and code:
            raise Refused(code)
        accepted = document.get("status") == "ACCEPTED"
        if status != 200 or not accepted or document.get("reference") != name.reference:
            raise OutcomeUnknown(f"submission answered {status}")

    def _exchange(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> tuple[int, Mapping[str, Any]]:
        secret = self.secret()
        exchange = runtime.platform().exchange(self.url, secret, ANSWER_BYTES_MAX)
        sent = None if body is None else json.dumps(body).encode()
        try:
            status, raw, signature = exchange(method, path, sent, ANSWER_TIMEOUT_SECONDS)
        except (NoByteSent, NoUsableAnswer) as error:
            raise OutcomeUnknown(f"{type(error).__name__}: {error}") from error
        expected = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise OutcomeUnknown(f"the answer {status} is not signed by the acquirer")
        try:
            document = json.loads(raw)
        except ValueError as error:
            raise OutcomeUnknown("the answer is no JSON") from error
        if not isinstance(document, dict):
            raise OutcomeUnknown("the answer is no JSON object")
        return status, document


def from_environment() -> SandboxSettlement:
    """The sandbox that this function's environment names."""
    url = runtime.setting("ACQUIRER_URL")
    return SandboxSettlement(url, lambda: runtime.secret("ACQUIRER_REPORTING_SECRET_ID"))


def submission(name: BatchName, lines: Sequence[Line]) -> dict[str, Any]:
    """A batch as the sandbox takes it."""
    return {
        "reference": name.reference,
        "merchant_reference": name.tenant.merchant_id,
        "business_day": name.business_day.isoformat(),
        "currency": name.currency,
        "entries": [
            {
                "entry_id": line.entry_id,
                "reference": line.reference,
                "operation": line.operation.value,
                "amount_cents": line.amount_cents,
            }
            for line in lines
        ],
    }


def read_report(document: Any) -> Report:
    """A report as the sandbox writes it. Raises OutcomeUnknown if it has another shape."""
    try:
        lines = tuple(
            ReportLine(
                reference=str(line["reference"]),
                operation=Operation(line["operation"]),
                amount_cents=_cents(line["amount_cents"]),
                fee_cents=_cents(line["fee_cents"]),
                net_cents=_cents(line["net_cents"]),
            )
            for line in document["lines"]
        )
        names = ("gross_cents", "fee_cents", "net_cents")
        return Report(lines, Paid(*(_cents(document[name]) for name in names)))
    except (KeyError, TypeError, ValueError) as error:
        raise OutcomeUnknown("the report has another shape than it should") from error


def _cents(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("money is an int of minor units")
    return value


def _error_code(document: Mapping[str, Any]) -> str:
    error = document.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""
