"""What `checkout_page` needs: the files that it was packaged with, and where the card frame is."""

from __future__ import annotations

from pathlib import Path

from farthing import runtime
from farthing.checkout.page import Site

TOKENS_URL = "tokens_url"
"""The stage's variable that says where card numbers go, and where the card frame is."""


def site(folder: Path) -> Site:
    """The files, read once for the life of the process."""

    def read() -> Site:
        return Site({path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()})

    return runtime.once(("site", folder), read)


def images_from() -> str:
    """Where pictures may come from: https, and this machine where shops may be on it."""
    here = runtime.setting("CHECKOUT_ALLOW_LOOPBACK", "false") == "true"
    return "https: http://127.0.0.1:* http://localhost:*" if here else "https:"
