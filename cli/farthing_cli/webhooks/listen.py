"""`farthing listen`: a merchant's events on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from farthing.webhooks.event_types import EVENT_TYPES, is_pattern
from farthing_cli.api import URL, Api
from farthing_cli.failure import Failure
from farthing_cli.webhooks.endpoint import registered
from farthing_cli.webhooks.feed import Feed, webhook_body
from farthing_cli.webhooks.forward import Forwarder, loopback_url, session_secret
from farthing_cli.webhooks.hearing import Heard, Hearing

FOREVER_SECONDS = 365 * 86_400.0
LOOK_SECONDS = 0.2
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
console = Console()


class Format(StrEnum):
    """How events are shown."""

    TEXT = "text"
    JSON = "json"


@dataclass
class Ending:
    """Whether somebody asked us to end: Ctrl-C, a signal, a closed terminal.

    Asked, not made to: a signal in the middle of the registration must not lose the endpoint's id.
    """

    asked: bool = False

    @contextlib.contextmanager
    def listens(self) -> Iterator[None]:
        """Within it, signals ask."""

        def ask(*_: object) -> None:
            self.asked = True

        before = {number: signal.signal(number, ask) for number in ENDINGS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(
    forward_to: Annotated[
        str | None, typer.Option(metavar="URL", help="a server on this machine to pass them on to")
    ] = None,
    events: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="which: refund.*, or a type; repeat it. Else all"),
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="json is one object a line")] = (
        Format.TEXT
    ),
    secret: Annotated[
        str | None,
        typer.Option(
            envvar="FARTHING_WEBHOOK_SECRET",
            help="whsec_… to sign with for your server; else one that follows from the API key",
        ),
    ] = None,
    print_secret: Annotated[
        bool, typer.Option("--print-secret", help="print that secret, and end")
    ] = False,
    skip_verify: Annotated[
        bool, typer.Option("--skip-verify", help="do not check Farthing's own signature")
    ] = False,
    count: Annotated[
        int | None, typer.Option(min=1, help="end with 0 when so many were answered with 2xx")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="end after so many seconds, with 1 if --count is")
    ] = None,
) -> None:
    """Receive a merchant's webhooks here, check them, and pass them on to a local server.

    Each is signed anew for your server, whose answer is what Farthing hears: retries and resends
    are real, and a server that does not answer is a 502.

    With FARTHING_API_URL and FARTHING_SECRET_KEY set it is the stack that they name. That cannot
    reach this machine, so its feed of events is followed: in order, once each, and resends do
    not arrive.
    """
    is_away = bool(os.environ.get(URL))
    api = Api.of()
    signing = session_secret(api.key, secret)
    if print_secret:
        typer.echo(signing)
        return
    patterns = _patterns(events)
    forwarder = Forwarder(loopback_url(forward_to), signing) if forward_to else None
    hearing = Hearing(_shower(output), patterns, forwarder, count)
    until = time.monotonic() + (FOREVER_SECONDS if timeout is None else timeout)
    if forwarder:
        _say(output, f"Your server verifies with {signing}")
    ending = Ending()
    with ending.listens():
        if is_away:
            _follow(api, hearing, until, output, ending)
        else:
            with registered(api, hearing, patterns, checked=not skip_verify) as url:
                _say(output, f"Listening at {url} Ctrl-C ends it.")
                _wait(hearing, until, ending)
    if count is not None and not hearing.enough.is_set():
        raise Failure(f"{hearing.taken} of {count} events were taken.")


def _wait(hearing: Hearing, until: float, ending: Ending) -> None:
    while not ending.asked and (left := until - time.monotonic()) > 0:
        if hearing.enough.wait(min(LOOK_SECONDS, left)):
            return


def _follow(api: Api, hearing: Hearing, until: float, output: Format, ending: Ending) -> None:
    feed = Feed.from_now(api)
    _say(output, f"Following the feed of {api.url} Ctrl-C ends it.")
    for event in feed.follow(until):
        if event is not None:
            hearing.answered(hearing.told(str(event["event_id"]), webhook_body(event)))
        if ending.asked or hearing.enough.is_set():
            return


def _patterns(events: list[str] | None) -> list[str]:
    for pattern in events or ():
        if not is_pattern(pattern):
            raise Failure(f"{pattern!r} is no type of event: *, refund.*, {', '.join(EVENT_TYPES)}")
    return events or ["*"]


def _shower(output: Format) -> Callable[[Heard], None]:
    return _show_json if output is Format.JSON else _show_text


def _show_json(heard: Heard) -> None:
    typer.echo(json.dumps(heard.document(), separators=(",", ":"), ensure_ascii=False))


def _show_text(heard: Heard) -> None:
    at = time.strftime("%H:%M:%S")
    colour = "green" if heard.reply.took_it else "red"
    became = str(heard.reply.status) if heard.forwarded else heard.reply.problem or "signed right"
    took = f" {heard.reply.duration_ms} ms" if heard.forwarded else ""
    why = f" ({heard.reply.problem})" if heard.forwarded and heard.reply.problem else ""
    line = f"{at} {heard.type} {heard.message_id}"
    console.print(
        f"{escape(line)} [{colour}]{escape(became)}[/]{took}{escape(why)}",
        highlight=False,
        soft_wrap=True,
    )
    if not heard.forwarded and heard.event:
        what = json.dumps(heard.event.get("data"), separators=(",", ":"), ensure_ascii=False)
        console.print(what, style="dim", highlight=False, markup=False, soft_wrap=True)


def _say(output: Format, line: str) -> None:
    """A line for people, which no program that reads our JSON sees."""
    stream = Console(stderr=True) if output is Format.JSON else console
    stream.print(line, highlight=False, markup=False, soft_wrap=True)
