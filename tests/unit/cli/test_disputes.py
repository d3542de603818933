"""`farthing disputes`: the real functions behind it, in this process."""

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
from tests.unit.disputes.conftest import Court, court

__all__ = ["court"]


@pytest.fixture(autouse=True)
def _api(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API is the function of this process."""

    def ask(
        self: Api, method: str, path: str, body: Any = None, key: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        path, _, query = path.partition("?")
        answer = call("disputes", method, path, body, key=key, query=dict(parse_qsl(query)) or None)
        return answer.status, answer.body

    monkeypatch.setattr(Api, "ask", ask)
    monkeypatch.setenv(URL, "https://api.example")
    monkeypatch.setenv(KEY, "sk_test_1")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["disputes", *map(str, arguments)])


def said(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def failed(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, Failure), result.output
    return str(result.exception)


def test_they_are_listed_shown_and_answered(court: Court, tmp_path: Path) -> None:
    # Given two disputes
    first, second = (court.opened()["dispute_id"] for _ in range(2))
    listed = json.loads(said("list", "--json"))
    assert {one["dispute_id"] for one in listed} == {first, second}
    assert "CHARGEBACK" in said("list")
    # When evidence is collected, a document too, and sent
    receipt = tmp_path / "receipt.pdf"
    receipt.write_bytes(b"%PDF-1.7")
    said("evidence", first, "--text", "customer_name=Ada", "--file", f"receipt={receipt}")
    shown = json.loads(said("show", first))
    assert shown["evidence"]["texts"] == {"customer_name": "Ada"}
    assert [one["name"] for one in shown["evidence"]["files"]] == ["receipt.pdf"]
    sent = said("evidence", first, "--submit", "--key", "k")
    assert "is at CHARGEBACK, UNDER_REVIEW." in sent
    assert said("evidence", first, "--submit", "--key", "k") == sent
    # And the other one is accepted
    assert "LOST" in said("accept", second, "--yes")
    lost = json.loads(said("list", "--status", "lost", "--json"))
    assert [one["dispute_id"] for one in lost] == [second]


def test_what_is_wrong_is_said(court: Court, tmp_path: Path) -> None:
    dispute_id = court.opened()["dispute_id"]
    assert "no NAME=VALUE" in failed("evidence", dispute_id, "--text", "hello")
    page = tmp_path / "page.html"
    page.write_text("<html>")
    assert "is none of" in failed("evidence", dispute_id, "--file", f"receipt={page}")
    assert "No such file" in failed("evidence", dispute_id, "--file", "receipt=/none.pdf")
    assert "400 invalid_request" in failed("evidence", dispute_id, "--submit")
    assert "404 not_found" in failed("show", "dp_00000000000000000000000000")
    refused = CliRunner().invoke(app, ["disputes", "accept", dispute_id], input="n\n")
    assert isinstance(refused.exception, Failure)
    assert court.answers_sent() == []
