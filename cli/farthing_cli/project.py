"""Where things lie: the repository, and what the local stack keeps in it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

TEMPLATE = ROOT / "template.yaml"
CORE_LAYER = ROOT / "layers" / "core"
DEPS_LAYER = ROOT / "layers" / "deps"

CACHE = ROOT / ".farthing" / "cache"
STATE = ROOT / os.environ.get("FARTHING_STATE", ".farthing")
"""What a running stack writes. With another folder, and other ports, two may run at once."""
DEV_FILE = STATE / "dev.json"


def run_folder(pid: int) -> Path:
    """What one start of the local stack keeps while it runs.

    Each has its own: the guard of one that crashed may still be clearing up.
    """
    return STATE / f"run-{pid}"


def source_files(folder: Path) -> list[Path]:
    """Every file below `folder` that is source, sorted."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    )


def fingerprint(paths: Iterable[Path], *extra: str) -> str:
    """A hash that changes when a file among `paths`, its name, or `extra` does."""
    digest = hashlib.sha256("\0".join(extra).encode())
    for path in paths:
        digest.update(f"\0{path}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
