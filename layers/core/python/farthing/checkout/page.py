"""The hosted page as it is served: its files, named by a version, and the document that loads them.

Every script and style is asked for with its hash, and the browser is told to run nothing else, to
talk to nobody but this origin and that of the card frame, and to show the page in nobody's frame.
The one thing that may come from elsewhere is a picture of what is sold, from where its merchant
says.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from urllib.parse import urlsplit

from farthing.errors import not_found
from farthing.http.response import Response

DOCUMENT = "index.html"
LOADER = "fields.json"
"""Which loader of the card frame this page was made for: its path and its hash."""

YEAR_SECONDS = 365 * 24 * 3600
VERSION_LENGTH = 12
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_PLACE = re.compile(r"\{\{(\w+)(?: ([\w.]+))?\}\}")
_NOT_NEEDED = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
_ALWAYS = {
    "Strict-Transport-Security": f"max-age={YEAR_SECONDS}",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class Site:
    """The files that the function was packaged with, by name."""

    texts: Mapping[str, str]

    @cached_property
    def version(self) -> str:
        """Another one whenever a file changes: browsers keep files of a version for good."""
        digest = hashlib.sha256()
        for name, text in sorted(self.texts.items()):
            digest.update(f"{name}\0{text}\0".encode())
        return digest.hexdigest()[:VERSION_LENGTH]

    @property
    def modules(self) -> list[str]:
        """The scripts that others import."""
        return sorted(name for name in self.texts if name.endswith(".js") and name != "main.js")

    def integrity(self, name: str) -> str:
        """A file's hash, as a browser compares it (W3C Subresource Integrity)."""
        digest = hashlib.sha384(self.texts[name].encode()).digest()
        return f"sha384-{base64.b64encode(digest).decode()}"


def document(site: Site, tokens_url: str, images_from: str) -> Response:
    """The page, for a card frame that is served below `tokens_url`."""
    loader = json.loads(site.texts[LOADER])
    frame = f"{tokens_url}/fields/v1/"
    files = f"files/{site.version}"

    def fill(place: re.Match[str]) -> str:
        match place.groups():
            case ("files", None):
                return files
            case ("modules", None):
                return "\n".join(map(preload, site.modules))
            case ("loader", None):
                return frame + str(loader["path"])
            case ("loader", "integrity"):
                return str(loader["integrity"])
            case ("integrity", str(name)):
                return site.integrity(name)
        raise ValueError(f"nothing fills {place[0]}")

    def preload(name: str) -> str:
        hashed = f'href="{files}/{name}" integrity="{site.integrity(name)}"'
        return f'<link rel="modulepreload" {hashed}>'

    headers = {
        **_ALWAYS,
        "Cache-Control": "no-store",
        "Content-Security-Policy": content_policy(frame, images_from),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Origin-Agent-Cluster": "?1",
        "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _NOT_NEEDED),
        "X-Robots-Tag": "noindex",
    }
    body = _PLACE.sub(fill, site.texts[DOCUMENT])
    return Response(200, body, "text/html; charset=utf-8", headers)


def content_policy(frame: str, images_from: str) -> str:
    """The page's Content-Security-Policy. `frame` is where the card frame and its loader are."""
    parts = urlsplit(frame)
    directives = {
        "default-src": "'none'",
        "script-src": f"'self' {frame}",
        "style-src": "'self'",
        "img-src": f"'self' {images_from}",
        "connect-src": "'self'",
        "frame-src": f"{parts.scheme}://{parts.netloc}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def file(site: Site, version: str, name: str) -> Response:
    """One file of this version. Raises FarthingError if there is none of that name."""
    kind = _TYPES.get(PurePath(name).suffix)
    if version != site.version or kind is None or name not in site.texts:
        raise not_found("file", name)
    headers = {**_ALWAYS, "Cache-Control": f"public, max-age={YEAR_SECONDS}, immutable"}
    return Response(200, site.texts[name], f"{kind}; charset=utf-8", headers)
