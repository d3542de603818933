"""Packages for the local stack: zips in memory, and the third-party packages built once and kept.

Third-party packages are built with the layer's own Makefile, for the Python that runs MiniStack
and so the functions. They are 40 MB, and MiniStack unpacks every layer again for each worker: so
here the functions import them in place (see Emulator.packages) and the layer is an empty one.
"""

from __future__ import annotations

import io
import py_compile
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from farthing_cli import bytecode
from farthing_cli.failure import Failure
from farthing_cli.project import CACHE, CORE_LAYER, DEPS_LAYER, ROOT, fingerprint, source_files

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content gives the same zip


def third_party_folder() -> Path:
    """Where the layer's packages for this Python are, or will be once `third_party` has run."""
    sources = [DEPS_LAYER / "requirements.txt", DEPS_LAYER / "Makefile"]
    return CACHE / f"deps-{PYTHON}-{fingerprint(sources, sys.platform)}" / "python"


def third_party() -> None:
    """Build the layer's packages for this Python, if they are not there yet."""
    folder = third_party_folder().parent
    if not folder.exists():
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        command = ["make", "--silent", "-C", str(DEPS_LAYER), "build-Deps"]
        settings = [f"ARTIFACTS_DIR={unfinished}", f"PYTHON={sys.executable}", "PLATFORM="]
        made = subprocess.run(command + settings, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise Failure(f"The third-party packages could not be built.\n{made.stderr}")
        unfinished.rename(folder)
        _forget_others(folder)


def function_zip(code_uri: str) -> bytes:
    """One function's package."""
    folder = ROOT / code_uri
    if not (folder / "app.py").exists():
        raise Failure(f"{code_uri} has no app.py")
    return _zip(_sources(folder))


def core_zip() -> bytes:
    """The core layer's package, with byte-code. Raises Failure if a module does not compile."""
    try:
        return _zip(_with_bytecode(CORE_LAYER))
    except py_compile.PyCompileError as error:
        raise Failure(str(error)) from None


def empty_layer_zip() -> bytes:
    """What the layer of third-party packages holds here."""
    return _zip(iter([("python/README", b"On the local stack these are imported in place.\n")]))


def _sources(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in source_files(folder):
        yield path.relative_to(folder).as_posix(), path.read_bytes()


def _with_bytecode(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in source_files(folder):
        name = path.relative_to(folder)
        yield name.as_posix(), path.read_bytes()
        if path.suffix == ".py":
            pyc, content = bytecode.of(path, f"/opt/{name.as_posix()}")
            yield (name.parent / pyc).as_posix(), content


def _zip(entries: Iterator[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name, EPOCH)
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def _forget_others(kept: Path) -> None:
    for folder in CACHE.glob(f"deps-{PYTHON}-*"):
        if folder != kept:
            shutil.rmtree(folder, ignore_errors=True)
