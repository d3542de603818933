"""Durations as a person writes them: 90s, 15m, 25h, 3d."""

from __future__ import annotations

import re

from farthing_cli.failure import Failure

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_PART = re.compile(r"(\d+)([smhd])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def seconds(text: str) -> int:
    """`3d` → 259200; parts add up: `1h30m`. Raises Failure for anything else."""
    if not _WHOLE.fullmatch(text):
        raise Failure(f"{text!r} is no duration. Write 90s, 15m, 25h, 3d or 1h30m.")
    return sum(int(number) * SECONDS[unit] for number, unit in _PART.findall(text))


def words(total_seconds: int) -> str:
    """259200 → `3d`, 0 → `0s`."""
    parts = []
    left = total_seconds
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, SECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
