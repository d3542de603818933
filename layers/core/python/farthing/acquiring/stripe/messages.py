"""Stripe's webhooks: whether Stripe signed one, what is kept of it, and what it is about.

    hint      it names an operation of ours: the acquirer is asked what became of it
    notice    it names none, and may matter: a dispute of a payment that was made without us, a
              warning. It is kept
    nothing   a payment that somebody made without us

`Stripe-Signature: t=…,v1=…,v1=…`: HMAC-SHA-256 of `{t}.{body}`, in hexadecimal, by each secret that
is in use. Of a message only named fields are kept: the payer's name and address are none of them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from farthing.acquiring.inbound import DisputeHint, Hint, Notice
from farthing.acquiring.port import Kind
from farthing.acquiring.stripe.payment import KIND, MARK_OF, MERCHANT, ORDER, REFERENCE, REVERSAL
from farthing.webhooks.signature import TOLERANCE_SECONDS, SignatureRefused

SIGNATURE_HEADER = "stripe-signature"
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")

KEPT = (
    "id",
    "object",
    "status",
    "amount",
    "amount_received",
    "currency",
    "capture_method",
    "charge",
    "payment_intent",
    "reason",
    "failure_reason",
    "created",
)
"""Fields of a message's object, beside our marks and a dispute's deadline."""

DISPUTE = "dispute"
APPROVED = frozenset({"succeeded", "requires_capture"})
REFUND_ENDS = {"succeeded": True, "failed": False, "canceled": False}


def signed_at(headers: Mapping[str, str], now_seconds: int) -> tuple[str, list[str]]:
    """Timestamp and digests of the header. Raises SignatureRefused if nobody need be asked."""
    parts = [part.partition("=") for part in headers.get(SIGNATURE_HEADER, "").split(",")]
    times = [value for name, _, value in parts if name.strip() == "t"]
    digests = [value for name, _, value in parts if name.strip() == "v1"]
    if len(times) != 1 or not _TIMESTAMP.fullmatch(times[0]):
        raise SignatureRefused("Stripe-Signature has no timestamp")
    if abs(now_seconds - int(times[0])) > TOLERANCE_SECONDS:
        raise SignatureRefused("Stripe-Signature is more than five minutes off")
    found = [digest for digest in digests if _DIGEST.fullmatch(digest)]
    if not found:
        raise SignatureRefused("Stripe-Signature has no v1")
    return times[0], found


def verify(
    secrets: Sequence[str], headers: Mapping[str, str], body: bytes, *, now_seconds: int
) -> None:
    """Accept a message signed by one of `secrets` within five minutes. Raises SignatureRefused."""
    timestamp, digests = signed_at(headers, now_seconds)
    content = timestamp.encode() + b"." + body
    wanted = [hmac.new(one.encode(), content, hashlib.sha256).hexdigest() for one in secrets]
    if not any(hmac.compare_digest(one, other) for one in digests for other in wanted):
        raise SignatureRefused("Stripe-Signature is by no secret of this account")


def digest(body: bytes) -> str:
    """What is kept of a message, as JSON. Raises ValueError for what is no event."""
    event = json.loads(body)
    try:
        told = event["data"]["object"]
        kept = {name: told[name] for name in KEPT if name in told and _is_plain(told[name])}
        marks = {
            name: value
            for name, value in (told.get("metadata") or {}).items()
            if name.startswith("farthing_") and isinstance(value, str)
        }
        details = told.get("evidence_details") or {}
        due_by = details.get("due_by")
        kept |= {"metadata": marks, "due_by": due_by if _is_plain(due_by) else None}
        named = {name: event[name] for name in ("id", "type", "created", "livemode")}
        if not all(map(_is_plain, named.values())):
            raise TypeError("an event is named by texts and numbers")
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("no event") from error
    return json.dumps({**named, "object": kept})


def read(text: str) -> Hint | DisputeHint | Notice | None:
    """What a digest is about. Raises ValueError for what is none."""
    try:
        event = json.loads(text)
        type_, told = event["type"], event["object"]
        marks, kind = told["metadata"], told.get("object")
        if kind not in {"payment_intent", "charge", "refund"}:
            notice = Notice(str(event["id"]), str(type_), told)
            return DisputeHint(str(told["id"]), None, notice) if kind == DISPUTE else notice
        if MERCHANT not in marks:
            return None
        return _hint(str(type_), told, marks)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("no digest of an event") from error


def _hint(type_: str, told: Mapping[str, Any], marks: Mapping[str, str]) -> Hint:
    first = Hint(Kind.AUTHORIZE, marks[REFERENCE], marks[ORDER], marks[MERCHANT], None)
    status = told.get("status")
    if told["object"] == "refund":
        if marks[KIND] == REVERSAL:
            return first
        return Hint(
            Kind.REFUND,
            marks[REFERENCE],
            marks[ORDER],
            marks[MERCHANT],
            REFUND_ENDS.get(str(status)),
        )
    if told["object"] == "charge":
        return first
    for kind, of in ((Kind.CAPTURE, "succeeded"), (Kind.VOID, "canceled")):
        if status == of and MARK_OF[kind] in marks:
            return Hint(kind, marks[MARK_OF[kind]], marks[ORDER], marks[MERCHANT], True)
    failed = type_ == "payment_intent.payment_failed"
    said = False if failed else True if status in APPROVED else None
    return Hint(Kind.AUTHORIZE, marks[REFERENCE], marks[ORDER], marks[MERCHANT], said)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | bool)
