"""GET /checkout/…: the hosted page, the same for every session, and its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from farthing.checkout import page
from farthing.checkout.page_wiring import TOKENS_URL, images_from, site
from farthing.http.api import api
from farthing.http.request import Asked
from farthing.http.response import Response

FOLDER = Path(__file__).parent / "static"

app = api()


@app.page("/checkout/<session_id>")
def document(asked: Asked, session_id: str) -> Response:
    del session_id  # the page reads it out of its own address
    return page.document(site(FOLDER), asked.stage[TOKENS_URL], images_from())


@app.page("/checkout/files/<version>/<file>")
def file(asked: Asked, version: str, file: str) -> Response:
    del asked
    return page.file(site(FOLDER), version, file)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
