"""GET /fields/v1/…: the card frame for the pages that may embed it, its files, and the loader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from farthing.card_entry import served
from farthing.card_entry.wiring import built, embedding
from farthing.http.api import api
from farthing.http.request import Asked
from farthing.http.response import Response

FOLDER = Path(__file__).parent / "static"

app = api()


@app.page("/fields/v1/frame")
def frame(asked: Asked) -> Response:
    return served.frame(built(FOLDER), embedding(asked.query.get("key", "")))


@app.page("/fields/v1/<file>")
def file(asked: Asked, file: str) -> Response:
    return served.file(built(FOLDER), file)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
