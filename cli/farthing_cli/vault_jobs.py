"""`farthing vault rewrap` and `reencrypt`: jobs that go over all cards, with a bar to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from farthing.clock import from_text, to_text
from farthing.vault.rotation import Holding
from farthing_cli.failure import Failure
from farthing_cli.keeper import Keeper
from farthing_cli.pace import Pace
from farthing_cli.place import Place, in_words
from farthing_cli.vault_words import (
    ASKS_AGAIN,
    Apply,
    Merchant,
    Stack,
    check_merchant,
    console,
    say,
)

STRETCH_ROWS = 200
PerSecond = Annotated[int | None, typer.Option("--pace", min=1, help="at most so many a second")]


def rewrap(
    merchant: Merchant = None, apply: Apply = False, pace: PerSecond = None, stack: Stack = None
) -> None:
    """Bring cards under the key that is their merchant's now. No number is opened."""
    check_merchant(merchant)
    with in_words():
        _job(Job("rewrap", "WOULD_REWRAP", merchant, {}), Place.of(stack), apply, pace)


def reencrypt(
    merchant: Merchant = None,
    before: Annotated[
        str | None,
        typer.Option(help="cards that were sealed before 2026-11-22T09:00Z; else all until now"),
    ] = None,
    apply: Apply = False,
    pace: PerSecond = None,
    stack: Stack = None,
) -> None:
    """Give cards a new data key: `charge` opens each, after an audit row, and seals it anew."""
    check_merchant(merchant)
    with in_words():
        place = Place.of(stack)
        until = _time(before) if before else to_text(place.now())
        say(f"Cards that were sealed before {until}. To go on later: --before {until}")
        _job(Job("reencrypt", "WOULD_REENCRYPT", merchant, {"before": until}), place, apply, pace)


@dataclass(frozen=True)
class Job:
    """A walk over all cards: its task, what a dry run counts, and what else is asked."""

    task: str
    would: str
    merchant: str | None
    more: dict[str, Any]


def _job(job: Job, place: Place, apply: bool, per_second: int | None) -> None:
    """Count first, so that there is an end to be seen; then do it. Exits with 1 if rows refused."""
    keeper = Keeper.of(place)
    asked = {**job.more, "merchant": job.merchant}
    found: Counter[str] = Counter()
    with seeing("rows") as seen:
        for stretch in keeper.walk(job.task, apply=False, **asked):
            seen(stretch["rows"])
            found.update(stretch["counts"])
    if not apply:
        say(_counts(found) or "There are no cards.")
        say(ASKS_AGAIN)
    else:
        found = _applied(job, keeper, asked, found[job.would], Pace(per_second))
        say(_counts(found) or "There was nothing to do.")
    if found["REFUSED"]:
        say("What was refused is not what it says, or its key cannot be used: see the log of")
        say(f"vault_keeper and charge. It keeps its key from being retired ({found['REFUSED']}).")
        raise typer.Exit(1)


def _applied(
    job: Job, keeper: Keeper, asked: dict[str, Any], total: int, pace: Pace
) -> Counter[str]:
    done: Counter[str] = Counter()
    bars = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*bars, TimeElapsedColumn(), console=console, transient=True) as progress:
        bar = progress.add_task(job.task, total=total)
        for stretch in keeper.walk(job.task, apply=True, rows=pace.rows(STRETCH_ROWS), **asked):
            done.update(stretch["counts"])
            moved = done.total() - done["THERE"] - done["REFUSED"]
            progress.update(bar, completed=min(moved, total))
            pace.wait(moved)
    return done


def counted(keeper: Keeper) -> list[Holding]:
    with seeing("rows") as seen:
        return keeper.holdings(seen)


@contextmanager
def seeing(what: str) -> Iterator[Any]:
    """A spinner, and how many were seen."""
    total = 0
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"counting {what} …", total=None)

        def seen(more: int) -> None:
            nonlocal total
            total += more
            progress.update(task, description=f"{total} {what}")

        yield seen


def _counts(counted: Counter[str]) -> str:
    return " · ".join(f"{count} {name}" for name, count in sorted(counted.items()) if count)


def _time(text: str) -> str:
    try:
        return to_text(from_text(text))
    except ValueError:
        raise Failure(f"{text!r} is no time. Write it with its zone: 2026-11-22T09:00Z") from None
