"""Which copy of the core layer the workers import: a link, so that it can change while they run."""

from __future__ import annotations

from pathlib import Path


def path(run_folder: Path) -> Path:
    """Where the link is."""
    return run_folder / "core"


def point(run_folder: Path, core: Path) -> bool:
    """Let the link lead to `core`. Whether it led elsewhere before."""
    link = path(run_folder)
    if link.is_symlink() and link.readlink() == core:
        return False
    fresh = link.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(core)
    fresh.replace(link)
    return True
