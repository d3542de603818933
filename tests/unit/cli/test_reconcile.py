"""`farthing reconcile` and `farthing breaks`: the real functions behind them, in this process."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import boto3
import pytest
from typer.testing import CliRunner, Result

from farthing import runtime
from farthing.reconciliation.break_row import Break
from farthing.reconciliation.kind import Kind
from farthing.store.item import item_from_wire
from farthing_cli.api import KEY, URL, Api
from farthing_cli.app import app
from farthing_cli.failure import Failure
from farthing_cli.place import Place
from farthing_cli.reconciliation import found
from farthing_cli.reconciliation.days import Day, days_of
from farthing_cli.reconciliation.waterfall import spans_of, waterfall
from tests.support.lambdas import Context, call, load
from tests.support.template import ROOT
from tests.unit.reconciliation.ours import Ours
from tests.unit.reconciliation.steps import Story
from tests.unit.reconciliation.theirs import Moved

OUTPUTS = {"SettlementTable": "SettlementTable", "FilesBucket": "files"}


@pytest.fixture
def story(aws: None, monkeypatch: pytest.MonkeyPatch) -> Story:
    """A merchant on moto; what is put into the bucket comes to `reconcile` as the bucket says."""
    boto3.client("s3").create_bucket(
        Bucket="files", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    monkeypatch.setenv("FILES_BUCKET", "files")
    monkeypatch.setenv("RECONCILE_QUEUE_URL", "unused")

    class Bucket:
        def put_object(self, **asked: Any) -> None:
            boto3.client("s3").put_object(**asked)
            key = quote(asked["Key"], safe="/")
            body = json.dumps({"Records": [{"s3": {"object": {"key": key}}}]})
            event = {"Records": [{"messageId": "1", "body": body}]}
            assert load("reconcile").handler(event, Context(remaining_milliseconds=300_000)) == {
                "batchItemFailures": []
            }

    place = Place("farthing-test", lambda name: Bucket() if name == "s3" else boto3.client(name))
    monkeypatch.setattr(Place, "of", lambda stack: place)
    monkeypatch.setattr(Place, "output", lambda self, name: OUTPUTS[name])
    monkeypatch.setattr(found, "POLL_SECONDS", 0)

    def ask(
        self: Api, method: str, path: str, body: Any = None, key: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        path, _, query = path.partition("?")
        wanted = dict(parse_qsl(query)) or None
        answer = call("breaks", method, path, body, key=key, query=wanted, scopes="read breaks")
        return answer.status, answer.body

    monkeypatch.setattr(Api, "ask", ask)
    monkeypatch.setenv(URL, "https://api.example")
    monkeypatch.setenv(KEY, "sk_test_1")
    return Story(ours=OursOnMoto())


class OursOnMoto(Ours):
    """The same world, on moto's tables under the names that the functions know."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = boto3.client("dynamodb")

    def rows(self, entity: str) -> Any:
        for name in ("PaymentsTable", "SettlementTable"):
            for item in boto3.client("dynamodb").scan(TableName=name)["Items"]:
                if item.get("entity") == {"S": entity}:
                    yield item_from_wire(item)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, arguments)
    runtime.reset()
    return result


def written(tmp_path: Path, content: bytes, name: str = "report.csv") -> str:
    path = tmp_path / name
    path.write_bytes(content)
    return str(path)


def test_a_report_is_brought_compared_and_shown(story: Story, tmp_path: Path) -> None:
    name = story.batch_of(1_000, 2_000)
    story.at(name)[0].fee = 30
    story.at(name).append(Moved("DISPUTE", "DSP-1", "", "eur", 70))
    file = written(tmp_path, story.theirs.report(name.reference))
    page = tmp_path / "page.html"

    result = run("reconcile", file, "--by", "Ada <A>", "--html", str(page))

    assert result.exit_code == 0, result.output
    assert re.search(r"matched\s+│\s+1", result.output)
    assert "FEE_MISMATCH" in result.output and "UNEXPECTED_DISPUTE" in result.output
    html = page.read_text()
    assert "gross 30.00 EUR" in html and "chargebacks -0.70 EUR" in html
    assert "<script" not in html and "http" not in html.replace("http-equiv", "")
    assert "Ada &lt;A&gt;" in html and "Ada <A>" not in html


def test_a_statement_is_known_by_its_header(story: Story, tmp_path: Path) -> None:
    name = story.batch_of(1_000)
    run("reconcile", written(tmp_path, story.theirs.report(name.reference)))
    story.theirs.transfer_off[name.reference] = -5
    file = written(tmp_path, story.theirs.statement(name.reference), "bank.csv")
    page = tmp_path / "page.html"

    result = run("reconcile", file, "--html", str(page))

    assert "DEPOSIT_MISMATCH" in result.output and "-0.05 EUR" in result.output
    assert "Day by day" not in page.read_text()


def test_a_file_that_would_be_refused_is_not_brought(story: Story, tmp_path: Path) -> None:
    result = run("reconcile", written(tmp_path, b"a,b\n"))

    assert isinstance(result.exception, Failure)
    assert "would be refused: line 1" in str(result.exception)
    assert boto3.client("s3").list_objects_v2(Bucket="files")["KeyCount"] == 0


def test_no_file_is_said_in_words(story: Story, tmp_path: Path) -> None:
    result = run("reconcile", str(tmp_path / "none.csv"))

    assert isinstance(result.exception, Failure) and "No such file" in str(result.exception)


def test_a_break_is_listed_shown_given_to_somebody_and_ended(story: Story, tmp_path: Path) -> None:
    name = story.batch_of(1_000)
    reference, intent_id = story.ours.declined()
    story.at(name).append(Moved("CAPTURE", reference, intent_id, "eur", 700))
    run("reconcile", written(tmp_path, story.theirs.report(name.reference)))
    (one,) = opened(story)

    assert one.break_id in run("breaks", "list", "--kind", "STATE_MISMATCH").output
    assert one.break_id in run("breaks", "list", "--settlement", one.settlement_id).output
    assert "There are none." in run("breaks", "list", "--status", "RESOLVED").output
    shown = run("breaks", "show", one.break_id).output
    assert f"refund 7.00 EUR of {intent_id}" in shown and "DECLINED" in shown
    assert "ASSIGNED" in run("breaks", "assign", one.break_id, "Grace", "--by", "Ada").output
    assert "ASSIGNED" in run("breaks", "note", one.break_id, "asked", "--by", "Grace").output
    ended = run(
        "breaks", "resolve", one.break_id, "acquirer_corrects", "--reason", "they owe it back"
    )
    assert ended.exit_code == 0, ended.exception
    assert "RESOLVED; ledger: ltx_" in ended.output
    again = run("breaks", "resolve", one.break_id, "WRITE_OFF", "--reason", "no")
    assert isinstance(again.exception, Failure) and "wrong_state" in str(again.exception)
    assert "Grace: NOTED asked" in run("breaks", "show", one.break_id).output


@pytest.mark.parametrize("act", ["assign", "note", "resolve"])
def test_a_merchants_own_key_does_nothing_with_a_break(story: Story, act: str) -> None:
    path = f"/v1/breaks/brk_{'0' * 26}/{act}"

    refused = call("breaks", "POST", path, {}, key="one")

    assert refused.status == 403
    assert "lacks the scope breaks" in refused.text
    assert call("breaks", "GET", "/v1/breaks").status == 200


def opened(story: Story) -> list[Break]:
    return [one for one in story.ours.breaks() if one.is_open]


def test_a_day_is_what_came_in_less_what_was_taken_off() -> None:
    story = Story()
    (paid,) = story.captures(1_000)
    story.ours.refunded(paid, 300)
    story.ours.disputed(paid)
    name = story.submit()

    days = days_of(story.theirs.report(name.reference))

    assert days == {("eur", "2026-11-03"): Day(1_000, 24, 300, 1_000)}
    steps = days["eur", "2026-11-03"].steps()
    assert steps[-1] == ("net", -324)
    assert sum(cents for _, cents in steps[:-1]) == -324


def test_bars_hang_where_the_one_before_ended() -> None:
    assert spans_of([100, -10, -20, 0, 70]) == [(0, 100), (100, 90), (90, 70), (70, 70), (0, 70)]


def test_a_picture_says_in_words_what_it_shows() -> None:
    drawn = waterfall("w", "a & b", "jpy", [("gross", 5), ("net", 5)])

    assert "a &amp; b" in drawn and "gross 5 JPY, net 5 JPY" in drawn


def test_every_kind_is_in_the_docs() -> None:
    text = (ROOT / "docs" / "reconciliation.md").read_text()
    assert all(f"`{kind.value}`" in text for kind in Kind)
