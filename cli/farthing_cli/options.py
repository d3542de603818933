"""Options that several groups of commands share."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="print what the API answers")]
Rows = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="so many at most")]
