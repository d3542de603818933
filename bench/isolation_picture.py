"""The experiment of webhook_isolation.py as a picture: what healthy endpoints wait, by rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import log10

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 70, 210, 46, 44
LOW_SECONDS, HIGH_SECONDS = 0.01, 1000.0
TICKS = ((0.01, "10 ms"), (0.1, "0.1 s"), (1.0, "1 s"), (10.0, "10 s"), (100.0, "100 s"))
COLOURS = ("#b3261e", "#b26a00", "#0b6e4f")
DASHES = ("", "6 4", "")


@dataclass(frozen=True)
class Curve:
    """Minutes → seconds waited."""

    name: str
    says: str
    points: Sequence[tuple[float, float]]


def picture(curves: Sequence[Curve], minutes: float) -> str:
    """An SVG that needs nothing else."""

    def x(at: float) -> float:
        return LEFT + at / minutes * (WIDTH - LEFT - RIGHT)

    def y(seconds: float) -> float:
        bounded = min(max(seconds, LOW_SECONDS), HIGH_SECONDS)
        share = log10(bounded / LOW_SECONDS) / log10(HIGH_SECONDS / LOW_SECONDS)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12">',
        "<title>What events for healthy endpoints wait beside a dead one</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(LEFT, 20, "Wait of events for 49 healthy endpoints beside a dead one", 14),
        _text(LEFT, 36, "99th percentile of each ten seconds, on a log scale", 11, "#555"),
    ]
    for seconds, says in TICKS:
        parts.append(_line(LEFT, y(seconds), WIDTH - RIGHT, y(seconds), "#ddd"))
        parts.append(_text(LEFT - 8, y(seconds) + 4, says, 11, "#555", "end"))
    parts += [
        _text(x(minute), HEIGHT - BOTTOM + 18, f"{minute} min", 11, "#555", "middle")
        for minute in range(0, int(minutes) + 1, 2)
    ]
    for curve, colour, dash in zip(curves, COLOURS, DASHES, strict=False):
        path = " ".join(f"{x(at):.1f},{y(seconds):.1f}" for at, seconds in curve.points)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>'
        )
    parts += _names(curves, [y(curve.points[-1][1]) for curve in curves])
    return "\n".join([*parts, "</svg>", ""])


def _names(curves: Sequence[Curve], heights: Sequence[float]) -> list[str]:
    """Each curve's name at its end; no two over each other."""
    parts, taken = [], 0.0
    order = sorted(range(len(curves)), key=lambda number: heights[number])
    for number in order:
        at = max(heights[number], taken + 32)
        taken = at
        colour = COLOURS[number]
        parts.append(_text(WIDTH - RIGHT + 8, at, curves[number].name, 12, colour))
        parts.append(_text(WIDTH - RIGHT + 8, at + 14, curves[number].says, 11, "#555"))
    return parts


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1}" y1="{y1:.1f}" x2="{x2}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(
    x: float, y: float, said: str, size: int, colour: str = "#111", anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" '
        f'text-anchor="{anchor}">{escape(said)}</text>'
    )
