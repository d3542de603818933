"""`farthing merchant`: on moto's table, as the functions read it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from farthing import runtime
from farthing.access.account import CardEntry
from farthing.access.authorize import authorize
from farthing.access.issue import close_account
from farthing.access.keys import merchant_row
from farthing.access.principal import KeyKind, Mode
from farthing.store import EXISTS, Update
from farthing_cli import access_table, merchant
from farthing_cli.access_table import AccessTable
from farthing_cli.app import app
from farthing_cli.failure import Failure

NOBODY = "mer_" + "0" * 26
KEY = re.compile(r"(?:sk|pk)_(?:test|live)_\w+")

Run = Callable[..., Result]


@pytest.fixture
def run(aws: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the table."""
    monkeypatch.setattr(merchant, "console", Console(width=200))
    table = AccessTable(boto3.client("dynamodb"), "AccessTable")
    monkeypatch.setattr(merchant.AccessTable, "of", lambda stack: table)

    def run(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(app, ["merchant", *arguments], input=typed)

    return run


def said(result: Result) -> str:
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


def failure_of(result: Result) -> str:
    assert isinstance(result.exception, Failure), result.output
    return str(result.exception)


def opened(run: Run, *more: str) -> tuple[str, list[str]]:
    """A new merchant's id and the texts of its keys."""
    text = said(run("create", "--name", "Shop", *more))
    return text.split()[0], KEY.findall(text)


def shown(run: Run, merchant_id: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(said(run("show", merchant_id)))
    return found


def now() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=1)


def test_a_merchant_is_opened_with_two_keys_that_work(run: Run) -> None:
    # When
    origins = ("--origin", "https://shop.example", "--origin", "https://Shop.Example:443")
    merchant_id, keys = opened(run, *origins, "--colour", "#0A7D5C", "--card-entry", "external")
    # Then
    found = [authorize(runtime.system_store(), text, now()) for text in keys]
    assert {(one.merchant_id, one.kind, one.mode) for one in found if one} == {
        (merchant_id, KeyKind.SECRET, Mode.TEST),
        (merchant_id, KeyKind.PUBLISHABLE, Mode.TEST),
    }
    assert found[0] is not None and found[0].settings.card_entry is CardEntry.EXTERNAL
    assert (
        shown(run, merchant_id).items()
        >= {
            "name": "Shop",
            "origins": ["https://shop.example"],
            "colour": "#0a7d5c",
            "connectors": {"test": {"*": "sandbox"}, "live": {}},
        }.items()
    )


def test_a_name_is_shown_as_it_is(run: Run) -> None:
    merchant_id, _ = opened(run)
    said(run("set", merchant_id, "--name", "[red]x[/]"))
    assert "[red]x[/]" in said(run("list"))


def test_live_keys_are_asked_for(run: Run) -> None:
    merchant_id, keys = opened(run, "--mode", "live")
    assert [key[:8] for key in keys] == ["sk_live_", "pk_live_"]
    assert merchant_id in said(run("list"))


@pytest.mark.parametrize(
    ("option", "why"),
    [
        (("--origin", "http://shop.example"), "reached by https"),
        (("--origin", "https://shop.example/"), "without a path"),
        (("--origin", "https://*.shop.example"), "wildcards"),
        (("--colour", "green"), "no colour"),
        (("--connector", "eur=nobody"), "no connector 'nobody'"),
        (("--connector", "zzz=sandbox"), "ISO 4217"),
        (("--connector", "eur"), "eur=stripe"),
        (("--mode", "live", "--connector", "eur=sandbox"), "moves no money"),
        (("--name", "4242424242424242"), "card number"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_changed(
    run: Run, option: tuple[str, ...], why: str
) -> None:
    merchant_id, _ = opened(run, "--origin", "https://shop.example")
    before = shown(run, merchant_id)
    assert why in failure_of(run("set", merchant_id, *option))
    assert why in failure_of(run("create", "--name", "Other", *option))
    assert shown(run, merchant_id) == before
    assert said(run("list")).count("mer_") == 1


def test_what_is_set_is_set_and_the_rest_stays(run: Run) -> None:
    merchant_id, _ = opened(run, "--origin", "https://shop.example", "--colour", "#000000")
    assert said(run("set", merchant_id, "--name", "Store")) == "changed: name\n"
    assert said(run("set", merchant_id, "--name", "Store")) == "It is so already.\n"
    said(run("set", merchant_id, "--connector", "EUR=sandbox", "--connector", "*="))
    said(run("set", merchant_id, "--colour", "", "--no-origins"))
    assert (
        shown(run, merchant_id).items()
        >= {
            "name": "Store",
            "origins": [],
            "colour": None,
            "card_entry": "OWN_VAULT",
            "connectors": {"test": {"eur": "sandbox"}, "live": {}},
        }.items()
    )
    both = run("set", merchant_id, "--no-origins", "--origin", "https://a.example")
    assert "not both" in failure_of(both)


def test_two_operators_at_once_do_not_undo_each_other(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given: somebody who sets the name between the read and the write
    merchant_id, _ = opened(run)
    read = AccessTable.merchant

    def read_then_change(table: AccessTable, asked: str) -> dict[str, object]:
        item = read(table, asked)
        change = Update(merchant_row(asked), when=EXISTS, set={"name": "Theirs"})
        table.store.write(change)
        return item

    monkeypatch.setattr(AccessTable, "merchant", read_then_change)
    # When
    why = failure_of(run("set", merchant_id, "--name", "Ours"))
    # Then
    monkeypatch.setattr(AccessTable, "merchant", read)
    assert "Nothing was changed" in why
    assert shown(run, merchant_id)["name"] == "Theirs"


def test_keys_are_listed_without_their_texts(run: Run) -> None:
    merchant_id, keys = opened(run)
    _, others = opened(run)
    text = said(run("keys", "list", merchant_id))
    assert text.count("key_") == 2
    assert text.count("valid") == 2
    assert not [key for key in (*keys, *others) if key in text]


def test_a_key_is_issued_and_ends(run: Run) -> None:
    # Given
    merchant_id, _ = opened(run)
    text = said(run("keys", "issue", merchant_id, "--kind", "publishable", "--expires", "2d"))
    [key] = KEY.findall(text)
    key_id = re.findall(r"key_\w+", text)[-1]
    principal = authorize(runtime.system_store(), key, now())
    assert principal is not None and principal.key_id == key_id
    assert authorize(runtime.system_store(), key, now() + timedelta(days=2)) is None
    assert "until" in said(run("keys", "list", merchant_id))
    # When
    assert run("keys", "revoke", key_id, typed="n\n").exit_code == 1
    assert authorize(runtime.system_store(), key, now()) is not None
    said(run("keys", "revoke", key_id, typed="y\n"))
    # Then
    assert authorize(runtime.system_store(), key, now()) is None
    assert "ended" in said(run("keys", "list", merchant_id))
    assert "ended before" in failure_of(run("keys", "revoke", key_id, "--yes"))


def test_only_a_key_of_which_it_is_said_may_end_breaks(run: Run) -> None:
    merchant_id, keys = opened(run)
    text = said(run("keys", "issue", merchant_id, "--kind", "secret", "--breaks"))
    [key] = KEY.findall(text)
    principals = [authorize(runtime.system_store(), one, now()) for one in (key, *keys)]
    assert [one is not None and "breaks" in one.scopes for one in principals] == [
        True,
        False,
        False,
    ]
    assert said(run("keys", "list", merchant_id)).count("secret, breaks") == 1
    refused = run("keys", "issue", merchant_id, "--kind", "publishable", "--breaks")
    assert "Only a secret key" in failure_of(refused)


def test_a_closed_account_gets_no_more_keys(run: Run) -> None:
    merchant_id, _ = opened(run)
    close_account(runtime.system_store(), merchant_id, now())
    assert "closed" in said(run("list"))
    assert shown(run, merchant_id)["closed_at"]
    refused = run("keys", "issue", merchant_id, "--kind", "secret")
    assert "account is closed" in failure_of(refused)
    assert said(run("keys", "list", merchant_id)).count("key_") == 2


@pytest.mark.parametrize(
    "asked",
    [
        ("show", NOBODY),
        ("set", NOBODY, "--name", "x"),
        ("keys", "list", NOBODY),
        ("keys", "issue", NOBODY, "--kind", "secret"),
        ("keys", "revoke", "key_" + "0" * 26),
    ],
)
def test_who_is_not_there_is_said(run: Run, asked: tuple[str, ...]) -> None:
    assert "There is no" in failure_of(run(*asked))


def test_an_id_that_is_none_is_said(run: Run) -> None:
    assert "is no id" in failure_of(run("show", "pi_" + "0" * 26))


class Formation:
    """CloudFormation with one stack."""

    def __init__(self, outputs: dict[str, str]) -> None:
        self.outputs = outputs

    def describe_stacks(self, *, StackName: str) -> dict[str, object]:
        rows = [{"OutputKey": k, "OutputValue": v} for k, v in self.outputs.items()]
        return {"Stacks": [{"StackName": StackName, "Outputs": rows}]}


def test_a_stack_in_aws_is_found_by_its_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    clients = {"cloudformation": Formation({"AccessTable": "prod-access"}), "dynamodb": "dynamodb"}
    monkeypatch.setattr(access_table, "own_client", clients.__getitem__)
    assert AccessTable.of("farthing-prod") == AccessTable("dynamodb", "prod-access")
    clients["cloudformation"] = Formation({"Bucket": "x"})
    with pytest.raises(Failure, match="has no AccessTable"):
        AccessTable.of("something-else")
