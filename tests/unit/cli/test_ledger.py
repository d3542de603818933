"""`farthing ledger` and `farthing merchant fees`: the real functions behind them, on moto."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import boto3
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from farthing import runtime
from farthing.access.issue import open_account
from farthing.ledger import posting
from farthing.ledger.journal import head_key
from farthing.ledger.transaction import booked_alone
from farthing.money import Money
from farthing.observe import logger
from farthing.store import EXISTS, TenantScope, Update
from farthing_cli import fees
from farthing_cli.access_table import AccessTable
from farthing_cli.api import KEY, URL, Api
from farthing_cli.app import app
from farthing_cli.failure import Failure
from farthing_cli.ledger import commands, trial
from farthing_cli.ledger.trier import Trier
from farthing_cli.place import Place
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT, Context, call, load
from tests.support.stack import Stack

TENANT = TenantScope(MERCHANT, "test")

Run = Callable[..., Result]


class LocalLambda:
    """`invoke` as a function call."""

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        function = FunctionName.removeprefix("farthing-test-")
        context = Context(remaining_milliseconds=300_000)
        answer = load(function).handler(json.loads(Payload), context)
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


@pytest.fixture
def run(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on two merchants' books."""
    opened = datetime.now(UTC) - timedelta(days=1)
    for merchant_id in (MERCHANT, OTHER_MERCHANT):
        open_account(runtime.system_store(), merchant_id, "Shop", [], opened)

    def ask(
        self: Api, method: str, path: str, body: Any = None, key: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        path, _, query = path.partition("?")
        answer = call("balances", method, path, body, query=dict(parse_qsl(query)) or None)
        return answer.status, answer.body

    logger()  # made here, it does not write to what a command prints
    monkeypatch.setattr(Api, "ask", ask)
    monkeypatch.setenv(URL, "https://api.example")
    monkeypatch.setenv(KEY, "sk_test_1")
    for module in (commands, trial, fees):
        monkeypatch.setattr(module, "console", Console(width=200))
    table = AccessTable(boto3.client("dynamodb"), "AccessTable")
    monkeypatch.setattr(AccessTable, "of", lambda stack: table)
    place = Place("farthing-test", lambda service: LocalLambda())
    monkeypatch.setattr(Place, "of", lambda stack: place)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return run


def said(result: Result) -> str:
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


def failure_of(result: Result) -> str:
    assert isinstance(result.exception, Failure), result.output
    return str(result.exception)


def paid(stack: Stack) -> str:
    """A payment and its refund, projected by a trial balance."""
    intent_id: str = stack.pay(1999).body["intent_id"]
    stack.refund(intent_id, 499)
    event = {"merchant_id": MERCHANT, "mode": "test"}
    load("trial_balance").handler(event, Context(remaining_milliseconds=300_000))
    return intent_id


def test_the_balance_is_shown_as_money(stack: Stack, run: Run) -> None:
    assert "Nothing was ever captured" in said(run("ledger", "balance"))
    paid(stack)

    text = said(run("ledger", "balance"))

    assert "15.00 EUR" in text and "0.00 EUR" in text
    shown = json.loads(said(run("ledger", "balance", "--json")))
    assert shown["data"][0]["pending_cents"] == 1500


def test_transactions_are_shown_with_postings_and_balances(stack: Stack, run: Run) -> None:
    intent_id = paid(stack)

    text = said(run("ledger", "transactions"))

    for word in ("REFUND", "CAPTURE", "merchant_pending", "4.99 EUR", "15.00 EUR pending"):
        assert word in text
    of_kind = run("ledger", "transactions", "--kind", "refund", "--payment", intent_id, "--json")
    [one] = json.loads(said(of_kind))
    assert (one["kind"], one["payment_intent_id"]) == ("REFUND", intent_id)


def test_books_that_are_right_are_shown_with_their_sums(stack: Stack, run: Run) -> None:
    paid(stack)

    text = said(run("ledger", "trial-balance", "--merchant", MERCHANT))

    assert text.count("every cent agrees") == 2
    assert "acquirer_receivable:sandbox" in text
    [test, live] = json.loads(said(run("ledger", "trial-balance", "--last", "--json")))[:2]
    assert (test["mode"], live["mode"]) == ("test", "live")
    assert test["accounts"]["eur"]["merchant_pending"] == -1500


def test_all_merchants_are_tried_if_none_is_named(stack: Stack, run: Run) -> None:
    paid(stack)

    runs = json.loads(said(run("ledger", "trial-balance", "--mode", "test", "--json")))

    assert {one["merchant_id"] for one in runs} == {MERCHANT, OTHER_MERCHANT}
    assert all(one["done"] for one in runs)


def test_what_was_missed_is_said(stack: Stack, run: Run) -> None:
    stack.pay(1000)
    stack.advance(3600)

    text = said(run("ledger", "trial-balance", "--mode", "test", "--merchant", MERCHANT))

    assert "1 that the projection had missed are put in" in text


def test_a_difference_is_named_and_the_command_fails(stack: Stack, run: Run) -> None:
    # Given
    paid(stack)
    store = runtime.system_store()
    accounts = {"acquirer_receivable:sandbox": 1501, "merchant_pending": -1500}
    store.write(Update(head_key(TENANT, "eur"), EXISTS, set={"accounts": accounts}))
    # When
    tried = run("ledger", "trial-balance", "--mode", "test", "--merchant", MERCHANT)
    # Then
    assert tried.exit_code == 1
    for word in ("HEAD_DIFFERS", "acquirer_receivable:sandbox", "15.00 EUR", "15.01 EUR"):
        assert word in tried.output
    assert run("ledger", "trial-balance", "--last", "--merchant", MERCHANT).exit_code == 1


def test_an_account_on_its_other_side_is_marked(stack: Stack, run: Run) -> None:
    amount = Money(500, "eur")
    sent = posting.payout(runtime.new_id("po"), amount, at=datetime.now(UTC))
    runtime.system_store().write(*booked_alone(sent, TENANT))

    text = said(run("ledger", "trial-balance", "--mode", "test", "--merchant", MERCHANT))

    assert "on its other side" in text
    [line] = [line for line in text.splitlines() if "merchant_payable" in line]
    assert "on its other side" in line


@pytest.mark.parametrize("merchant", ["mer_1", "pi_01m817tr88cas1byw96gkvdt72"])
def test_what_is_no_merchant_is_said(run: Run, merchant: str) -> None:
    assert "is no id" in failure_of(run("ledger", "trial-balance", "--merchant", merchant))


def test_a_merchant_that_is_not_there_is_said(run: Run) -> None:
    nobody = "mer_" + "0" * 26
    text = failure_of(run("ledger", "trial-balance", "--merchant", nobody, "--mode", "test"))

    assert "there is no merchant" in text


def test_a_run_that_does_not_get_on_is_given_up() -> None:
    class Stuck:
        def invoke(self, **_: Any) -> dict[str, Any]:
            run = {"run_id": "trb_1", "done": False, "day": "d", "days_done": 0, "counts": {}}
            return {"Payload": io.BytesIO(json.dumps(run).encode())}

    with pytest.raises(Failure, match="does not get on"):
        list(Trier(Stuck(), "f").run(MERCHANT, "test", full=False))


def test_a_failure_of_the_function_is_told_in_a_line() -> None:
    class Broken:
        def invoke(self, **_: Any) -> dict[str, Any]:
            body = json.dumps({"errorMessage": "StoreBusy\nmore"}).encode()
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(body)}

    with pytest.raises(Failure, match="failed: StoreBusy more"):
        Trier(Broken(), "f").newest(MERCHANT, "test")


# fee plans


def test_fees_are_set_shown_and_kept(run: Run) -> None:
    # Given
    command = ("merchant", "fees", "set", MERCHANT, "--by", "Ada")
    assert "There are no fees" in said(run("merchant", "fees", "show", MERCHANT))
    # When
    text = said(run(*command, "--rate", "eur=1.4%+25", "--rate", "EUR/amex=2.9%+25,min=50"))
    said(run(*command, "--rate", "*=2%", "--rate", "eur/amex="))
    # Then
    assert "version 1 is in force" in text and "1.65 EUR" in text
    shown = json.loads(said(run("merchant", "fees", "show", MERCHANT, "--json")))
    rates = {"*/*": "2%", "eur/*": "1.4%+25"}
    assert shown == {"mode": "test", "version": 2, "rates": rates}
    held = said(run("merchant", "fees", "show", MERCHANT, "--history"))
    assert "version 1, since" in held and "by Ada" in held
    live = run("merchant", "fees", "show", MERCHANT, "--mode", "live")
    assert "There are no fees" in said(live)


def test_fees_that_are_so_already_are_not_written(run: Run) -> None:
    command = ("merchant", "fees", "set", MERCHANT, "--by", "Ada", "--rate", "jpy=3%")
    said(run(*command))

    assert "It is so already" in said(run(*command))


@pytest.mark.parametrize(
    ("rate", "says"),
    [
        ("eur", "names no rate"),
        ("eur=1.4", "is no rate"),
        ("xxx=1%", "no currency"),
        ("eur/gold=1%", "no brand"),
        ("*=1%+25", "of one currency"),
        ("eur=101%", "from 0% to 100%"),
    ],
)
def test_a_rate_that_may_not_be_is_said_and_changes_nothing(run: Run, rate: str, says: str) -> None:
    text = failure_of(run("merchant", "fees", "set", MERCHANT, "--by", "Ada", "--rate", rate))

    assert says in text
    assert "There are no fees" in said(run("merchant", "fees", "show", MERCHANT))


def test_fees_of_nobody_and_by_nobody_are_refused(run: Run) -> None:
    nobody = "mer_" + "0" * 26
    rate = ("--rate", "eur=1%")

    assert "no merchant" in failure_of(run("merchant", "fees", "show", nobody))
    assert "is no id" in failure_of(run("merchant", "fees", "show", "mer_1"))
    by_nobody = run("merchant", "fees", "set", MERCHANT, "--by", " ", *rate)
    assert "who sets it" in failure_of(by_nobody)
