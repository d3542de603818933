"""A file of fraud rules, JSON or YAML: what it says, and in which line it says it.

Of YAML it takes what JSON can say: texts, numbers, true, false, null, lists and mappings. So `NO`
is Norway, and nothing is made by a tag, or said twice by an alias.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from farthing.fraud.rule_document import MalformedRules, read_rules, show_path
from farthing.fraud.rules import RuleSet
from farthing_cli.failure import Failure

FILE_BYTES_MAX = 1_000_000

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FRACTION = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,17}")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_REFUSED = (
    yaml.AliasToken,
    yaml.AnchorToken,
    yaml.TagToken,
    yaml.DirectiveToken,
)


@dataclass(frozen=True)
class Mistake:
    """What is wrong in a line, counted from 1."""

    line: int
    message: str


class Wrong(Exception):
    """The file is refused, for each of these reasons."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = mistakes


def check(path: Path) -> RuleSet:
    """The rules of a file. Raises Wrong with every mistake, or Failure if there is no such file."""
    text, is_json = _text(path), path.suffix == ".json"
    document = _of_json(text) if is_json else None
    # JSON is YAML, but for tabs, which it has between its values only.
    node = _composed(text.replace("\t", " ") if is_json else text)
    twice = [Mistake(line, f"{name} is there twice") for line, name in _twice(node)]
    if twice:
        raise Wrong(twice)
    try:
        return read_rules(document if is_json else _value(node), 1)
    except MalformedRules as malformed:
        found = [
            Mistake(_line(node, one.path), f"{show_path(one.path)}: {one.message}")
            for one in malformed.mistakes
        ]
        raise Wrong(sorted(found, key=lambda mistake: mistake.line)) from None


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from None
    if len(content) > FILE_BYTES_MAX:
        raise Failure(f"{path} has more than {FILE_BYTES_MAX} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Wrong([Mistake(line, "is not UTF-8")]) from None


def _of_json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Wrong([Mistake(error.lineno, f"is not JSON: {error.msg}")]) from None
    except (ValueError, RecursionError):
        raise Wrong([Mistake(1, "has too long a number, or is nested too deep")]) from None


def _composed(text: str) -> yaml.Node | None:
    try:
        for token in yaml.scan(text, yaml.SafeLoader):
            if isinstance(token, _REFUSED):
                raise Wrong([Mistake(token.start_mark.line + 1, "has an anchor, alias or tag")])
        composed: yaml.Node | None = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise Wrong([Mistake(line, f"is not YAML: {error.problem}")]) from None
    except yaml.YAMLError as error:
        raise Wrong([Mistake(1, f"is not YAML: {error}")]) from None
    except RecursionError:
        raise Wrong([Mistake(1, "is nested too deep")]) from None
    return composed


def _twice(node: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Keys that a mapping has already, with their lines."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                yield key.start_mark.line + 1, name
            seen.add(name)
            yield from _twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for one in node.value:
            yield from _twice(one)


def _value(node: yaml.Node | None) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _value(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_value(one) for one in node.value]
    if not isinstance(node, yaml.ScalarNode):
        return None
    if node.style is not None:
        return str(node.value)
    text = str(node.value)
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FRACTION.fullmatch(text) else text


def _line(node: yaml.Node | None, path: tuple[str | int, ...]) -> int:
    """Where that is, or where it should be: the mapping that lacks it."""
    line = node.start_mark.line + 1 if node is not None else 1
    for part in path:
        entries: dict[str | int, tuple[int, yaml.Node]] = {}
        if isinstance(node, yaml.MappingNode):
            entries = {str(key.value): (key.start_mark.line, value) for key, value in node.value}
        elif isinstance(node, yaml.SequenceNode):
            entries = {n: (one.start_mark.line, one) for n, one in enumerate(node.value)}
        if part not in entries:
            break
        start, node = entries[part]
        line = start + 1
    return line
