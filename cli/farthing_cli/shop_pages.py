"""The demo shop's pages: what it sells, and its HTML. The files are in cli/shop."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

from farthing_cli.card_frame import script_tag
from farthing_cli.project import ROOT

FOLDER = ROOT / "cli" / "shop"
NAME = "Leaf & Kettle"
COLOUR = "#0b6b4f"
CURRENCY = "eur"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Product:
    """Something to buy. `amount_cents` of one piece."""

    product_id: str
    name: str
    about: str
    amount_cents: int

    @property
    def picture(self) -> str:
        """Its file."""
        return f"{self.product_id}.svg"

    @property
    def price(self) -> str:
        """As the shop writes it."""
        return f"€{self.amount_cents // 100}.{self.amount_cents % 100:02}"


CATALOGUE: Mapping[str, Product] = {
    product.product_id: product
    for product in (
        Product("sencha", "Sencha, spring harvest", "100 g from Uji, bright and grassy", 1450),
        Product("kettle", "Enamel kettle", "1.2 litres, whistles in F sharp", 4900),
        Product("cup", "Porcelain cup", "Thrown by hand, holds 180 ml", 2200),
    )
}


def home(*, cancelled: bool) -> str:
    """What is sold."""
    cards = "\n".join(_fill("product.html", _shown(one)) for one in CATALOGUE.values())
    note = _fill("cancelled.html", {}) if cancelled else ""
    return _page("Tea and what it takes", _fill("home.html", {"products": cards, "note": note}))


def thanks(
    session: Mapping[str, Any] | None, events: Sequence[Mapping[str, Any]], *, sent: bool
) -> str:
    """What became of an order, as the API says it."""
    if session is None:
        return _page("No such order", _fill("none.html", {}))
    told = "\n".join(
        f"<li><code>{html.escape(one['type'])}</code><time>{html.escape(one['created_at'])}</time>"
        for one in reversed(events)
    )
    status = str(session["status"])
    values = {
        "title": _TITLES.get(status, "Not paid"),
        "status": status,
        "session_id": session["session_id"],
        "order": session["metadata"].get("order", "?"),
        "intent_id": session["payment_intent_id"] or "none",
        "shipping": "It is on its way." if sent else "Nothing is sent before the API says PAID.",
    }
    escaped = {name: html.escape(str(value)) for name, value in values.items()}
    body = _fill("thanks.html", escaped | {"events": told or "<li>none yet"})
    return _page(values["title"], body)


_TITLES = {"PAID": "Thank you for your order", "PROCESSING": "Your payment is being confirmed"}


def direct(tokens_url: str, publishable_key: str) -> str:
    """One product, paid without leaving the shop."""
    product = CATALOGUE["sencha"]
    values = _shown(product) | {"key": html.escape(publishable_key)}
    tag = script_tag(tokens_url) + '\n<script type="module" src="/direct.js"></script>'
    return _page("Pay right here", _fill("direct.html", values), tag)


def file(name: str) -> tuple[str, str] | None:
    """A file's text and type; None if there is none of that name."""
    kind = next((kind for ending, kind in TYPES.items() if name.endswith(ending)), None)
    known = {path.name for path in FOLDER.iterdir()}
    if kind is None or name not in known:
        return None
    return (FOLDER / name).read_text(encoding="utf-8"), kind


def _shown(product: Product) -> dict[str, str]:
    values = {
        "id": product.product_id,
        "name": product.name,
        "about": product.about,
        "price": product.price,
        "picture": product.picture,
    }
    return {name: html.escape(value) for name, value in values.items()}


def _page(title: str, body: str, scripts: str = "") -> str:
    values = {"title": html.escape(title), "shop": html.escape(NAME)}
    return _fill("page.html", values | {"body": body, "scripts": scripts})


def _fill(name: str, values: Mapping[str, str]) -> str:
    return Template((FOLDER / name).read_text(encoding="utf-8")).substitute(values)
