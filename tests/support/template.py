"""The deployed template as data, so that tests stand on the same tables, keys and grants."""

from __future__ import annotations

from functools import cache
from typing import Any

from farthing_cli.project import ROOT, TEMPLATE
from farthing_cli.template import load

__all__ = ["ROOT", "resources", "template"]


@cache
def template() -> dict[str, Any]:
    """template.yaml, its short forms written out."""
    return load(TEMPLATE)


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """The resources of one type, by logical id."""
    return {
        name: resource
        for name, resource in template()["Resources"].items()
        if resource["Type"] == kind
    }
