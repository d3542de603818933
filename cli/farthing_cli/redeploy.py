"""Brings changed code in functions/ and layers/core/ to the running local stack.

Packages are the same bytes for the same content, so their hashes say what has changed.
"""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from farthing_cli import build, template
from farthing_cli.aws import Account
from farthing_cli.build import PYTHON
from farthing_cli.project import TEMPLATE

UPDATES_AT_ONCE = 4


@dataclass(frozen=True)
class Redeployed:
    """What was brought to the stack."""

    functions: list[str]
    core: bool


def redeploy(account: Account, stack_name: str) -> Redeployed:
    """Update what differs from the running stack."""
    source = template.load(TEMPLATE)
    client = account.client("lambda")
    live = {
        function["FunctionName"]: function
        for page in client.get_paginator("list_functions").paginate()
        for function in page["Functions"]
    }
    core_layer = _updated_core(account, f"{stack_name}-core")

    def update(name: str) -> bool:
        function = live[f"{stack_name}-{name}"]
        package = build.function_zip(f"functions/{name}/")
        is_other = bool(function["CodeSha256"] != _sha256(package))
        if is_other:
            client.update_function_code(FunctionName=function["FunctionName"], ZipFile=package)
        if core_layer is not None:
            layers = [layer["Arn"] for layer in function["Layers"]]
            kept = [arn for arn in layers if _name(arn) != f"{stack_name}-core"]
            client.update_function_configuration(
                FunctionName=function["FunctionName"], Layers=[core_layer, *kept]
            )
        return is_other

    names = [template.folder_name(source, id_) for id_ in template.functions(source)]
    with ThreadPoolExecutor(UPDATES_AT_ONCE) as pool:
        is_other = list(pool.map(update, names))
    changed = [name for name, other in zip(names, is_other, strict=True) if other]
    return Redeployed(changed, core_layer is not None)


def _updated_core(account: Account, name: str) -> str | None:
    """The new version of the core layer, or None if it has not changed."""
    client = account.client("lambda")
    package = build.core_zip()
    newest = client.list_layer_versions(LayerName=name)["LayerVersions"][0]
    content = client.get_layer_version(LayerName=name, VersionNumber=newest["Version"])["Content"]
    if content["CodeSha256"] == _sha256(package):
        return None
    published = client.publish_layer_version(
        LayerName=name, Content={"ZipFile": package}, CompatibleRuntimes=[PYTHON]
    )
    return str(published["LayerVersionArn"])


def _name(layer_arn: str) -> str:
    return layer_arn.split(":")[6]


def _sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()
