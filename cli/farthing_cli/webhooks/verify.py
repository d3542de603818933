"""`farthing webhooks verify` and `sign`: one message by hand, and what is wrong with it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from farthing.webhooks.signature import signed_headers
from farthing_cli.failure import Failure
from farthing_cli.webhooks.diagnosis import Diagnosis, diagnose
from farthing_cli.webhooks.headers import headers_of, of_lines
from farthing_cli.webhooks.message import Message
from farthing_cli.webhooks.signing_text import signing_problem

STDIN = "-"
FILE_BYTES_MAX = 4 * 1024 * 1024
SECRET_VARIABLE = "FARTHING_WEBHOOK_SECRET"
console = Console()

Secrets = Annotated[
    list[str],
    typer.Option("--secret", envvar=SECRET_VARIABLE, help="whsec_…; repeat it during a rotation"),
]
Secret = Annotated[str, typer.Option(envvar=SECRET_VARIABLE, help="whsec_…")]
Body = Annotated[
    str, typer.Option(metavar="FILE", help="the bytes that came, as they came; - is standard input")
]


def verify(
    secret: Secrets,
    body: Body,
    headers: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="lines `name: value`, or a JSON object; - is stdin"),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option("--header", "-H", help="one header, 'webhook-id: evt_…'; repeat it"),
    ] = None,
    now: Annotated[
        int | None,
        typer.Option(min=0, help="seconds since 1970 to check the timestamp by; else the present"),
    ] = None,
) -> None:
    """Say whether a webhook's signature is right, and if not, which part of it is wrong.

    Exit code 0 if it is accepted, 1 if not.
    """
    if headers == body == STDIN:
        raise Failure("Headers and body cannot both come from standard input.")
    given = headers_of(_text(headers)) if headers else {}
    message = Message(given | of_lines(header or ()), _bytes(body))
    now_seconds = int(time.time()) if now is None else now
    found = diagnose(secret, message, now_seconds=now_seconds)
    _show(found, message)
    raise typer.Exit(0 if found.accepted else 1)


def sign(
    secret: Secret,
    body: Body,
    message_id: Annotated[str, typer.Option("--id", help="the webhook-id")] = "msg_1",
    now: Annotated[
        int | None, typer.Option(min=0, help="the timestamp, seconds since 1970; else the present")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="as a JSON object")] = False,
) -> None:
    """Print the three headers that make a body a webhook, to send to a receiver of your own."""
    if problem := signing_problem(secret):
        raise Failure(f"The secret: {problem}.")
    timestamp = int(time.time()) if now is None else now
    try:
        made = signed_headers([secret], message_id, timestamp, _bytes(body))
    except ValueError as error:
        raise Failure(str(error)) from None
    if as_json:
        typer.echo(json.dumps(made, indent=2))
        return
    for name, value in made.items():
        typer.echo(f"{name}: {value}")


def _show(found: Diagnosis, message: Message) -> None:
    for one in found.wrong:
        _say(f"{one.part.value}: {one.text}", "red")
    for remark in found.remarks:
        _say(f"note: {remark}", "dim")
    if found.accepted:
        _say("ok", "green")
        return
    _say("What a signature is over, `id.timestamp.body`:", "dim")
    for line in message.signed_parts():
        _say(f"  {line}", "dim")


def _say(line: str, style: str) -> None:
    console.print(line, style=style, highlight=False, markup=False, soft_wrap=True)


def _text(source: str) -> str:
    try:
        return _bytes(source).decode()
    except UnicodeDecodeError:
        raise Failure(f"{source} is no text.") from None


def _bytes(source: str) -> bytes:
    try:
        if source == STDIN:
            read = sys.stdin.buffer.read(FILE_BYTES_MAX + 1)
        else:
            with Path(source).open("rb") as file:
                read = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Failure(f"{source} cannot be read: {error.strerror}.") from None
    if len(read) > FILE_BYTES_MAX:
        raise Failure(f"{source} has more than {FILE_BYTES_MAX} bytes.")
    return read
