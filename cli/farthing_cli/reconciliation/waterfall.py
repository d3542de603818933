"""A waterfall as SVG: from what came in to what is left, a bar for each step.

Colours and fonts are the page's. Its title and description are for who cannot see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from farthing.money import Money
from farthing_cli.fraud.page import Html

WIDTH, HEIGHT = 360, 210
LEFT, RIGHT, TOP, BOTTOM = 8, 8, 22, 30
GAP = 10


def waterfall(id_: str, title: str, currency: str, steps: Sequence[tuple[str, int]]) -> Html:
    """`steps` are signed minor units; the first and the last one stand on the ground, the others
    hang where the one before ended."""
    spans = spans_of([cents for _, cents in steps])
    low = min(0, *(min(span) for span in spans))
    high = max(0, *(max(span) for span in spans))
    scale = (HEIGHT - TOP - BOTTOM) / ((high - low) or 1)
    wide = (WIDTH - LEFT - RIGHT) / len(steps)

    def y(cents: int) -> float:
        return TOP + (high - cents) * scale

    drawn = [f'<line class="grid" x1="0" y1="{y(0):.1f}" x2="{WIDTH}" y2="{y(0):.1f}"/>']
    for number, ((name, cents), (start, end)) in enumerate(zip(steps, spans, strict=True)):
        left, upper = LEFT + number * wide, min(y(start), y(end))
        middle = left + wide / 2
        style = "whole" if number in {0, len(steps) - 1} else ("more" if cents > 0 else "less")
        amount = str(Money(cents, currency)).rpartition(" ")[0]
        if not cents:
            style = "none"
        drawn.append(
            f'<rect class="{style}" x="{left + GAP / 2:.1f}" y="{upper:.1f}" '
            f'width="{wide - GAP:.1f}" height="{max(abs(y(start) - y(end)), 1):.1f}">'
            f"<title>{escape(f'{name}: {amount}')}</title></rect>"
        )
        drawn.append(_text(middle, upper - 5, amount, "middle strong amount"))
        drawn.append(_text(middle, HEIGHT - 8, name, "middle amount"))
    says = ", ".join(f"{name} {Money(cents, currency)}" for name, cents in steps)
    return Html(
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{id_}-t {id_}-d">'
        f'<title id="{id_}-t">{escape(title)}</title><desc id="{id_}-d">{escape(says)}</desc>'
        f"{''.join(drawn)}</svg>"
    )


def spans_of(steps: Sequence[int]) -> list[tuple[int, int]]:
    """Where each bar begins and ends."""
    spans, at = [], 0
    for number, cents in enumerate(steps):
        if number in {0, len(steps) - 1}:
            spans.append((0, cents))
            at = cents
        else:
            spans.append((at, at + cents))
            at += cents
    return spans


def _text(x: float, y: float, said: str, style: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{escape(said)}</text>'
