"""Arrows point inward only: what each part of the code may import."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from tests.support.template import ROOT

PACKAGE = ROOT / "layers" / "core" / "python" / "farthing"
FUNCTIONS = ROOT / "functions"

EDGE = re.compile(
    r"(runtime|observe)"
    r"|http\.(api|request|fields)"
    r"|store\.(table|s3)"
    r"|\w+\.(\w*bodies|\w*wiring|declared|http|kms|sqs|sns|dynamo|invoke)"
    r"|settlement\.sandbox|webhooks\.records"
)
"""Modules that touch AWS, HTTP, pydantic or the environment. All others are pure."""

IMPURE = {"os", "time", "random", "secrets", "uuid", "socket", "urllib", "subprocess", "threading"}
ASKS_THE_WORLD = re.compile(r"\b(datetime\.now|datetime\.utcnow|date\.today|time\.time)\(")


def modules() -> dict[str, Path]:
    """Dotted name inside the package → file."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def imports(path: Path) -> set[str]:
    """Every module that the file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


PURE = sorted(name for name in modules() if not EDGE.fullmatch(name))


@pytest.mark.parametrize("name", PURE)
def test_the_domain_imports_the_standard_library_and_itself_alone(name: str) -> None:
    known = modules()
    for imported in imports(known[name]):
        top = imported.split(".")[0]
        if top == "farthing":
            inner = imported.removeprefix("farthing").lstrip(".")
            assert not (inner in known and EDGE.fullmatch(inner)), f"{name} imports {imported}"
        else:
            assert top in {*sys.stdlib_module_names, "cryptography"}, f"{name} imports {imported}"
            assert top not in IMPURE or imported.startswith("urllib.parse"), (
                f"{name} imports {imported}"
            )


@pytest.mark.parametrize("name", PURE)
def test_the_domain_asks_nobody_for_the_time(name: str) -> None:
    assert not ASKS_THE_WORLD.search(modules()[name].read_text())


@pytest.mark.parametrize("path", sorted(FUNCTIONS.glob("*/app.py")), ids=lambda p: p.parent.name)
def test_a_handler_makes_no_aws_call(path: Path) -> None:
    tops = {name.split(".")[0] for name in imports(path)}
    assert not tops & {"boto3", "botocore", "urllib3"}


@pytest.mark.parametrize("path", sorted(FUNCTIONS.glob("*/app.py")), ids=lambda p: p.parent.name)
def test_a_handler_leaves_its_ports_to_a_wiring_module(path: Path) -> None:
    adapter = re.compile(r"farthing\.(store\.table|webhooks\.(http|sqs|sns))")
    found = {name for name in imports(path) if adapter.fullmatch(name)}
    assert not found | (imports(path) & IMPURE)


def test_only_charge_opens_cards() -> None:
    opening = "farthing.vault.open"
    users = {name for name, path in modules().items() if opening in imports(path)}
    assert users == {"acquiring.wiring", "acquiring.token_wiring"}
    for path in FUNCTIONS.glob("*/app.py"):
        if imports(path) & {f"farthing.{name}" for name in users}:
            assert path.parent.name == "charge"


def test_the_sandbox_is_a_stranger() -> None:
    sandbox = PACKAGE.parent / "farthing_sandbox"
    for path in sandbox.rglob("*.py"):
        assert not any(name.split(".")[0] == "farthing" for name in imports(path)), path
