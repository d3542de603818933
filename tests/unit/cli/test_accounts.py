"""`farthing connector add`: secrets from standard input or the terminal, never from arguments."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import boto3
import pytest
from moto import mock_aws
from rich.console import Console
from typer.testing import CliRunner, Result

from farthing_cli import accounts
from farthing_cli.accounts import Given, Place
from farthing_cli.app import app
from farthing_cli.failure import Failure

MERCHANT = "mer_01m817tr88cas1byw96gkvdt72"
KEY, HOOK = "rk_test_51AbcDef", "whsec_abcdefgh"

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(accounts, "console", Console(width=200))
    with mock_aws():
        place = Place(boto3.client("secretsmanager"), "shop", "https://api.example")
        monkeypatch.setattr(Place, "of", lambda stack: place)

        def run(
            *lines: str, mode: str = "test", merchant: str = MERCHANT, reporting: bool = False
        ) -> Result:
            command = ["connector", "add", "stripe", "--merchant", merchant, "--mode", mode]
            command += ["--reporting"] if reporting else []
            return CliRunner().invoke(app, command, input="\n".join(lines))

        yield run


def stored(name: str) -> dict[str, object] | None:
    client = boto3.client("secretsmanager")
    try:
        text = client.get_secret_value(SecretId=f"shop/{name}")["SecretString"]
    except client.exceptions.ResourceNotFoundException:
        return None
    found: dict[str, object] = json.loads(text)
    return found


def test_key_and_webhook_secrets_are_two_secrets(run: Run) -> None:
    result = run(KEY, HOOK, "whsec_another_one", "")
    assert result.exit_code == 0, result.output
    assert stored(f"stripe-keys/{MERCHANT}/test") == {"secret_key": KEY}
    webhooks = {"secrets": [HOOK, "whsec_another_one"]}
    assert stored(f"stripe-webhooks/{MERCHANT}/test") == webhooks
    assert f"https://api.example/v1/acquirer_webhooks/stripe/{MERCHANT}/test" in result.output
    assert KEY not in result.output and HOOK not in result.output


def test_each_can_be_replaced_alone(run: Run) -> None:
    run(KEY, HOOK)
    assert run("rk_test_second").exit_code == 0
    assert stored(f"stripe-keys/{MERCHANT}/test") == {"secret_key": "rk_test_second"}
    assert stored(f"stripe-webhooks/{MERCHANT}/test") == {"secrets": [HOOK]}
    assert run("", "whsec_replaced").exit_code == 0
    assert stored(f"stripe-keys/{MERCHANT}/test") == {"secret_key": "rk_test_second"}
    assert stored(f"stripe-webhooks/{MERCHANT}/test") == {"secrets": ["whsec_replaced"]}


@pytest.mark.parametrize(
    ("lines", "mode"),
    [
        ((KEY,), "live"),
        (("sk_live_51AbcDef",), "test"),
        (("pk_test_51AbcDef",), "test"),
        ((KEY, "swordfish"), "test"),
        ((KEY, *[f"{HOOK}{n}" for n in range(6)]), "test"),
        (("",), "test"),
        ((), "test"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_stored(
    run: Run, lines: tuple[str, ...], mode: str
) -> None:
    result = run(*lines, mode=mode)
    assert isinstance(result.exception, Failure)
    for line in lines:
        assert not line or line not in str(result.exception)
    assert stored(f"stripe-keys/{MERCHANT}/{mode}") is None
    assert stored(f"stripe-webhooks/{MERCHANT}/{mode}") is None


def test_the_key_that_settlement_reads_with_is_a_restricted_one_in_a_secret_of_its_own(
    run: Run,
) -> None:
    assert run("rk_test_balance", reporting=True).exit_code == 0
    assert stored(f"stripe-reporting/{MERCHANT}/test") == {"secret_key": "rk_test_balance"}
    assert stored(f"stripe-keys/{MERCHANT}/test") is None
    for wrong in ("sk_test_51AbcDef", "rk_live_balance", ""):
        assert isinstance(run(wrong, reporting=True).exception, Failure)
    assert stored(f"stripe-reporting/{MERCHANT}/test") == {"secret_key": "rk_test_balance"}


def test_a_merchant_that_cannot_be_is_refused(run: Run) -> None:
    assert isinstance(run(KEY, merchant="mer_x/../../all").exception, Failure)


def test_what_was_typed_is_not_shown_by_accident() -> None:
    assert KEY not in repr(Given(KEY, [HOOK]))


def test_a_terminal_is_asked_without_an_echo(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    typed = iter([KEY, HOOK, ""])

    def prompt(text: str, *, hide_input: bool, **more: object) -> str:
        asked.append(hide_input)
        return next(typed)

    monkeypatch.setattr(accounts.typer, "prompt", prompt)
    monkeypatch.setattr(accounts, "is_terminal", lambda: True)
    assert run().exit_code == 0
    assert asked == [True, True, True]
    assert stored(f"stripe-keys/{MERCHANT}/test") == {"secret_key": KEY}
