"""Which part of a webhook is wrong, when its signature is refused.

`farthing.webhooks.signature.verify` decides; this only explains. It signs again what the sender may
have signed (the body as it was before a framework rewrote it, other contents, other readings of
the secret), and if one of these makes the signature in hand, that is the reason.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from farthing.webhooks.signature import (
    SECRET_PREFIX,
    TOLERANCE_SECONDS,
    SignatureRefused,
    sign,
    verify,
)
from farthing_cli.webhooks.body_forms import around, first_difference, other_forms
from farthing_cli.webhooks.signing_text import (
    KEY_BYTES,
    digests_meant,
    secret_problem,
    signature_problem,
    version_of,
)

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
SECONDS_TRIED = 60
"""How far from the header's timestamp another one is looked for."""

_WHOLE = re.compile(r"[0-9]{1,12}")
_MILLISECONDS = re.compile(r"[0-9]{13}")
_OTHERS = {
    "svix-signature": "Svix's own names, the form is the same: rename svix-… to webhook-…",
    "stripe-signature": "Stripe's form, which is another one",
    "x-hub-signature-256": "GitHub's form, which is another one",
}


class Part(StrEnum):
    """Where to look."""

    HEADERS = "headers"
    TIMESTAMP = "timestamp"
    SECRET = "secret"
    SIGNATURE = "signature"
    BODY = "body"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, in words."""

    part: Part
    text: str


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong, or nothing: then the message is accepted. `remarks` are no faults."""

    wrong: tuple[Finding, ...]
    remarks: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether a receiver takes the message."""
        return not self.wrong


@dataclass(frozen=True)
class Message:
    """A webhook as it came. `headers` have lower-case names."""

    headers: Mapping[str, str]
    body: bytes

    def signed_parts(self) -> list[str]:
        """What a signature covers, part by part: lengths and digests, no contents."""
        text = {ID: self.headers.get(ID, ""), TIMESTAMP: self.headers.get(TIMESTAMP, "")}
        lines = [f"{name} {value!r} ({len(value)} characters)" for name, value in text.items()]
        digest = hashlib.sha256(self.body).hexdigest()
        return [*lines, f"body {len(self.body)} bytes, sha256 {digest}"]

    def signatures(self) -> list[str]:
        """The tokens of the signature's header."""
        return [token for token in self.headers.get(SIGNATURE, "").split(" ") if token]


def diagnose(secrets: Sequence[str], message: Message, *, now_seconds: int) -> Diagnosis:
    """Why a receiver that knows `secrets` refuses a message at `now_seconds`, if it does."""
    usable = [secret for secret in secrets if not secret_problem(secret)]
    wrong = [*_headers_wrong(message.headers), *_time_wrong(message.headers, now_seconds)]
    if not usable:
        wrong += [Finding(Part.SECRET, secret_problem(secret)) for secret in secrets]
    elif _may_be_signed(message) and not _fits(usable, message):
        wrong += _signature_wrong(usable, message)
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
    if not _WHOLE.fullmatch(text):
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


def _may_be_signed(message: Message) -> bool:
    message_id, timestamp = message.headers.get(ID, ""), message.headers.get(TIMESTAMP, "")
    is_named = bool(message_id) and "." not in message_id
    return is_named and bool(_WHOLE.fullmatch(timestamp)) and bool(message.signatures())


def _fits(secrets: Sequence[str], message: Message) -> bool:
    """Whether one of the secrets made one of the signatures, whenever that was."""
    try:
        at = int(message.headers[TIMESTAMP])
        verify(secrets, message.headers, message.body, now_seconds=at)
    except SignatureRefused:
        return False
    return True


def _signature_wrong(secrets: Sequence[str], message: Message) -> list[Finding]:
    """The first reason that explains the signature; else what is wrong with its form."""
    symmetric = [secret for secret in secrets if version_of(secret) == "v1"]
    for explain in (_written_wrongly, _another_content, _another_key, _another_time):
        for secret in symmetric:
            if found := explain(secret, message):
                return [found]
    if found := _another_body(secrets, message):
        return [found]
    misshapen = [
        Finding(Part.SIGNATURE, f"signature {number}: {problem}")
        for number, token in enumerate(message.signatures(), 1)
        if (problem := signature_problem(token))
    ]
    if len(misshapen) < len(message.signatures()):
        if found := _another_version(secrets, message):
            return [found]
        of_how_many = f"none of {len(secrets)} secrets" if len(secrets) > 1 else "not this secret"
        misshapen.append(
            Finding(
                Part.SECRET,
                f"{SIGNATURE} has the right form, and {of_how_many} made it for this id, time and "
                "body: the secret is another endpoint's or from before a rotation, or one of the "
                "three was changed on its way",
            )
        )
    return misshapen


def _written_wrongly(secret: str, message: Message) -> Finding | None:
    """The right bytes, in the wrong letters."""
    right = _digest(sign(secret, message.headers[ID], _time(message), message.body))
    for token in message.signatures():
        if right in digests_meant(token):
            return Finding(Part.SIGNATURE, f"it is the right one, but {signature_problem(token)}")
    if base64.b64encode(right).decode() in message.headers[SIGNATURE]:
        return Finding(
            Part.SIGNATURE, "the right one is in it, but signatures are separated by one space"
        )
    return None


def _another_content(secret: str, message: Message) -> Finding | None:
    """The right key over something else than id, time and body."""
    message_id, timestamp = message.headers[ID].encode(), message.headers[TIMESTAMP].encode()
    contents = {
        "the body alone": message.body,
        "time and body, without the id": timestamp + b"." + message.body,
        "id and body, without the time": message_id + b"." + message.body,
        "time, id and body: the id comes first": b".".join((timestamp, message_id, message.body)),
    }
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    for words, content in contents.items():
        if _is_meant(message, key, content):
            return Finding(Part.SIGNATURE, f"it signs {words}. `id.timestamp.body` is signed")
    return None


def _another_key(secret: str, message: Message) -> Finding | None:
    """The secret's text where its bytes were to be the key."""
    content = f"{message.headers[ID]}.{message.headers[TIMESTAMP]}.".encode() + message.body
    for text in (secret, secret.removeprefix(SECRET_PREFIX), SECRET_PREFIX + secret):
        if _is_meant(message, text.encode(), content):
            return Finding(
                Part.SECRET,
                "the text of the secret was the key; what follows whsec_ is base64, decode it",
            )
    return None


def _another_version(secrets: Sequence[str], message: Message) -> Finding | None:
    """A key of v1 for a signature of v1a, or the other way round."""
    signed = {token.partition(",")[0] for token in message.signatures()}
    given = {version_of(secret) for secret in secrets}
    if signed & given:
        return None
    kinds = {"v1": "a whsec_ secret verifies", "v1a": "a whpk_ key verifies"}
    words = " and ".join(f"{one}, which {kinds[one]}" for one in sorted(signed & kinds.keys()))
    return Finding(Part.SECRET, f"the message is signed {words}") if words else None


def _another_time(secret: str, message: Message) -> Finding | None:
    """A time that was taken twice: once to sign, once for the header."""
    said = _time(message)
    meant = {digest for token in message.signatures() for digest in digests_meant(token)}
    for second in range(max(0, said - SECONDS_TRIED), said + SECONDS_TRIED + 1):
        if _digest(sign(secret, message.headers[ID], second, message.body)) in meant:
            return Finding(
                Part.TIMESTAMP,
                f"{second} was signed, and {TIMESTAMP} says {said}: take the time once",
            )
    return None


def _another_body(secrets: Sequence[str], message: Message) -> Finding | None:
    """The same content in other bytes."""
    for words, form in other_forms(message.body):
        if _fits(secrets, Message(message.headers, form)):
            at = first_difference(message.body, form)
            return Finding(
                Part.BODY,
                f"another form of it was signed: {words}. Verify the bytes that came, before "
                f"anything parses them. The first difference is at byte {at}:\n"
                f"    here    {around(message.body, at)}\n    signed  {around(form, at)}",
            )
    return None


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


def _is_meant(message: Message, key: bytes, content: bytes) -> bool:
    made = hmac.new(key, content, hashlib.sha256).digest()
    return any(made in digests_meant(token) for token in message.signatures())


def _time(message: Message) -> int:
    return int(message.headers[TIMESTAMP])


def _digest(signature: str) -> bytes:
    try:
        return base64.b64decode(signature.partition(",")[2])
    except binascii.Error:
        return b""
