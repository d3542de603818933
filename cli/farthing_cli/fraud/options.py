"""Options that several commands about fraud share."""

from __future__ import annotations

from typing import Annotated

import typer

Note = Annotated[str | None, typer.Option(help="why, kept with the version")]
