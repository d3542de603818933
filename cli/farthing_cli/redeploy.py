"""Brings changed code in functions/ and layers/core/ to the running local stack.

Packages are the same bytes for the same content, so their hashes say what has changed.
"""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from farthing_cli import build, core_link, template
from farthing_cli.aws import Account
from farthing_cli.failure import Failure
from farthing_cli.project import CORE_LAYER, ROOT, TEMPLATE

UPDATES_AT_ONCE = 4


@dataclass(frozen=True)
class Redeployed:
    """What was brought to the stack."""

    functions: list[str]
    core: bool


def redeploy(account: Account, stack_name: str, run_folder: Path) -> Redeployed:
    """Update what differs from the running stack. Raises Failure for code that does not compile."""
    check_syntax(ROOT / "functions", CORE_LAYER)
    source = template.load(TEMPLATE)
    client = account.client("lambda")
    live = {
        function["FunctionName"]: function
        for page in client.get_paginator("list_functions").paginate()
        for function in page["Functions"]
    }
    core_changed = core_link.point(run_folder, build.core())

    def update(name: str) -> bool:
        function = live[f"{stack_name}-{name}"]
        package = build.function_zip(f"functions/{name}/")
        is_other = bool(function["CodeSha256"] != _sha256(package))
        if is_other:
            client.update_function_code(FunctionName=function["FunctionName"], ZipFile=package)
        if core_changed:  # an update ends the workers, which still have the old modules
            client.update_function_configuration(
                FunctionName=function["FunctionName"], Timeout=function["Timeout"]
            )
        return is_other

    names = [template.folder_name(source, id_) for id_ in template.functions(source)]
    with ThreadPoolExecutor(UPDATES_AT_ONCE) as pool:
        is_other = list(pool.map(update, names))
    changed = [name for name, other in zip(names, is_other, strict=True) if other]
    return Redeployed(changed, core_changed)


def check_syntax(*folders: Path) -> None:
    """Raises Failure, naming the place, for a file that Python cannot read."""
    for path in (path for folder in folders for path in sorted(folder.rglob("*.py"))):
        try:
            compile(path.read_bytes(), str(path), "exec")
        except SyntaxError as error:
            where = f"{path.relative_to(ROOT)}:{error.lineno}"
            raise Failure(f"Nothing was changed: {where}: {error.msg}") from None


def _sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()
