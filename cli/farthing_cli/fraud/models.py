"""`farthing fraud models`: which model payments are scored by."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from farthing.fraud.model.artefact import BadModel
from farthing.fraud.model_file import UPLOAD_BYTES_MAX, described
from farthing.fraud.model_row import ModelMode
from farthing_cli import wide
from farthing_cli.api import Api, Document, part
from farthing_cli.failure import Failure
from farthing_cli.fraud.options import Note
from farthing_cli.options import AsJson, Rows

app = typer.Typer(no_args_is_help=True, help="Models: uploaded, and put in force in versions.")
console = Console()

PATH = "/v1/fraud/models"
Name = Annotated[str, typer.Argument(help="its SHA-256, or `default`, which ships", metavar="NAME")]


@app.command()
def upload(
    file: Annotated[Path, typer.Argument(help="a file that `farthing fraud train` wrote")],
    note: Note = None,
    as_json: AsJson = False,
) -> None:
    """Upload a model. It is asked once it is activated."""
    try:
        with file.open("rb") as opened:
            data = opened.read(UPLOAD_BYTES_MAX + 1)
        described(data)
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from None
    except BadModel as bad:
        raise Failure(f"{file} is not taken: {bad}.") from None
    body = {"model": base64.b64encode(data).decode(), "note": note}
    model = Api.of().post(PATH, body)
    if as_json:
        console.print_json(data=model)
    else:
        _say(f"{model['name']} is there: farthing fraud models activate {model['model']}")


@app.command()
def show(rows: Rows = 100, as_json: AsJson = False) -> None:
    """List the models, and say which one is in force."""
    api = Api.of()
    in_force, found = api.get(f"{PATH}/in_force"), list(api.listed(PATH, "model", rows))
    if as_json:
        console.print_json(data={"in_force": in_force, "data": found})
        return
    table = Table("", "name", "trained on", "AUC", "avg. precision", "uploaded", "model")
    for one in found:
        mode = in_force["mode"] if one["model"] == in_force["model"] else ""
        metrics = one["metrics"]
        row = (
            mode,
            one["name"],
            one["trained_on"] or "",
            metrics.get("auc", ""),
            metrics.get("average_precision", ""),
            one["created_at"] or "",
            one["model"],
        )
        table.add_row(*map(Text, map(str, row)))
    wide.show(console, table)
    if in_force["model"] is None:
        _say("None is in force.")


@app.command()
def history(rows: Rows = 20, as_json: AsJson = False) -> None:
    """List what was in force, newest first."""
    found = list(Api.of().listed(f"{PATH}/history", "version", rows))
    if as_json:
        console.print_json(data=found)
        return
    table = Table("version", "since", "mode", "model", "note")
    for one in found:
        row = one["version"], one["activated_at"], one["mode"], one["model"] or "none", one["note"]
        table.add_row(*(Text("" if text is None else str(text)) for text in row))
    wide.show(console, table)


@app.command()
def activate(
    name: Name,
    mode: Annotated[
        ModelMode,
        typer.Option(
            case_sensitive=False,
            help="watch: the score is kept with the decision; decide: it decides, too",
        ),
    ],
    note: Note = None,
    as_json: AsJson = False,
) -> None:
    """Put a model in force."""
    body = {"mode": mode.value, "note": note}
    _told(Api.of().post(f"{PATH}/{part(name)}/activate", body), as_json=as_json)


@app.command()
def deactivate(note: Note = None, as_json: AsJson = False) -> None:
    """Ask no model."""
    _told(Api.of().post(f"{PATH}/deactivate", {"note": note}), as_json=as_json)


def _told(in_force: Document, *, as_json: bool) -> None:
    if as_json:
        console.print_json(data=in_force)
    elif in_force["model"] is None:
        _say(f"Version {in_force['version']}: no model is asked.")
    else:
        does = "decides" if in_force["mode"] == ModelMode.DECIDE else "watches"
        _say(f"Version {in_force['version']}: {in_force['model']} {does}.")


def _say(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True, markup=False)
