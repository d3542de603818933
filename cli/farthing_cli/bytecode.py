"""Byte-code of the core layer, compiled once for each content of a file.

Hash-mode and unchecked, as in layers/deps, and for the same reason: without it every cold start
compiles the whole layer.
"""

from __future__ import annotations

import hashlib
import py_compile
import shutil
import sys
from pathlib import Path

from farthing_cli.project import CACHE

TAG = sys.implementation.cache_tag
MODE = py_compile.PycInvalidationMode.UNCHECKED_HASH


def put(source: Path, copy: Path) -> None:
    """Put the byte-code of `source` beside its copy. Raises PyCompileError."""
    content = hashlib.sha256(source.read_bytes()).hexdigest()[:24]
    kept = CACHE / "bytecode" / f"{content}.{TAG}.pyc"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        py_compile.compile(
            str(source), str(kept), dfile=str(source), doraise=True, invalidation_mode=MODE
        )
    folder = copy.parent / "__pycache__"
    folder.mkdir(exist_ok=True)
    shutil.copyfile(kept, folder / f"{copy.stem}.{TAG}.pyc")
