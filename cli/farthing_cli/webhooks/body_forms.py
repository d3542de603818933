"""The bodies that a receiver may have in hand instead of the bytes that were sent.

A framework that parses JSON and writes it again changes no value, and every signature. Here are
the usual ways of writing it, so that a diagnosis can say which one was signed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

BODY_BYTES_MAX = 256 * 1024
"""Larger bodies are not written again: an event has less than 20 kB."""

BOM = b"\xef\xbb\xbf"
_LAYOUTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("compact", {"separators": (",", ":")}),
    ("spaces after , and :", {}),
    ("indented by 2", {"indent": 2}),
    ("indented by 4", {"indent": 4}),
)
_ENDS = (("", b""), (", a line feed at its end", b"\n"), (", CRLF at its end", b"\r\n"))


def other_forms(body: bytes) -> Iterator[tuple[str, bytes]]:
    """How else the same content is written: (in words, the bytes), none of them `body` itself."""
    seen = {body}
    for words, form in (*_other_bytes(body), *_written_again(body)):
        if form not in seen:
            seen.add(form)
            yield words, form


def first_difference(one: bytes, other: bytes) -> int:
    """The index of the first byte that differs; of two alike, their length."""
    shorter = min(len(one), len(other))
    return next((at for at in range(shorter) if one[at] != other[at]), shorter)


def around(body: bytes, at: int, bytes_each_side: int = 16) -> str:
    """A few bytes of `body` on each side of an index, as they are written in Python."""
    start, end = max(0, at - bytes_each_side), at + bytes_each_side
    before, after = "…" if start else "", "…" if end < len(body) else ""
    return f"{before}{str(body[start:end])[1:]}{after}"


def _other_bytes(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The same text with other line ends and edges, whatever it holds."""
    yield "without the white space at its end", body.rstrip()
    yield "with a line feed at its end", body + b"\n"
    yield "with CRLF at its end", body + b"\r\n"
    yield "with LF where there is CRLF", body.replace(b"\r\n", b"\n")
    yield "with CRLF where there is LF", body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    yield "without its byte order mark", body.removeprefix(BOM)
    yield "with a byte order mark", BOM + body


def _written_again(body: bytes) -> Iterator[tuple[str, bytes]]:
    """JSON parsed and written in each of the usual ways; nothing if it is no JSON."""
    if len(body) > BODY_BYTES_MAX:
        return
    try:
        content = json.loads(body.removeprefix(BOM))
    except (ValueError, RecursionError):
        return
    choices = product(_LAYOUTS, (False, True), (False, True), (False, True), _ENDS)
    for (layout, how), is_sorted, is_ascii, has_slashes_escaped, (end, tail) in choices:
        try:
            text = json.dumps(content, sort_keys=is_sorted, ensure_ascii=is_ascii, **how)
            form = (text.replace("/", "\\/") if has_slashes_escaped else text).encode()
        except (UnicodeEncodeError, RecursionError):
            continue  # half a surrogate pair can only be written escaped
        words = [layout, "keys sorted"] if is_sorted else [layout]
        words += ["non-ASCII escaped"] if is_ascii and b"\\u" in form else []
        words += ["slashes escaped"] if has_slashes_escaped else []
        yield ", ".join(words) + end, form + tail
