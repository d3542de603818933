"""HTTP headers as a developer has them at hand: copied from a log, a file, or a command line."""

from __future__ import annotations

import json
from collections.abc import Iterable

from farthing_cli.failure import Failure


def headers_of(text: str) -> dict[str, str]:
    """Headers by lower-case name: a JSON object, or `Name: value` lines up to an empty one.

    A first line that is a request's is passed over. Raises Failure for a line that is no header.
    """
    if text.lstrip().startswith("{"):
        return _of_json(text)
    lines = text.strip("\r\n").splitlines()
    if lines and lines[0].partition(" ")[0] in {"POST", "PUT"}:
        del lines[0]
    return of_lines(lines[: lines.index("")] if "" in lines else lines)


def of_lines(lines: Iterable[str]) -> dict[str, str]:
    """Headers of `name: value` texts. The values of one that is repeated are joined by a space,
    as signatures are. Raises Failure for what is no header."""
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon or not name:
            raise Failure(f"{line[:60]!r} is no header: 'name: value'")
        _require_text(name, value)
        found[name] = f"{found[name]} {value}" if name in found else value
    return found


def _of_json(text: str) -> dict[str, str]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise Failure("The headers begin as JSON does, and are none.") from None
    found: dict[str, str] = {}
    for name, value in given.items():
        texts = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str) for one in texts):
            raise Failure(f"The header {name!r} is no text.")
        found[name.lower()] = " ".join(texts)
        _require_text(name, found[name.lower()])
    return found


def _require_text(name: str, value: str) -> None:
    """Half a surrogate pair is no character, and cannot have been signed."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Failure(f"The header {name!r} is no text.") from None
