"""`farthing fraud rules`: a malformed rule is refused with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from farthing.fraud.rule_row import DEFAULT_RULES
from farthing_cli.app import app
from farthing_cli.failure import Failure
from farthing_cli.fraud.rules_file import FILE_BYTES_MAX

YAML = """\
# What this shop looks at
thresholds: {review_from: 0.2, block_above: 0.9}
rules:
  - id: north
    type: COUNTRY
    status: ACTIVE
    action: REVIEW
    reason: we do not ship there
    when:
      - {field: ip_country, operator: in, value: [NO, SE]}
      - field: card_failures_1h
        operator: gt
        value: 2
      - {field: card_is_new, operator: eq, value: true}
"""
JSON = """{
\t"rules": [
\t\t{
\t\t\t"id": "one", "type": "CUSTOM", "status": "DRAFT", "action": "BLOCK",
\t\t\t"reason": "a\\u0020tab: \\t",
\t\t\t"when": [{"field": "currency", "operator": "eq", "value": "eur"}]
\t\t}
\t]
}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rules.yaml"


def check(file: Path, content: str | bytes) -> Result:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return CliRunner().invoke(app, ["fraud", "rules", "check", str(file)])


def test_rules_of_either_kind_are_taken(file: Path) -> None:
    taken = check(file, YAML)
    assert (taken.exit_code, taken.stdout) == (0, f"{file}: 1 rules (1 ACTIVE)\n")
    as_json = file.with_suffix(".json")
    taken = check(as_json, JSON)
    assert (taken.exit_code, taken.stdout) == (0, f"{as_json}: 1 rules (1 DRAFT)\n")
    assert check(as_json, DEFAULT_RULES.read_bytes()).exit_code == 0
    # And a file of JSON is one of YAML too, but for its tabs
    assert check(file, DEFAULT_RULES.read_bytes()).exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("value: 2", "value: 4", "13: rules[0].when[1].value: is an integer from 0 to 3"),
        ("value: 2", "value: two", "13: rules[0].when[1].value: is an integer"),
        ("        value: 2\n", "", "11: rules[0].when[1].value: is an integer"),
        ("operator: gt", "operator: above", "12: rules[0].when[1].operator: of card_failures_1h"),
        ("[NO, SE]", "[NO, Sweden]", "10: rules[0].when[0].value[1]: is two capital letters"),
        ("[NO, SE]", "[1, SE]", "10: rules[0].when[0].value[0]: is two capital letters"),
        ("value: true", "value: yes", "14: rules[0].when[2].value: is true or false"),
        ("value: true", 'value: "true"', "14: rules[0].when[2].value: is true or false"),
        ("status: ACTIVE", "state: ACTIVE", "6: rules[0].state: is not one of"),
        ("    status: ACTIVE\n", "", "4: rules[0].status: is one of"),
        ("action: REVIEW", "action: REVIEW\n    action: ALLOW", "8: action is there twice"),
        ("block_above: 0.9", "block_above: 0.1", "2: thresholds.review_from: is not above"),
        ("[NO, SE]", "[NO, SE", "10: is not YAML"),
        ("[NO, SE]", "&a [NO, SE]", "10: has an anchor, alias or tag"),
        ("[NO, SE]", "!!python/tuple [NO, SE]", "10: has an anchor, alias or tag"),
        ("rules:", "rules: *all\nr:", "3: has an anchor, alias or tag"),
        ("rules:", "---\nrules:", "3: is not YAML"),
        (YAML, "", "1: the document: is a mapping"),
        (YAML, "[" * 5000, "1: is nested too deep"),
        (YAML, "a\x00", "1: is not YAML"),
    ],
)
def test_a_mistake_is_told_with_its_line(file: Path, old: str, new: str, said: str) -> None:
    assert old in YAML
    refused = check(file, YAML.replace(old, new))
    assert refused.exit_code == 1
    assert f"{file}:{said}" in refused.stderr, refused.stderr


def test_a_mistake_in_json_is_told_with_its_line(file: Path) -> None:
    file = file.with_suffix(".json")
    for old, new, said in (
        ('"value": "eur"', '"value": "EUR"', "6: rules[0].when[0].value: is three small letters"),
        ('"eur"}]', '"eur"},]', "6: is not JSON"),
        ('"eur"', "9" * 5000, "1: has too long a number"),
        (JSON, "[" * 5000, "1: has too long a number, or is nested too deep"),
        ('"id": "one"', '"id": "one", "id": "two"', "4: id is there twice"),
    ):
        refused = check(file, JSON.replace(old, new))
        assert (refused.exit_code, f"{file}:{said}" in refused.stderr) == (1, True), refused.stderr


def test_what_is_no_text_or_no_file_is_told_too(file: Path) -> None:
    assert f"{file}:2: is not UTF-8" in check(file, b"rules:\n  \xff").stderr
    runner = CliRunner()
    none = runner.invoke(app, ["fraud", "rules", "check", str(file.with_name("none"))])
    assert isinstance(none.exception, Failure)
    assert "No such file" in str(none.exception)
    assert isinstance(check(file, b" " * (FILE_BYTES_MAX + 1)).exception, Failure)


def test_what_to_begin_with_and_what_an_editor_needs() -> None:
    runner = CliRunner()
    printed = runner.invoke(app, ["fraud", "rules", "default"]).stdout
    assert printed == DEFAULT_RULES.read_text()
    assert json.loads(runner.invoke(app, ["fraud", "rules", "schema"]).stdout)["properties"]
    assert "check" in runner.invoke(app, ["fraud", "rules", "--help"]).stdout
