"""`farthing settle`: the daily settlement now, and what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import typer
from botocore.exceptions import ReadTimeoutError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from farthing.access.principal import Mode
from farthing_cli import settle_again, state
from farthing_cli.aws import Account
from farthing_cli.failure import Failure
from farthing_cli.place import Place, in_words
from farthing_cli.recovery import Stack

POLL_SECONDS = 0.3
PATIENCE_SECONDS = 120
"""How long nothing may come of it. A batch of an acquirer that is silent takes some thirty."""

COUNTS = ("settled", "exceptions", "waiting", "failed")

Call = Callable[[Mapping[str, Any]], Mapping[str, Any]]

console = Console()


def settle(
    until: Annotated[
        str | None, typer.Option(help="up to this business day, such as 2026-11-21")
    ] = None,
    today: Annotated[
        bool, typer.Option("--today", help="close today as well; needs a test clock")
    ] = False,
    again: Annotated[
        str | None,
        typer.Option(help="only give back a batch that the acquirer refused: st_…"),
    ] = None,
    merchant: Annotated[
        str | None, typer.Option(help="whose batch that is: mer_…; else the local stack's")
    ] = None,
    mode: Annotated[Mode, typer.Option(help="in which mode it is")] = Mode.TEST,
    stack: Stack = None,
) -> None:
    """Do now what the schedule does every day: settle the days that are over.

    With --again nothing is settled now: the next run submits that batch once more.
    """
    if again is not None:
        _give_back(again, merchant, mode, stack)
        return
    if (merchant, stack) != (None, None):
        raise Failure("--merchant and --stack go with --again.")
    asked: dict[str, Any] = {"follow": True}
    if until is not None:
        asked["until_day"] = until
    if today:
        asked["include_today"] = True
    call = function(Account.of(running := state.running()), f"{running.stack_name}-settle")
    result = followed(call(asked), call)
    console.print_json(data=result)
    if result["failed"]:
        raise Failure(f"{result['failed']} failed, and are tried again; see `farthing logs`.")


def _give_back(settlement_id: str, merchant: str | None, mode: Mode, stack: str | None) -> None:
    if merchant is None:
        if stack is not None:
            raise Failure("--again in a stack in AWS needs --merchant mer_….")
        merchant = state.running().merchant_id
    with in_words():
        settle_again.again(Place.of(stack), merchant, mode, settlement_id)
    said = f"{settlement_id} is CLOSING: the next run submits it again, under the same reference."
    console.print(said, highlight=False, soft_wrap=True)


def function(account: Account, name: str) -> Call:
    """Calls a function and waits for its answer. That raises Failure."""
    client = account.client("lambda")

    def call(event: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            answer = client.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        except ReadTimeoutError:
            raise Failure(f"{name} is still at work; see `farthing logs`.") from None
        result: Mapping[str, Any] = json.load(answer["Payload"])
        if "FunctionError" in answer:
            raise Failure(f"{name} failed: {result.get('errorMessage', result)}")
        return result

    return call


def followed(
    sent: Mapping[str, Any],
    call: Call,
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """What came of every message, with a bar. Raises Failure if nothing comes any more."""
    columns = (TextColumn("settling"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=sent["merchants"])
        for result in results(sent, call, now=now, sleep=sleep):
            progress.update(bar, completed=result["done"], total=result["jobs"])
    counts = {name: result[name] for name in COUNTS}
    return {"until": sent["until"], "merchants": sent["merchants"], **counts}


def results(
    sent: Mapping[str, Any],
    call: Call,
    *,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Mapping[str, Any]]:
    """What came of a run so far, again and again; the last time all has come.

    Raises Failure if nothing comes any more.
    """
    done, since = -1, now()
    while True:
        result = call({"run": sent["run"]})
        yield result
        if result["jobs"] is not None and result["done"] >= result["jobs"]:
            return
        if result["done"] > done:
            done, since = result["done"], now()
        if now() - since > PATIENCE_SECONDS:
            left = f"{result['done']} of {result['jobs']} merchants and lanes"
            raise Failure(f"Only {left} answered: see `farthing logs`, and SettleDeadLetters.")
        sleep(POLL_SECONDS)
