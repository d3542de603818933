"""The sandbox is somebody else's system, and its rules touch nothing outside."""

from __future__ import annotations

import ast
from pathlib import Path

import farthing_sandbox

PACKAGE = Path(farthing_sandbox.__file__).parent
PURE = ("asks", "cards", "operations", "refusals", "reversals", "settlement")
STANDARD = {"__future__", "collections", "dataclasses", "datetime", "enum", "typing"}


def imports(path: Path) -> set[str]:
    """The top-level names of all that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in plain | named}


def test_it_imports_nothing_of_farthing() -> None:
    assert [path for path in PACKAGE.glob("*.py") if "farthing" in imports(path)] == []


def test_its_rules_are_pure() -> None:
    used = {name: imports(PACKAGE / f"{name}.py") for name in PURE}
    assert {name for name in PURE if used[name] - STANDARD - {"farthing_sandbox"}} == set()
