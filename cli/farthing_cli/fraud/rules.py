"""`farthing fraud rules`: a merchant's rules, checked before they are put in force."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from farthing.fraud.rule_document import write_rules
from farthing.fraud.rule_row import DEFAULT_RULES
from farthing.fraud.rule_schema import rule_schema
from farthing.fraud.rules import RuleSet
from farthing_cli import wide
from farthing_cli.api import Api, Document
from farthing_cli.fraud import rules_file
from farthing_cli.fraud.options import Note
from farthing_cli.options import AsJson, Rows

app = typer.Typer(no_args_is_help=True, help="Rules: checked as files, put in force in versions.")
console = Console()

PATH = "/v1/fraud/rules"
File = Annotated[
    Path, typer.Argument(help="rules in JSON (.json) or YAML", metavar="FILE", show_default=False)
]


@app.command()
def check(file: File) -> None:
    """Read a file of rules; fail and name the line of each mistake."""
    rule_set = _checked(file)
    statuses = Counter(rule.status.value for rule in rule_set.rules)
    counts = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    typer.echo(f"{file}: {len(rule_set.rules)} rules ({counts or 'none'})")


@app.command()
def default() -> None:
    """Print the rules that every merchant begins with."""
    typer.echo(DEFAULT_RULES.read_text(), nl=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of rules, for an editor."""
    typer.echo(json.dumps(rule_schema(), indent=2))


@app.command()
def show(
    version: Annotated[
        int | None, typer.Option(min=0, help="an earlier one; 0 is what everybody begins with")
    ] = None,
    document: Annotated[
        bool, typer.Option("--document", help="print the document alone, to change and publish it")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the rules in force, or an earlier version."""
    found = Api.of().get(PATH if version is None else f"{PATH}/versions/{version}")
    if document or as_json:
        typer.echo(json.dumps(found["document"] if document else found, indent=2))
        return
    thresholds = found["document"]["thresholds"]
    _say(_line(found))
    _say(
        f"A score blocks above {thresholds['block_above']}, and is reviewed from "
        f"{thresholds['review_from']} on."
    )
    table = Table("rule", "status", "if", "then", "reason")
    for rule in found["document"]["rules"]:
        asked = " and ".join(map(_asked, rule["when"]))
        row = rule["id"], rule["status"], asked, rule["action"], rule["reason"]
        table.add_row(*map(Text, row))
    wide.show(console, table)


@app.command()
def publish(
    file: File,
    follows: Annotated[
        int | None,
        typer.Option(min=0, help="refuse if another version than this is in force by now"),
    ] = None,
    note: Note = None,
    as_json: AsJson = False,
) -> None:
    """Put a file of rules in force; fail and name the line of each mistake."""
    body: Document = {"document": write_rules(_checked(file)), "note": note}
    if follows is not None:
        body["follows"] = follows
    _told(Api.of().post(PATH, body), as_json=as_json)


@app.command()
def versions(rows: Rows = 20, as_json: AsJson = False) -> None:
    """List what was in force, newest first."""
    found = list(Api.of().listed(f"{PATH}/versions", "version", rows))
    if as_json:
        console.print_json(data=found)
        return
    table = Table("version", "published", "rules", "note")
    for one in found:
        row = one["version"], one["published_at"] or "", one["rule_count"], one["note"] or ""
        table.add_row(*map(Text, map(str, row)))
    wide.show(console, table)


@app.command()
def activate(
    version: Annotated[int, typer.Argument(min=0, help="0 is what everybody begins with")],
    as_json: AsJson = False,
) -> None:
    """Go back: publish an earlier version as the next one."""
    _told(Api.of().post(f"{PATH}/versions/{version}/activate"), as_json=as_json)


def _checked(file: Path) -> RuleSet:
    """The rules of a file; ends with the line of each mistake."""
    try:
        return rules_file.check(file)
    except rules_file.Wrong as wrong:
        for mistake in wrong.mistakes:
            typer.echo(f"{file}:{mistake.line}: {mistake.message}", err=True)
        raise typer.Exit(1) from None


def _told(published: Document, *, as_json: bool) -> None:
    if as_json:
        console.print_json(data=published)
    else:
        _say(f"{_line(published)}. It is in force.")


def _line(published: Document) -> str:
    when = published["published_at"]
    at = f", published at {when}" if when else ", which everybody begins with"
    note = f": {published['note']}" if published["note"] else ""
    return f"Version {published['version']}{at}{note}"


def _asked(ask: Document) -> str:
    value = json.dumps(ask["value"], ensure_ascii=False) if "value" in ask else ""
    return f"{ask['field']} {ask['operator']} {value}".strip()


def _say(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True, markup=False)
