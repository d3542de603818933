"""`farthing reconcile`: an acquirer's report or a bank's statement, against our books."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from farthing.files import FILE_BYTES_MAX
from farthing.money import Money
from farthing.reconciliation.break_row import Break
from farthing.reconciliation.file_row import FileKind, FileRow, FileState
from farthing_cli import wide
from farthing_cli.failure import Failure
from farthing_cli.place import Place, in_words
from farthing_cli.reconciliation.found import Files, kind_of, references_of
from farthing_cli.reconciliation.html import page_of

console = Console()


def reconcile(
    file: Annotated[Path, typer.Argument(help="a CSV file: see docs/reconciliation.md")],
    kind: Annotated[
        FileKind | None, typer.Option(help="what it is, if its header does not say")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="write a page about it here")] = None,
    by: Annotated[str | None, typer.Option(help="who brings it; else the user's name")] = None,
    stack: Annotated[
        str | None,
        typer.Option(help="a stack in AWS, by your own credentials; else the local one"),
    ] = None,
) -> None:
    """Compare an acquirer's report or a bank's statement with our books.

    Safe to repeat: a file that was taken already changes nothing.
    """
    content = _content(file)
    what = kind or kind_of(content)
    references = references_of(what, content)
    with in_words():
        files = Files(Place.of(stack))
        sha256 = files.bring(what, by or getpass.getuser(), file.name, content)
        row = _follow(files, sha256)
        if row.state is FileState.REFUSED:
            raise Failure(f"The file was refused, and nothing of it was taken: {row.problem}")
        breaks = files.breaks(references)
    show(row, breaks)
    if html is not None:
        html.write_text(page_of(row, what, content, breaks), encoding="utf-8")
        console.print(f"Written to {html}.", highlight=False, soft_wrap=True)


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise Failure(f"{file} is larger than {FILE_BYTES_MAX // 2**20} MiB: cut it in two.")
        return file.read_bytes()
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from None


def _follow(files: Files, sha256: str) -> FileRow:
    bars = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bars, console=console, transient=True) as progress:
        task = progress.add_task("reading", total=None)
        for row in files.follow(sha256):
            progress.update(task, total=row.lines or None, completed=row.lines_done)
    return row


def show(row: FileRow, breaks: list[Break]) -> None:
    """What came of a file, as a table."""
    table = Table("", *wide.amounts("lines"), title=f"{row.name} ({row.kind.value})")
    table.add_row("matched", f"{row.matched:,}")
    for kind, count in sorted(row.broken.items()):
        table.add_row(kind, f"{count:,}", style="bold red" if count else None)
    table.add_section()
    table.add_row("in the file", f"{row.lines:,}")
    wide.show(console, table)
    if row.unplaced:
        console.print(f"{row.unplaced} of them name no batch of any merchant.", style="bold red")
    if not breaks:
        console.print("No break is open in the batches of this file.")
        return
    listed = Table("break", "kind", "settlement", "line", *wide.amounts("unexplained", "unpaid"))
    for one in breaks:
        own = one.currency if one.expected is None else one.expected.currency
        unexplained = ", ".join(
            str(Money(cents, currency)) for currency, cents in sorted(one.effect.suspense.items())
        )
        unpaid = str(Money(one.unpaid_cents, own)) if one.unpaid_cents else ""
        listed.add_row(
            one.break_id, one.kind.value, one.settlement_id, one.subject.line, unexplained, unpaid
        )
    wide.show(console, listed)
