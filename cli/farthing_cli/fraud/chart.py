"""Charts as SVG: two axes with ticks and names, lines, dots and bars, and a legend below.

Colours and fonts are the page's. A chart has a title and a description for who cannot see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import log10

from farthing_cli.fraud.page import Html

WIDTH, HEIGHT = 360, 240
"""Of the part between the axes, with what stands beside them; in the units of the picture."""
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 10, 44
LEGEND_ROW = 18
NAME_LENGTH_MAX = 38

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """What is shown along it, from `low` to `high`, with texts at some places, and a line through
    the plot at each unless it is not `ruled`."""

    says: str
    ticks: Sequence[tuple[float, str]]
    low: float = 0.0
    high: float = 1.0
    ruled: bool = True

    def place(self, value: float) -> float:
        """From 0 to 1."""
        return (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)


SHARES = tuple((tenth / 5, f"{tenth / 5:g}") for tenth in range(6))
"""Ticks of an axis from 0 to 1."""


@dataclass(frozen=True)
class Line:
    """Points that belong together. `style` is one of the page's classes."""

    name: str
    style: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Dot:
    """A value that is known to lie between two others."""

    at: Point
    low: float
    high: float
    style: str
    says: str


@dataclass(frozen=True)
class Bar:
    """From the axis up."""

    left: float
    right: float
    high: float
    style: str
    says: str


@dataclass(frozen=True)
class Panel:
    """A plot with its axes. `name` stands in its corner, if there are several."""

    x: Axis
    y: Axis
    marks: Sequence[Line | Dot | Bar]
    name: str = ""


def chart(
    id_: str, title: str, says: str, panels: Sequence[Panel], legend: Sequence[tuple[str, str]]
) -> Html:
    """Panels below each other, and a legend: the class of a mark and what it stands for."""
    rows = len(legend) * LEGEND_ROW
    height = HEIGHT * len(panels) + rows + 6
    drawn = "".join(_panel(one, HEIGHT * number) for number, one in enumerate(panels))
    keys = "".join(
        _key(style, name, HEIGHT * len(panels) + LEGEND_ROW * number)
        for number, (style, name) in enumerate(legend)
    )
    return Html(
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{id_}-t {id_}-d">'
        f'<title id="{id_}-t">{escape(title)}</title><desc id="{id_}-d">{escape(says)}</desc>'
        f"{drawn}{keys}</svg>"
    )


def thinned(points: Iterable[Point], least: float = 0.004) -> list[Point]:
    """The points without those that nobody could tell from the one before."""
    kept: list[Point] = []
    last: Point | None = None
    for point in points:
        last = point
        if not kept or max(abs(a - b) for a, b in zip(point, kept[-1], strict=True)) >= least:
            kept.append(point)
    if last is not None and kept[-1] != last:
        kept.append(last)
    return kept


def _panel(panel: Panel, down: int) -> str:
    def x(value: float) -> float:
        return LEFT + panel.x.place(value) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return down + HEIGHT - BOTTOM - panel.y.place(value) * (HEIGHT - TOP - BOTTOM)

    bottom, top, right = y(panel.y.low), y(panel.y.high), x(panel.x.high)
    drawn = [_rule(x(at), top, x(at), bottom) for at, _ in panel.x.ticks if panel.x.ruled]
    drawn += [_rule(LEFT, y(at), right, y(at)) for at, _ in panel.y.ticks]
    drawn += [_text(x(at), bottom + 16, said, "middle") for at, said in panel.x.ticks]
    drawn += [_text(LEFT - 6, y(at) + 4, said, "end") for at, said in panel.y.ticks]
    drawn.append(_text((LEFT + right) / 2, bottom + 34, panel.x.says, "middle strong"))
    middle = (top + bottom) / 2
    drawn.append(
        f'<text class="middle strong" transform="translate(14 {middle:.1f}) rotate(-90)">'
        f"{escape(panel.y.says)}</text>"
    )
    drawn += [_mark(mark, x, y) for mark in panel.marks]
    if panel.name:
        drawn.append(_text(right - 4, top + 14, _short(panel.name), "end strong"))
    return "".join(drawn)


def _mark(mark: Line | Dot | Bar, x: Callable[[float], float], y: Callable[[float], float]) -> str:
    match mark:
        case Line():
            points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in mark.points)
            return f'<polyline class="{mark.style}" points="{points}"/>'
        case Dot():
            across, says = x(mark.at[0]), escape(mark.says)
            return (
                f'<g><title>{says}</title><line class="whisker {mark.style}" x1="{across:.1f}" '
                f'y1="{y(mark.low):.1f}" x2="{across:.1f}" y2="{y(mark.high):.1f}"/>'
                f'<circle class="dot {mark.style}" cx="{across:.1f}" '
                f'cy="{y(mark.at[1]):.1f}" r="4"/></g>'
            )
        case Bar():
            left, top = x(mark.left), y(mark.high)
            return (
                f'<rect class="{mark.style}" x="{left:.1f}" y="{top:.1f}" '
                f'width="{x(mark.right) - left:.1f}" height="{y(0) - top:.1f}">'
                f"<title>{escape(mark.says)}</title></rect>"
            )


def _key(style: str, name: str, down: float) -> str:
    middle = down + 6
    if style in {"a", "b", "chance"}:
        sample = f'<line class="{style}" x1="{LEFT}" y1="{middle}" x2="{LEFT + 26}" y2="{middle}"/>'
    else:
        sample = f'<rect class="{style}" x="{LEFT + 7}" y="{middle - 6}" width="12" height="12"/>'
    return sample + _text(LEFT + 34, middle + 4, _short(name), "strong")


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, said: str, style: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{escape(said)}</text>'


def _short(name: str) -> str:
    return name if len(name) <= NAME_LENGTH_MAX else f"{name[: NAME_LENGTH_MAX - 1]}…"


def counts_axis(most: int, says: str) -> Axis:
    """For counts from 1 to `most`, each tick ten times the last: `place_of` gives the place."""
    ticks = [(place_of(10**power), f"{10**power:,}") for power in _powers(most)]
    return Axis(says, [(0.0, "0"), *ticks], 0.0, max(ticks[-1][0], place_of(most)) * 1.02)


def place_of(count: int) -> float:
    """The place of a count on such an axis."""
    return log10(count) + 0.5 if count else 0.0


def _powers(most: int) -> Iterator[int]:
    power = 0
    while power == 0 or 10**power <= most:
        yield power
        power += 1
