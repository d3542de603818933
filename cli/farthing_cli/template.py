"""Reads template.yaml as CloudFormation does, short forms included, and points it at packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

Template = dict[str, Any]

PACKAGED = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
}


class _Loader(yaml.SafeLoader):
    """Safe YAML with `!Ref`, `!GetAtt`, `!Sub` and their like."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        return {"Fn::GetAtt": value.split(".", 1)}
    return {f"Fn::{suffix}": value}


yaml.add_multi_constructor("!", _short_form, _Loader)


def load(path: Path) -> Template:
    """The template with every short form written out."""
    with path.open() as file:
        loaded: Template = yaml.load(file, _Loader)
    return loaded


def packages(template: Template) -> dict[str, str]:
    """The folder of each function and layer, by logical id."""
    return {
        logical_id: resource["Properties"][PACKAGED[resource["Type"]]]
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] in PACKAGED
    }


def functions(template: Template) -> list[str]:
    """The logical ids of the functions."""
    return [
        logical_id
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    ]


def folder_name(template: Template, logical_id: str) -> str:
    """The name of a function's folder, which is its name in a stack too."""
    return packages(template)[logical_id].rstrip("/").rsplit("/", 1)[-1]


def pointed_at(template: Template, uri: Callable[[str], str]) -> Template:
    """The template with each function's and layer's folder replaced by `uri(logical id)`."""
    resources = dict(template["Resources"])
    for logical_id in packages(template):
        resource = resources[logical_id]
        properties = resource["Properties"] | {PACKAGED[resource["Type"]]: uri(logical_id)}
        resources[logical_id] = resource | {"Properties": properties}
    return template | {"Resources": resources}


def gateway_responses(template: Template) -> Mapping[str, Mapping[str, Any]]:
    """What the gateway itself answers, by response type."""
    found: Mapping[str, Mapping[str, Any]] = template["Globals"]["Api"]["GatewayResponses"]
    return found
