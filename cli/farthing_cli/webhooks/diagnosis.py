"""Which part of a webhook is wrong, when its signature is refused.

`farthing.webhooks.signature.verify` decides; this only explains.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from farthing.webhooks.signature import SECRET_PREFIX, TOLERANCE_SECONDS, SignatureRefused, verify
from farthing_cli.webhooks.explanation import why_not_signed
from farthing_cli.webhooks.message import (
    ID,
    SIGNATURE,
    TIMESTAMP,
    WHOLE_SECONDS,
    Finding,
    Message,
    Part,
)
from farthing_cli.webhooks.signing_text import KEY_BYTES, secret_problem, signature_problem

_MILLISECONDS = re.compile(r"[0-9]{13}")
_OTHERS = {
    "svix-signature": "Svix's own names, the form is the same: rename svix-… to webhook-…",
    "stripe-signature": "Stripe's form, which is another one",
    "x-hub-signature-256": "GitHub's form, which is another one",
}


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong, or nothing: then the message is accepted. `remarks` are no faults."""

    wrong: tuple[Finding, ...]
    remarks: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether a receiver takes the message."""
        return not self.wrong


def diagnose(secrets: Sequence[str], message: Message, *, now_seconds: int) -> Diagnosis:
    """Why a receiver that knows `secrets` refuses a message at `now_seconds`, if it does."""
    usable = [secret for secret in secrets if not secret_problem(secret)]
    wrong = [*_headers_wrong(message.headers), *_time_wrong(message.headers, now_seconds)]
    if not usable:
        wrong += [Finding(Part.SECRET, secret_problem(secret)) for secret in secrets]
    elif message.may_be_signed() and not message.is_signed_by(usable):
        wrong += why_not_signed(usable, message)
    try:
        verify(usable, message.headers, message.body, now_seconds=now_seconds)
    except SignatureRefused as refused:
        return Diagnosis(tuple(wrong) or (Finding(Part.SIGNATURE, str(refused)),))
    return Diagnosis((), tuple(_remarks(secrets, message)))


def _headers_wrong(headers: Mapping[str, str]) -> Iterator[Finding]:
    for name in (ID, TIMESTAMP, SIGNATURE):
        if not headers.get(name):
            is_empty = "is empty" if name in headers else "is missing"
            yield Finding(Part.HEADERS, f"{name} {is_empty}")
    if "." in headers.get(ID, ""):
        yield Finding(Part.HEADERS, f"{ID} holds a full stop: it would blur what is signed")
    if SIGNATURE not in headers:
        for name, whose in _OTHERS.items():
            if name in headers:
                yield Finding(Part.HEADERS, f"{name} is there instead: {whose}")


def _time_wrong(headers: Mapping[str, str], now_seconds: int) -> Iterator[Finding]:
    text = headers.get(TIMESTAMP, "")
    if not text:
        return
    if not WHOLE_SECONDS.fullmatch(text):
        hint = ": milliseconds, are they?" if _MILLISECONDS.fullmatch(text) else ""
        yield Finding(
            Part.TIMESTAMP, f"{TIMESTAMP} {text[:32]!r} is no whole number of seconds{hint}"
        )
        return
    late_seconds = now_seconds - int(text)
    if abs(late_seconds) > TOLERANCE_SECONDS:
        which = "old" if late_seconds > 0 else "in the future"
        yield Finding(
            Part.TIMESTAMP,
            f"{TIMESTAMP} is {abs(late_seconds)} s {which}; {TOLERANCE_SECONDS} s are let pass. "
            "Is it a message of before, or does a clock go wrong?",
        )


def _remarks(secrets: Sequence[str], message: Message) -> Iterator[str]:
    for secret in secrets:
        if problem := secret_problem(secret):
            yield f"a secret that was given cannot be used: {problem}"
        elif not secret.startswith(tuple(KEY_BYTES)):
            yield f"the secret has no {SECRET_PREFIX} before it"
    if (count := len(message.signatures())) > 1:
        yield f"{count} signatures, as during a rotation; one that fits is enough"
    for number, token in enumerate(message.signatures(), 1):
        if problem := signature_problem(token):
            yield f"signature {number}: {problem}"
