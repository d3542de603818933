"""The card frame as it was built: which files there are, with which hash, and why."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from farthing_cli.project import ROOT

FOLDER = ROOT / "functions" / "fields" / "static"
INVENTORY = FOLDER / "scripts.json"
BASE = "/fields/v1"


@dataclass(frozen=True)
class File:
    """One row of scripts.json. `kind` is loader, script, style or page."""

    kind: str
    path: str
    integrity: str
    why: str


def inventory(path: Path = INVENTORY) -> list[File]:
    """Every file that a browser is to get."""
    return [File(**row) for row in json.loads(path.read_text())]


def script_tag(tokens_url: str) -> str:
    """What a merchant puts into a page: the loader of this version, and no other."""
    (loader,) = (file for file in inventory() if file.kind == "loader")
    return (
        f'<script src="{tokens_url}{BASE}/{loader.path}"\n'
        f'        integrity="{loader.integrity}"\n'
        f'        crossorigin="anonymous"></script>'
    )


@dataclass(frozen=True)
class Loaded:
    """A script or style that a page names; `path` is None for one that is in the page itself."""

    kind: str
    path: str | None
    integrity: str | None


def loaded_by(page: str) -> list[Loaded]:
    """Every script and style of a page, also those that should not be there."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Loaded] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        integrity = given.get("integrity")
        if tag == "script":
            self.found.append(Loaded("script", given.get("src"), integrity))
        elif tag == "style":
            self.found.append(Loaded("style", None, None))
        elif tag == "link" and "stylesheet" in (given.get("rel") or "").lower().split():
            self.found.append(Loaded("style", given.get("href"), integrity))
        for name, _ in attrs:
            if name.startswith("on"):
                self.found.append(Loaded("script", None, None))
            elif name == "style":
                self.found.append(Loaded("style", None, None))
