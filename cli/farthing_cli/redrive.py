"""`farthing redrive`: what failed is tried again, at a pace."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from farthing_cli import dead_letters, wide
from farthing_cli.dead_letters import DeadLetters
from farthing_cli.failure import Failure
from farthing_cli.pace import Pace
from farthing_cli.place import Place, in_words

PER_SECOND = 10
console = Console()


def redrive(
    queue: Annotated[
        str | None, typer.Argument(help="such as AcquirerEventsDeadLetters; see --list")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="every queue of failures")] = False,
    per_second: Annotated[
        int, typer.Option(min=1, max=1000, help="messages a second, over the whole run")
    ] = PER_SECOND,
    most: Annotated[
        int | None, typer.Option("--max", min=1, help="move no more than so many")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be moved")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    stack: Annotated[
        str | None,
        typer.Option(help="a stack in AWS, by your own credentials; else the local one"),
    ] = None,
) -> None:
    """Send the messages of a queue of failures back to where they came from.

    Safe to repeat: what was done already is not done again.
    """
    if list_ is (queue is not None):
        raise Failure("Name a queue of failures, or ask for --list.")
    with in_words():
        place = Place.of(stack)
        if queue is None:
            _show(dead_letters.of_stack(place))
            return
        chosen = dead_letters.named(place, queue)
        count = min(chosen.depth, most or chosen.depth)
        _say(f"{chosen.name}: {chosen.depth} messages, of which {count} go to {chosen.source}")
        if dry_run or count == 0:
            _say("Nothing was changed.")
            return
        if not yes and not typer.confirm(f"Move them, {per_second} a second?"):
            raise Failure("Nothing was changed.")
        _move(place, chosen, count, Pace(per_second))


def _move(place: Place, queue: DeadLetters, count: int, pace: Pace) -> None:
    gone = 0
    bars = (TextColumn(queue.name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*bars, console=console, transient=True) as progress:
            task = progress.add_task(queue.name, total=count)
            for gone in dead_letters.move(place, queue, count, pace):
                progress.update(task, completed=gone)
    finally:
        _say(f"{gone} of {count} messages went to {queue.source}")


def _show(queues: list[DeadLetters]) -> None:
    table = Table("queue of failures", "waiting", "came from")
    for one in queues:
        style = "bold red" if one.depth else None
        table.add_row(one.name, str(one.depth), one.source or "no queue", style=style)
    wide.show(console, table)


def _say(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)
