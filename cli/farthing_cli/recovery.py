"""`farthing resolve`, `unknown` and `decide`: what happened to money of which nobody knows."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from farthing.access.principal import Mode
from farthing.acquiring.connectors import CONNECTORS
from farthing.acquiring.fit import TOKEN_FORMS
from farthing.acquiring.port import Books
from farthing.cards import holds_pan
from farthing.clock import from_text, to_text
from farthing.ids import is_id
from farthing.money import Money
from farthing.payments.address import Address
from farthing.payments.operation import UNRESOLVED
from farthing_cli import duration, wide
from farthing_cli.failure import Failure
from farthing_cli.resolver import Resolver, Row

AS_IT_SHOULD_BE = "MATCHED"
FOR_A_PERSON = frozenset({"REPORTED", "WOULD_REPORT"})
STYLES = {"ADOPTED": "green", "VOIDED": "yellow", "REPORTED": "bold red"}
TEXT_LENGTH_MAX = 500

Stack = Annotated[
    str | None,
    typer.Option("--stack", help="a stack in AWS, by your own credentials; else the local one"),
]
console = Console()


class Decided(StrEnum):
    """What a person found out at the acquirer."""

    APPROVED = "approved"
    ABSENT = "absent"


def resolve(
    operation: Annotated[
        str | None, typer.Option(help="look into this one now: mer_…/test/pi_…/op_…")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="after a restore: compare the acquirer's books since 2026-11-22T09:00Z"),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="with --since: adopt and void, not only say so")
    ] = False,
    connector: Annotated[
        str, typer.Option(help="with --since: whose books, such as stripe")
    ] = "sandbox",
    merchant: Annotated[
        str | None,
        typer.Option(help="with --since: of whose account, where each merchant has its own"),
    ] = None,
    mode: Annotated[Mode, typer.Option(help="with --since: of which payments")] = Mode.TEST,
    stack: Stack = None,
) -> None:
    """Find out what became of operations of unknown outcome.

    Without options: do now what the schedule does every minute.
    """
    if operation and since:
        raise Failure("Give --operation or --since, not both.")
    if apply and not since:
        raise Failure("--apply belongs to --since.")
    if since:
        began_at, resolver = _time(since), Resolver.of(stack)
        if began_at > to_text(resolver.now()):
            raise Failure(f"{since} is not over yet.")
        _restore(resolver, began_at, _books(connector, mode, merchant), apply=apply)
    elif operation:
        address = _address(operation)
        found = Resolver.of(stack).resolve(address)
        due = f", looked into again at {found['due_at']}" if found.get("due_at") else ""
        _say(f"{found['operation_id']} is {found['state']}{due}")
        if decided := found.get("decision"):
            when, who, why = decided["decided_at"], decided["decided_by"], decided["reason"]
            _say(f"decided at {when} by {who}: {why}")
    else:
        console.print_json(data=Resolver.of(stack).tick())


def unknown(stack: Stack = None) -> None:
    """List the operations of which nobody knows what the acquirer did."""
    resolver = Resolver.of(stack)
    rows = resolver.unresolved()
    if not rows:
        console.print("Every outcome is known.")
        return
    table = Table("age", "kind", "amount", "state", "next look", "reference", "operation")
    for row in sorted(rows, key=lambda row: str(row["created_at"])):
        asked = row["requires_decision"]
        table.add_row(
            _age(row, resolver.now()),
            row["kind"],
            _amount(row),
            row["state"],
            "[bold red]a person decides[/]" if asked else str(row["due_at"] or ""),
            row["reference"],
            row["operation"],
        )
    wide.show(console, table)
    if any(row["requires_decision"] for row in rows):
        console.print("Ask the acquirer what became of the reference, then:")
        _say("farthing decide OPERATION --outcome approved|absent --by NAME --reason TEXT")


def decide(
    operation: Annotated[str, typer.Argument(help="its address, as `farthing unknown` shows it")],
    outcome: Annotated[
        Decided, typer.Option(help="what the acquirer has: it approved it, or it has nothing of it")
    ],
    by: Annotated[str, typer.Option(help="who decides: a person's name, kept for the audit")],
    reason: Annotated[str, typer.Option(help="how you know, kept for the audit")],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    stack: Stack = None,
) -> None:
    """Write down what happened to money, where nobody but a person can tell."""
    address = _address(operation)
    for name, text in (("--by", by), ("--reason", reason)):
        _check_text(name, text)
    resolver = Resolver.of(stack)
    row = resolver.show(address)
    if row["state"] not in UNRESOLVED:
        raise Failure(f"{address} is {row['state']}: there is nothing to decide.")
    if not row["requires_decision"]:
        raise Failure(f"It asks for no decision: it is looked into again at {row['due_at']}.")
    _say(f"{row['kind']} of {_amount(row)}, {_age(row, resolver.now())} old, {row['state']}")
    _say(f"The acquirer knows it as {row['reference']}.")
    if not yes:
        what = "approved it" if outcome is Decided.APPROVED else "has nothing of it"
        question = f"Write down that the acquirer {what}, as {by} says? This cannot be taken back"
        typer.confirm(question, abort=True)
    found = resolver.decide(address, outcome.value.upper(), by, reason)
    _say(f"{found['operation_id']} is {found['state']}")


def _books(connector: str, mode: Mode, merchant: str | None) -> Books:
    """Whose books are read. Raises Failure if that is not said, or nobody's."""
    if connector not in CONNECTORS:
        raise Failure(f"There is no connector {connector!r}: {', '.join(CONNECTORS)}.")
    own = connector in TOKEN_FORMS
    if own and not is_id("mer", merchant or ""):
        raise Failure(f"At {connector} each merchant has its own account: give --merchant mer_…")
    if not own and merchant is not None:
        raise Failure(f"At {connector} all merchants are in one book: leave out --merchant.")
    return Books(connector, mode.value, merchant)


def _restore(resolver: Resolver, since: str, books: Books, *, apply: bool) -> None:
    """Show every page's verdicts, and at the end what a person has to look at."""
    rows: list[Row] = []
    bars = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    try:
        with Progress(*bars, console=console, transient=True) as progress:
            task = progress.add_task("the acquirer's books …", total=None)
            for page in resolver.restore(since, books, apply=apply):
                rows += page
                progress.update(task, description=f"{len(rows)} transactions")
    finally:  # what was done before a failure was done
        _show_verdicts(rows)
    if not apply:
        console.print("Nothing was changed. With --apply it is.")
    if any(row["verdict"] in FOR_A_PERSON for row in rows):
        raise typer.Exit(1)


def _show_verdicts(rows: list[Row]) -> None:
    """A line for each transaction that is not as it should be, and how many there are of each."""
    table = Table("verdict", "kind", "amount", "reference", "intent", "why")
    for row in rows:
        if row["verdict"] != AS_IT_SHOULD_BE:
            verdict = str(row["verdict"])
            style = STYLES.get(verdict, "")
            table.add_row(
                f"[{style}]{verdict}[/]" if style else verdict,
                row["operation"],
                _amount(row),
                row["reference"],
                row["intent_id"] or "",
                row["why"] or "",
            )
    if table.row_count:
        wide.show(console, table)
    counted = Counter(str(row["verdict"]) for row in rows)
    said = " · ".join(f"{count} {verdict}" for verdict, count in sorted(counted.items()))
    _say(said or "The acquirer did nothing since then.")


def _say(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)


def _amount(row: Row) -> str:
    cents, currency = row["amount_cents"], str(row["currency"]).lower()
    try:
        return str(Money(cents, currency))
    except (TypeError, ValueError):
        return f"{cents} {currency}"


def _age(row: Row, now: datetime) -> str:
    seconds = (now - from_text(str(row["created_at"]))).total_seconds()
    return duration.words(max(0, int(seconds)))


def _address(text: str) -> str:
    wrong = Failure(f"{text!r} is no address of an operation: mer_…/test/pi_…/op_…")
    try:
        address = Address.parse(text)
    except ValueError:
        raise wrong from None
    named = [("mer", address.tenant.merchant_id), ("pi", address.intent_id)]
    kind = "re" if address.operation_id.startswith("re_") else "op"
    if not all(is_id(prefix, id_) for prefix, id_ in [*named, (kind, address.operation_id)]):
        raise wrong
    return str(address)


def _time(text: str) -> str:
    try:
        return to_text(from_text(text))
    except ValueError:
        raise Failure(f"{text!r} is no time. Write it with its zone: 2026-11-22T09:00Z") from None


def _check_text(name: str, text: str) -> None:
    if not text.strip():
        raise Failure(f"{name} is empty: a decision says who made it and why.")
    if len(text) > TEXT_LENGTH_MAX:
        raise Failure(f"{name} has at most {TEXT_LENGTH_MAX} characters.")
    if holds_pan(text):
        raise Failure(f"{name} holds what looks like a card number.")
