"""`farthing connector add`: a merchant's account at an acquirer, into Secrets Manager.

What is secret is asked for on the terminal or read from standard input, a line each; it is never an
argument, which other users of the machine and the shell's history would see. The key that moves
money and the secrets that webhooks are signed with are two secrets: what checks webhooks cannot
read the key.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from farthing.access.principal import Mode
from farthing.acquiring.stripe_wiring import RESTRICTED_KEY, SECRET_KEY
from farthing.ids import is_id
from farthing_cli import state
from farthing_cli.aws import Account, own_client
from farthing_cli.failure import Failure

app = typer.Typer(no_args_is_help=True, help="Merchants' accounts at acquirers.")
console = Console()

ACQUIRERS = ("stripe",)
WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]{8,250}")
WEBHOOK_SECRETS_MAX = 5
EVENTS = "payment_intent.*, charge.*, refund.* and charge.dispute.*"


@app.callback()
def group() -> None:
    """Keeps `add` a word of its own."""


@app.command()
def add(
    connector: Annotated[str, typer.Argument(help="stripe")],
    merchant: Annotated[str, typer.Option(help="whose account it is: mer_…")],
    mode: Annotated[Mode, typer.Option(help="which payments it is for")] = Mode.TEST,
    stack: Annotated[
        str | None,
        typer.Option(help="a stack in AWS, by your own credentials; else the local one"),
    ] = None,
    reporting: Annotated[
        bool,
        typer.Option("--reporting", help="the restricted key that reads the balance, and no more"),
    ] = False,
) -> None:
    """Store a merchant's key and webhook secrets, or replace them.

    An empty key leaves the stored one as it is. With no webhook secret those stay as they are, too.
    Lines of standard input: the key, then each webhook secret. With --reporting, one key alone: it
    is a restricted one that may read balance transactions, charges, refunds and disputes.
    """
    if connector not in ACQUIRERS:
        raise Failure(f"There is no connector {connector!r} with accounts: {', '.join(ACQUIRERS)}.")
    if not is_id("mer", merchant):
        raise Failure(f"{merchant!r} is no merchant's id.")
    if reporting:
        key = _read_reporting(mode.value)
        Place.of(stack).put(f"{connector}-reporting/{merchant}/{mode.value}", {"secret_key": key})
        console.print("The key is stored; settlement reads the balance with it.")
        return
    given = _read(mode.value)
    place = Place.of(stack)
    if given.key:
        place.put(f"{connector}-keys/{merchant}/{mode.value}", {"secret_key": given.key})
        console.print("The key is stored; it is in use within a minute.")
    if given.webhooks:
        webhooks = {"secrets": given.webhooks}
        place.put(f"{connector}-webhooks/{merchant}/{mode.value}", webhooks)
        console.print(f"{len(given.webhooks)} webhook secret(s) are stored.")
    path = f"/v1/acquirer_webhooks/{connector}/{merchant}/{mode.value}"
    console.print(f"Let it send {EVENTS} to {place.api_url}{path}", highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Given:
    """What was typed. Its repr shows nothing of it."""

    key: str
    webhooks: list[str]

    def __repr__(self) -> str:
        return "Given(…)"


@dataclass(frozen=True)
class Place:
    """Secrets Manager of a stack."""

    client: Any
    stack_name: str
    api_url: str

    @classmethod
    def of(cls, stack_name: str | None) -> Place:
        """That of a stack in AWS, or of the running local one. Raises Failure if there is none."""
        if stack_name is not None:
            return cls(own_client("secretsmanager"), stack_name, "its ApiUrl + ")
        running = state.running()
        client = Account.of(running).client("secretsmanager")
        return cls(client, running.stack_name, running.api_url)

    def put(self, name: str, document: dict[str, Any]) -> None:
        """Store a secret of the stack, new or again. Raises Failure."""
        full, text = f"{self.stack_name}/{name}", json.dumps(document)
        try:
            try:
                self.client.put_secret_value(SecretId=full, SecretString=text)
            except self.client.exceptions.ResourceNotFoundException:
                self.client.create_secret(Name=full, SecretString=text)
        except ClientError as error:
            raise Failure(f"{full}: {error.response['Error'].get('Code')}") from None
        except BotoCoreError as error:
            raise Failure(f"{full}: {type(error).__name__}") from None


def is_terminal() -> bool:
    """Whether somebody types."""
    return sys.stdin.isatty()


def _read_reporting(mode: str) -> str:
    """A restricted key, from the terminal without an echo, or from standard input."""
    if is_terminal():
        line = typer.prompt(f"Restricted key ({mode})", default="", hide_input=True)
    else:
        line = sys.stdin.readline()
    match = RESTRICTED_KEY.fullmatch(line.strip())
    if match is None or match[1] != mode:
        raise Failure(f"That is no restricted {mode} key: it begins with rk_{mode}_.")
    return match[0]


def _read(mode: str) -> Given:
    """From the terminal without an echo, or from standard input."""
    if is_terminal():
        lines = [typer.prompt(f"Secret key ({mode})", default="", hide_input=True)]
        while len(lines) <= WEBHOOK_SECRETS_MAX:
            asked = "Webhook signing secret (none: Enter)"
            line = typer.prompt(asked, default="", hide_input=True, show_default=False)
            if not line.strip():
                break
            lines.append(line)
    else:
        lines = sys.stdin.read().splitlines()
    key, *webhooks = [line.strip() for line in lines] or [""]
    webhooks = [line for line in webhooks if line]
    match = SECRET_KEY.fullmatch(key)
    if key and (match is None or match[1] != mode):
        raise Failure(f"That is no {mode} key: it begins with sk_{mode}_ or rk_{mode}_.")
    if len(webhooks) > WEBHOOK_SECRETS_MAX or not all(map(WEBHOOK_SECRET.fullmatch, webhooks)):
        raise Failure(f"A webhook secret begins with whsec_; {WEBHOOK_SECRETS_MAX} at most.")
    if not key and not webhooks:
        raise Failure("There was nothing to store.")
    return Given(key, webhooks)
