"""`farthing fraud rules`: a merchant's rules, checked before they are put in force."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from farthing.fraud.rule_row import DEFAULT_RULES
from farthing.fraud.rule_schema import rule_schema
from farthing_cli.fraud import rules_file

app = typer.Typer(no_args_is_help=True, help="Rules as files of JSON or YAML.")

File = Annotated[
    Path, typer.Argument(help="rules in JSON (.json) or YAML", metavar="FILE", show_default=False)
]


@app.command()
def check(file: File) -> None:
    """Read a file of rules; fail and name the line of each mistake."""
    try:
        rule_set = rules_file.check(file)
    except rules_file.Wrong as wrong:
        for mistake in wrong.mistakes:
            typer.echo(f"{file}:{mistake.line}: {mistake.message}", err=True)
        raise typer.Exit(1) from None
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
