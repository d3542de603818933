"""Byte-code of the core layer, compiled once for each content of a file.

Every cold start of a local worker would compile the whole layer again: its folder is new each time.
Hash-mode and unchecked, as in layers/deps: only such byte-code is used whatever a file's date is.
"""

from __future__ import annotations

import hashlib
import py_compile
import sys
from pathlib import Path

from farthing_cli.project import CACHE

TAG = sys.implementation.cache_tag
MODE = py_compile.PycInvalidationMode.UNCHECKED_HASH


def of(path: Path, shown_as: str) -> tuple[str, bytes]:
    """Where the byte-code of a module belongs, relative to its folder, and the byte-code."""
    content = hashlib.sha256(path.read_bytes() + shown_as.encode()).hexdigest()[:24]
    kept = CACHE / "bytecode" / f"{content}.{TAG}.pyc"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        py_compile.compile(
            str(path), str(kept), dfile=shown_as, doraise=True, invalidation_mode=MODE
        )
    return f"__pycache__/{path.stem}.{TAG}.pyc", kept.read_bytes()
