"""One self-contained page of HTML: no script, nothing from elsewhere, light and dark, also narrow.

Every text that comes in is escaped here; what is HTML already says so by its type.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NewType

Html = NewType("Html", str)

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2024; --soft: #5b6470; --line: #d9dee4;
  --note: #fff4d6; --a: #1a62c5; --b: #b4500b; --good: #7d8894; --fraud: #c02a3c; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --ink: #e8eaed; --soft: #a4adb8;
  --line: #343a42; --note: #3a3014; --a: #76b1ff; --b: #ffa25e; --good: #8b96a3;
  --fraud: #ff7d8c; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font-family: system-ui, sans-serif; }
main { width: min(100% - 2rem, 68rem); margin: 2rem auto 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .75rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
p { max-width: 44rem; margin: 0 0 .75rem; overflow-wrap: anywhere; }
p.note { background: var(--note); border-radius: .5rem; padding: .6rem .9rem; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; }
th, td { padding: .35rem 1.1rem .35rem 0; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: top; white-space: nowrap; }
th:first-child, table.text th, table.text td { text-align: left; }
table.text td { white-space: normal; overflow-wrap: anywhere; min-width: 6rem; }
@media (max-width: 45rem) { table { font-size: .9rem; }
  th, td { white-space: normal; padding-right: .8rem; } }
th { font-weight: 600; } tbody th { font-weight: 400; } td.best { font-weight: 700; }
.figures { display: grid; gap: 1.5rem 2.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
figure { margin: 0; max-width: 30rem; } figcaption { color: var(--soft); font-size: .92rem; }
figure h2 { margin: 1rem 0 .25rem; }
svg { display: block; width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--soft); }
svg .strong { fill: var(--ink); } svg .middle { text-anchor: middle; }
svg .end { text-anchor: end; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .a, svg .b, svg .chance { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .a { stroke: var(--a); } svg .b { stroke: var(--b); stroke-dasharray: 6 3; }
svg .chance { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 2 3; }
svg .dot.a { fill: var(--a); } svg .dot.b { fill: var(--paper); stroke-dasharray: none; }
svg .whisker { stroke-dasharray: none; stroke-width: 1; }
svg .good { fill: var(--good); } svg .fraud { fill: var(--fraud); }
svg .allow { fill: var(--good); } svg .review { fill: var(--b); } svg .block { fill: var(--fraud); }
svg .whole { fill: var(--a); } svg .less { fill: var(--fraud); } svg .more { fill: var(--good); }
svg .none { fill: var(--line); }
svg text.amount { font-size: 10px; }
@media print { main { width: 100%; margin: 0; } figure, tr { break-inside: avoid; }
  .wide { overflow: visible; } }
footer { margin-top: 3rem; color: var(--soft); font-size: .92rem; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(title: str, parts: Iterable[Html], footer: str) -> str:
    """The whole file."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n"
        + "\n".join(parts)
        + f"\n<footer><p>{escape(footer)}</p></footer>\n</main>\n</body>\n</html>\n"
    )


def heading(text: str) -> Html:
    """Of a part."""
    return Html(f"<h2>{escape(text)}</h2>")


def paragraph(text: str) -> Html:
    """Some sentences."""
    return Html(f"<p>{escape(text)}</p>")


def note(text: str) -> Html:
    """What a reader has to know before they believe the rest."""
    return Html(f'<p class="note" role="note">{escape(text)}</p>')


def table(
    caption: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    best: Sequence[int | None] = (),
    text: bool = False,
) -> Html:
    """A table whose first column names its rows. `best` names, row by row, the column to stress;
    `text`: it holds words, not numbers."""
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in columns)
    body = []
    for number, (name, *cells) in enumerate(rows):
        stressed = best[number] if number < len(best) else None
        shown = "".join(
            f"<td{' class=best' if place == stressed else ''}>{escape(cell)}</td>"
            for place, cell in enumerate(cells, 1)
        )
        body.append(f'<tr><th scope="row">{escape(name)}</th>{shown}</tr>')
    label = escape(caption, quote=True)
    return Html(
        f'<div class="wide" role="region" tabindex="0" aria-label="{label}">\n'
        f"<table{' class=text' if text else ''}><caption>{escape(caption)}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(body) + "\n</tbody></table></div>"
    )


def figures(each: Iterable[tuple[str, Html, str]]) -> Html:
    """Pictures beside each other: the heading, the picture, and what it shows."""
    shown = "\n".join(
        f"<figure>\n<h2>{escape(name)}</h2>\n{picture}\n<figcaption>{escape(says)}</figcaption>\n"
        "</figure>"
        for name, picture, says in each
    )
    return Html(f'<div class="figures">\n{shown}\n</div>')
