"""A file in the MaxMind DB format, version 2, of a few networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

_MARKER = b"\xab\xcd\xefMaxMind.com"


def mmdb(networks: Mapping[str, Any]) -> bytes:
    """The file that says of each IPv4 network what it is given."""
    tree: list[list[Any]] = [[None, None]]
    data, places = b"", {}
    for text, record in networks.items():
        places[text] = len(data)
        data += _encoded(record)
        network = ipaddress.ip_network(text)
        bits = f"{int(network.network_address):032b}"[: network.prefixlen]
        node = 0
        for bit in map(int, bits[:-1]):
            if tree[node][bit] is None:
                tree.append([None, None])
                tree[node][bit] = len(tree) - 1
            node = tree[node][bit]
        tree[node][int(bits[-1])] = text
    count = len(tree)

    def pointer(branch: Any) -> int:
        if branch is None:
            return count
        return count + 16 + places[branch] if isinstance(branch, str) else int(branch)

    nodes = b"".join(pointer(branch).to_bytes(3, "big") for node in tree for branch in node)
    about = {
        "node_count": bytes([6 << 5 | 4]) + count.to_bytes(4, "big"),
        "record_size": _short(24),
        "ip_version": _short(4),
        "binary_format_major_version": _short(2),
        "binary_format_minor_version": _short(0),
        "build_epoch": bytes([8, 9 - 7]) + (1_700_000_000).to_bytes(8, "big"),
        "database_type": "Countries",
        "languages": [],
        "description": {},
    }
    return nodes + bytes(16) + data + _MARKER + _encoded(about)


def _short(number: int) -> bytes:
    return bytes([5 << 5 | 2]) + number.to_bytes(2, "big")


def _encoded(value: Any) -> bytes:
    """Texts up to 28 characters, small mappings and lists; bytes are encoded already."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return bytes([2 << 5 | len(value)]) + value.encode()
    if isinstance(value, list):
        return bytes([len(value), 11 - 7]) + b"".join(map(_encoded, value))
    parts = (_encoded(name) + _encoded(one) for name, one in value.items())
    return bytes([7 << 5 | len(value)]) + b"".join(parts)
