"""Packages for the local stack.

    functions/<name>    a zip of its own, as in AWS
    layers/core         a copy with byte-code, imported in place
    layers/deps         built by the layer's own Makefile for this Python, imported in place

In place, because MiniStack unpacks every layer again for each worker: 1,700 files and 40 MB for
each of the dozens that a burst of requests starts. So there the layers themselves are empty, and
all workers share what lies in .farthing/cache (see Emulator.packages).
"""

from __future__ import annotations

import io
import py_compile
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from farthing_cli import bytecode
from farthing_cli.failure import Failure
from farthing_cli.project import CACHE, CORE_LAYER, DEPS_LAYER, ROOT, fingerprint, source_files

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content gives the same zip


def third_party_folder() -> Path:
    """Where the layer's packages for this Python are, or will be once `third_party` has run."""
    sources = [DEPS_LAYER / "requirements.txt", DEPS_LAYER / "Makefile"]
    return CACHE / f"deps-{PYTHON}-{fingerprint(sources, sys.platform)}"


def third_party() -> None:
    """Build the layer's packages for this Python, if they are not there yet."""
    folder = third_party_folder()
    if folder.exists():
        return
    unfinished = _unfinished(folder)
    command = ["make", "--silent", "-C", str(DEPS_LAYER), "build-Deps"]
    settings = [f"ARTIFACTS_DIR={unfinished}", f"PYTHON={sys.executable}", "PLATFORM="]
    made = subprocess.run(command + settings, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Failure(f"The third-party packages could not be built.\n{made.stderr}")
    unfinished.rename(folder)


def core() -> Path:
    """A copy of the core layer as it is now, with byte-code, for the workers to import.

    Raises Failure if a module does not compile.
    """
    sources = source_files(CORE_LAYER)
    folder = CACHE / f"core-{PYTHON}-{fingerprint(sources)}"
    if not folder.exists():
        unfinished = _unfinished(folder)
        try:
            for path in sources:
                copy = unfinished / path.relative_to(CORE_LAYER)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
                if path.suffix == ".py":
                    bytecode.put(path, copy)
        except py_compile.PyCompileError as error:
            raise Failure(str(error)) from None
        unfinished.rename(folder)
    return folder


def forget_all_but(*kept: Path) -> None:
    """Remove what earlier starts left in the cache."""
    for kind in ("core", "deps"):
        for folder in CACHE.glob(f"{kind}-*"):
            if folder not in kept:
                shutil.rmtree(folder, ignore_errors=True)


def function_zip(code_uri: str) -> bytes:
    """One function's package. Raises Failure if there is none."""
    folder = ROOT / code_uri
    if not (folder / "app.py").exists():
        raise Failure(f"{code_uri} has no app.py")
    paths = source_files(folder)
    return _zip((path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths)


def empty_layer_zip() -> bytes:
    """What a layer holds here."""
    return _zip([("python/README", b"On the local stack layers are imported in place.\n")])


def _zip(entries: Iterable[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name, EPOCH)
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def _unfinished(folder: Path) -> Path:
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    return unfinished
