"""What the local stack's functions import, and when it changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from farthing_cli import build, bytecode, core_link
from farthing_cli.failure import Failure


@pytest.fixture
def layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A core layer of one module, and a cache of its own."""
    folder = tmp_path / "core"
    (folder / "python" / "shop").mkdir(parents=True)
    (folder / "python" / "shop" / "price.py").write_text("PRICE = 1\n")
    monkeypatch.setattr(build, "CORE_LAYER", folder)
    monkeypatch.setattr(build, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(bytecode, "CACHE", tmp_path / "cache")
    return folder


def imported(core: Path) -> str:
    command = "import shop.price as p; print(p.PRICE, p.__cached__)"
    env = {"PYTHONPATH": str(core / "python"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", command], env=env, capture_output=True, text=True, check=True
    ).stdout


def test_a_copy_has_unchecked_bytecode_and_stays_as_it_was(layer: Path) -> None:
    # Given
    first = build.core()
    cached = first / "python" / "shop" / "__pycache__" / f"price.{bytecode.TAG}.pyc"
    # When: the source changes
    (layer / "python" / "shop" / "price.py").write_text("PRICE = 2\n")
    second = build.core()
    # Then
    assert cached.read_bytes()[4:8] == b"\1\0\0\0"
    assert imported(first).startswith("1 ")
    assert imported(second).startswith("2 ")
    assert build.core() == second


def test_a_module_that_does_not_compile_is_said(layer: Path) -> None:
    (layer / "python" / "shop" / "price.py").write_text("PRICE = \n")
    with pytest.raises(Failure, match=r"price\.py"):
        build.core()


def test_the_link_says_whether_it_leads_elsewhere_now(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    assert core_link.point(tmp_path, old)
    assert not core_link.point(tmp_path, old)
    assert core_link.point(tmp_path, new)
    assert core_link.path(tmp_path).readlink() == new


def test_a_function_that_is_not_there_is_said() -> None:
    with pytest.raises(Failure, match=r"has no app\.py"):
        build.function_zip("functions/none/")


def test_the_same_code_is_the_same_package() -> None:
    assert build.function_zip("functions/refunds/") == build.function_zip("functions/refunds/")
