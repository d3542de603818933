"""Stripe's request bodies: form fields, nested by brackets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

Fields = Mapping[str, Any]
"""Texts, ints, bools, lists and mappings of them. None is left out."""


def encode(fields: Fields) -> str:
    """`{"a": {"b": 1}, "c": ["x"]}` → `a[b]=1&c[]=x`, percent-encoded."""
    return urlencode([pair for name, value in fields.items() for pair in _pairs(name, value)])


def _pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case None:
            return
        case bool():
            yield name, "true" if value else "false"
        case Mapping():
            for inner, one in value.items():
                yield from _pairs(f"{name}[{inner}]", one)
        case list():
            for one in value:
                yield from _pairs(f"{name}[]", one)
        case _:
            yield name, str(value)
