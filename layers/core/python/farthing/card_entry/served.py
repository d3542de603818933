"""What is served of card entry: the frame, its files, the loader; and a page that says why not.

The files are built (web/fields) and packaged with the function; `scripts.json` among them says
which is the loader and which the page. Nothing is served that is not named by its hash, but the
newest loader, which has a plain name too, and the licences.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from farthing.card_entry.embedding import Embedding, Refusal
from farthing.card_entry.headers import (
    file_headers,
    frame_headers,
    loader_headers,
    refused_headers,
)
from farthing.errors import not_found
from farthing.http.response import Response

INVENTORY = "scripts.json"
LICENCES = "licenses.txt"
LOADER = "fields.js"
"""The loader's plain name: whichever is newest."""

_LOADER_BY_HASH = re.compile(r"fields-[0-9a-f]{12}\.js")
_FILE_BY_HASH = re.compile(r"(fields|frame)-[0-9a-f]{12}\.(js|css)")
_TYPES = {".js": "text/javascript", ".css": "text/css", ".txt": "text/plain", ".html": "text/html"}
_STATUS = {Refusal.UNKNOWN_KEY: 404, Refusal.NO_ORIGINS: 403, Refusal.EXTERNAL: 403}


@dataclass(frozen=True)
class Built:
    """What `make web` built: what is served by name, the newest loader's name, and the page."""

    texts: Mapping[str, str]
    loader: str
    page: str

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> Built:
        """Of all that lies in the folder, by name: nothing that a request says is ever a path."""
        kinds = {row["kind"]: row["path"] for row in json.loads(texts[INVENTORY])}
        served = {name: text for name, text in texts.items() if _is_served(name)}
        return cls(served, kinds["loader"], texts[kinds["page"]])


def _is_served(name: str) -> bool:
    return _FILE_BY_HASH.fullmatch(name) is not None or name == LICENCES


def frame(built: Built, embedding: Embedding) -> Response:
    """The frame, for the pages that may embed it; or why there are none."""
    if embedding.refusal is not None:
        return _refused(embedding.refusal)
    return _text(200, built.page, ".html", frame_headers(embedding.origins))


def file(built: Built, name: str) -> Response:
    """One file. Raises FarthingError if there is none of that name."""
    if name == LOADER:
        return _text(200, built.texts[built.loader], ".js", loader_headers())
    if name not in built.texts:
        raise not_found("file", name)
    is_for_other_pages = _LOADER_BY_HASH.fullmatch(name) is not None
    headers = file_headers(is_for_other_pages=is_for_other_pages)
    return _text(200, built.texts[name], PurePath(name).suffix, headers)


def _refused(refusal: Refusal) -> Response:
    """A page for whoever opens the frame's address by itself, to see why it stays empty."""
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>No card fields</title>'
        f"<h1>No card fields here</h1><p>Nobody may embed them: {refusal.value}.</p></html>\n"
    )
    return _text(_STATUS[refusal], page, ".html", refused_headers())


def _text(status: int, body: str, suffix: str, headers: dict[str, str]) -> Response:
    return Response(status, body, f"{_TYPES[suffix]}; charset=utf-8", headers)
