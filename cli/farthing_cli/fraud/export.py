"""`farthing fraud export`: what was decided, on what, and what became of it, out of a stack."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from farthing.access.principal import Mode
from farthing.clock import from_text, to_text
from farthing_cli.failure import Failure
from farthing_cli.fraud import dataset
from farthing_cli.fraud.gathering import Gathering
from farthing_cli.fraud.inputs import bar, require_folder_of, say
from farthing_cli.fraud.scan import PaymentsTable
from farthing_cli.place import Place, in_words
from farthing_cli.vault_words import Stack, check_merchant

PAYMENTS_TABLE = "PaymentsTable"


def export(
    into: Annotated[Path, typer.Option(help="the file to write: payments.ndjson")],
    merchant: Annotated[str | None, typer.Option(help="of this merchant alone: mer_…")] = None,
    mode: Annotated[Mode, typer.Option(help="of which payments")] = Mode.TEST,
    since: Annotated[
        str | None, typer.Option("--from", help="decisions from then on: 2026-11-01T00:00Z")
    ] = None,
    until: Annotated[str | None, typer.Option(help="and before then")] = None,
    stack: Stack = None,
) -> None:
    """Write past decisions and what became of them, to train models and try rules on.

    One line of JSON for each, by time, with its label if it has one. It reads the whole table.
    """
    if into.suffix != dataset.LINES:
        raise Failure(f"The file's name ends with {dataset.LINES}: what reads it goes by that.")
    check_merchant(merchant)
    require_folder_of(into)
    first, last = _instant(since, ""), _instant(until, "~")
    with Gathering.open() as gathering:
        with in_words():
            place = Place.of(stack)
            table = PaymentsTable(place.client("dynamodb"), place.output(PAYMENTS_TABLE))
            _read(table, merchant, mode, gathering)
        counts = write(into, gathering.lines(first, last))
        _tell(into, counts, gathering)


def write(path: Path, lines: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """All lines or no file; only its owner can read it. How many there are of what."""
    counts: Counter[str] = Counter()
    unfinished = path.with_name(f"{path.name}.unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, separators=(",", ":")) + "\n")
            counts["decisions"] += 1
            counts.update(name for name in ("blocked", "reviewed", "fraud") if line[name])
    unfinished.replace(path)
    return counts


def _read(table: PaymentsTable, merchant: str | None, mode: Mode, into: Gathering) -> None:
    with bar("rows") as progress:
        task = progress.add_task("reading", total=table.rows())
        for page in table.pages(merchant, mode.value):
            progress.advance(task, page.read)
            for item in page.items:
                into.add(item)


def _tell(into: Path, counts: Counter[str], gathering: Gathering) -> None:
    say(
        f"{into}: {counts['decisions']:,} decisions, {counts['blocked']:,} blocked, "
        f"{counts['reviewed']:,} reviewed; {counts['fraud']:,} are known to be fraud"
    )
    for count, why in (
        (gathering.older, "are left out: they were made before decisions could be replayed"),
        (gathering.without_payment, "are left out: their payment was not there yet"),
        (gathering.without_features, "have no features: no other model can score them"),
    ):
        if count:
            say(f"{count:,} {why}")


def _instant(text: str | None, otherwise: str) -> str:
    """A time as rows have it, so that text order is time order."""
    if text is None:
        return otherwise
    try:
        return to_text(from_text(text))
    except ValueError:
        raise Failure(f"{text!r} is no time. Write it with its zone: 2026-11-22T09:00Z") from None
