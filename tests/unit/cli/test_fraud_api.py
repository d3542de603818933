"""`farthing fraud rules|lists|models`: the real function behind them, in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from typer.testing import CliRunner, Result

from farthing_cli.api import KEY, URL, Api
from farthing_cli.app import app
from farthing_cli.failure import Failure
from tests.support.lambdas import call
from tests.support.stack import Stack
from tests.unit.cli.test_fraud import JSON, YAML
from tests.unit.fraud.test_models_api import model

ENTRY = "fle_01hg0000000000000000000000"


@pytest.fixture(autouse=True)
def _api(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API is the function of this process."""

    def ask(
        self: Api, method: str, path: str, body: Any = None, key: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        path, _, query = path.partition("?")
        function = path.split("/")[2]
        answer = call(function, method, path, body, key=key, query=dict(parse_qsl(query)) or None)
        return answer.status, answer.body

    monkeypatch.setattr(Api, "ask", ask)
    monkeypatch.setenv(URL, "https://api.example")
    monkeypatch.setenv(KEY, "sk_test_1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(YAML)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["fraud", *map(str, arguments)])


def said(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def answered(*arguments: str | Path) -> Any:
    return json.loads(said(*arguments, "--json"))


def failed(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, Failure), result.output
    return str(result.exception)


def test_rules_are_published_shown_and_gone_back_to(file: Path) -> None:
    assert "Version 0, which everybody begins with" in said("rules", "show")
    assert "Version 1, published at" in said("rules", "publish", file, "--note", "north")
    shown = said("rules", "show")
    assert "Version 1, published at" in shown and "north" in shown
    assert 'ip_country in ["NO", "SE"] and card_failures_1h gt 2' in shown
    assert "blocks above 0.9, and is reviewed from 0.2 on" in shown
    assert "Version 2" in said("rules", "activate", "0")
    listed = said("rules", "versions")
    assert "version 0 again" in listed and "north" in listed
    assert [one["version"] for one in answered("rules", "versions", "--limit", "2")] == [2, 1]
    assert answered("rules", "show")["version"] == 2
    assert answered("rules", "show", "--version", "1")["note"] == "north"
    assert answered("rules", "activate", "1")["version"] == 3


def test_the_document_in_force_can_be_changed_and_published(file: Path, tmp_path: Path) -> None:
    said("rules", "publish", file)
    mine = tmp_path / "mine.json"
    mine.write_text(said("rules", "show", "--document"))
    assert answered("rules", "publish", mine, "--follows", "1")["version"] == 2
    assert said("rules", "show", "--document") == mine.read_text()
    assert "version 2 is in force" in failed("rules", "publish", mine, "--follows", "1")


def test_a_file_with_a_mistake_is_told_with_its_line_and_never_sent(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(YAML.replace("value: 2", "value: 4"))
    monkeypatch.delattr(Api, "of")
    refused = run("rules", "publish", file)
    assert refused.exit_code == 1
    assert f"{file}:13: rules[0].when[1].value: is an integer from 0 to 3" in refused.stderr


def test_what_the_api_refuses_is_told(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text(JSON.replace("a\\u0020tab: \\t", "4242 4242 4242 4242"))
    assert "document.rules[0].reason: holds what looks like" in failed("rules", "publish", file)
    assert "404 not_found" in failed("rules", "show", "--version", "7")
    assert "404 not_found" in failed("rules", "activate", "7")


def test_a_value_is_put_on_a_list_and_taken_off() -> None:
    added = said(
        "lists", "add", "country", "KP", "--action", "block", "--reason", "[bold]sanctions"
    )
    assert added.startswith("COUNTRY KP is on the block list: fle_")
    entry_id = added.split(": ")[1].strip()
    ends = "2999-01-31T00:00:00.000Z"
    options = ("--action", "ALLOW", "--reason", "guests", "--until", ends)
    ranged = answered("lists", "add", "RANGE", "203.0.113.0/24", *options)
    assert ranged["expires_at"] == ends
    assert f"until {ends}" in said("lists", "add", "BIN", "424242", *options)
    shown = said("lists", "show")
    assert "[bold]sanctions" in shown and entry_id in shown and ends in shown
    assert [one["entry_id"] for one in answered("lists", "show", "--kind", "country")] == [entry_id]
    assert len(answered("lists", "show", "--action", "allow")) == 2
    assert "take that off first" in failed(
        "lists", "add", "COUNTRY", "KP", "--action", "allow", "--reason", "x"
    )
    assert said("lists", "remove", entry_id) == f"{entry_id} is taken off.\n"
    assert answered("lists", "remove", ranged["entry_id"])["deleted"] is True
    assert "404 not_found" in failed("lists", "remove", entry_id)


def test_a_wrong_value_is_told() -> None:
    wrong = ("lists", "add", "COUNTRY", "Korea", "--action", "block", "--reason", "x")
    assert "value: 'Korea' is not two capital letters" in failed(*wrong)
    assert run("lists", "add", "PHONE", "1", "--action", "block", "--reason", "x").exit_code == 2
    assert (
        run("lists", "add", "COUNTRY", "KP", "--action", "review", "--reason", "x").exit_code == 2
    )


def test_an_ended_entry_is_shown_as_over(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {
        "kind": "BIN", "value": "424242", "action": "BLOCK", "reason": "x", "status": "EXPIRED",
        "expires_at": "2026-01-01T00:00:00.000Z", "entry_id": ENTRY,
    }  # fmt: skip
    monkeypatch.setattr(Api, "ask", lambda *_: (200, {"data": [entry], "has_more": False}))
    assert "is over" in said("lists", "show")


def test_a_model_is_uploaded_put_in_force_and_taken_out(tmp_path: Path) -> None:
    file = tmp_path / "own.farthing"
    file.write_bytes(model())
    uploaded = answered("models", "upload", file, "--note", "first")
    name = uploaded["sha256"]
    assert f"farthing fraud models activate {name}" in said("models", "upload", file)
    shown = said("models", "show")
    assert "payments of our own" in shown and name in shown and "WATCH" in shown
    assert f"Version 1: {name} decides." in said("models", "activate", name, "--mode", "decide")
    assert answered("models", "show")["in_force"]["model"] == name
    assert "no model is asked" in said("models", "deactivate", "--note", "too strict")
    assert "None is in force" in said("models", "show")
    assert "default watches" in said("models", "activate", "default", "--mode", "watch")
    listed = said("models", "history")
    assert "too strict" in listed and "none" in listed
    assert [one["version"] for one in answered("models", "history", "--limit", "3")] == [3, 2, 1]
    assert answered("models", "deactivate")["version"] == 4


def test_a_file_that_is_no_model_is_told_and_never_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Api, "of")
    file = tmp_path / "own.farthing"
    assert "No such file" in failed("models", "upload", file)
    file.write_bytes(b"something else")
    assert "does not begin like a model" in failed("models", "upload", file)
    file.write_bytes(model("terminal_risk_7d"))
    assert "no payment here has a terminal" in failed("models", "upload", file)


def test_a_model_that_is_not_there_is_told() -> None:
    assert "404 not_found" in failed("models", "activate", "../rules", "--mode", "watch")
    assert run("models", "activate", "default").exit_code == 2
    assert run("models", "activate", "default", "--mode", "off").exit_code == 2


def test_reviews_are_listed_and_answered(stack: Stack) -> None:
    held = [stack.pay(number="4000000000009235").body for _ in range(2)]
    first, second = (one["review_id"] for one in held)
    assert [one["review_id"] for one in answered("reviews", "show")] == [second, first]
    approved = said("reviews", "approve", first, "--reviewer", "Ada", "--note", "called them")
    assert f"{held[0]['intent_id']} is SUCCEEDED." in approved
    declined = said("reviews", "decline", second, "--key", "k")
    assert f"{held[1]['intent_id']} is CANCELLED." in declined
    assert said("reviews", "decline", second, "--key", "k") == declined
    assert "409 wrong_state" in failed("reviews", "approve", second)
    assert answered("reviews", "show") == []
    everything = said("reviews", "show", "--all")
    assert "called them" in everything and "Ada" in everything
