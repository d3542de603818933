"""Where a list goes on: the name of the last entry that was shown, made opaque."""

from __future__ import annotations

import base64
import re
from typing import Final

ENTRY: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z#[A-Za-z0-9]{1,64}$"


def write(entry: str) -> str:
    """The cursor behind `entry`, fit for a query without escaping."""
    return base64.urlsafe_b64encode(entry.encode()).decode().rstrip("=")


def read(cursor: str) -> str:
    """The entry that `cursor` stands for. Raises ValueError."""
    entry = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    if not re.fullmatch(ENTRY, entry):
        raise ValueError("not a cursor")
    return entry
