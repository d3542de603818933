"""Why none of a message's signatures fits: what the sender may have signed instead.

Each explanation signs again: other contents, other readings of the secret, the body as it was
before a framework rewrote it. If one of these makes the signature in hand, that is the reason.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from farthing.webhooks.signature import SECRET_PREFIX, sign
from farthing_cli.webhooks.body_forms import around, first_difference, other_forms
from farthing_cli.webhooks.message import ID, SIGNATURE, TIMESTAMP, Finding, Message, Part
from farthing_cli.webhooks.signing_text import digests_meant, signature_problem, version_of

SECONDS_TRIED = 60
"""How far from the header's timestamp another one is looked for."""


def why_not_signed(secrets: Sequence[str], message: Message) -> list[Finding]:
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
    right = _digest(sign(secret, message.headers[ID], message.seconds, message.body))
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
    said = message.seconds
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
        if Message(message.headers, form).is_signed_by(secrets):
            at = first_difference(message.body, form)
            return Finding(
                Part.BODY,
                f"another form of it was signed: {words}. Verify the bytes that came, before "
                f"anything parses them. The first difference is at byte {at}:\n"
                f"    here    {around(message.body, at)}\n    signed  {around(form, at)}",
            )
    return None


def _is_meant(message: Message, key: bytes, content: bytes) -> bool:
    made = hmac.new(key, content, hashlib.sha256).digest()
    return any(made in digests_meant(token) for token in message.signatures())


def _digest(signature: str) -> bytes:
    try:
        return base64.b64decode(signature.partition(",")[2])
    except binascii.Error:
        return b""
