"""A backtest as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from farthing_cli.fraud import backtest_report, page
from farthing_cli.fraud.backtest import Backtest
from farthing_cli.fraud.backtest_report import ACTIONS
from farthing_cli.fraud.chart import Axis, Bar, Panel, chart, counts_axis, place_of
from farthing_cli.fraud.page import Html

FOOTER = (
    "Each payment was decided anew on what it was decided on. What payers and attackers would have "
    "done after another decision nobody knows."
)


def html(found: Backtest, title: str, cautions: Sequence[str]) -> str:
    """The page's file."""
    return page.page(title, _parts(found, cautions), FOOTER)


def _parts(found: Backtest, cautions: Sequence[str]) -> Iterator[Html]:
    yield page.paragraph(backtest_report.sentence(found))
    for caution in cautions:
        yield page.note(caution)
    yield page.figures(
        [("Before and after", _bars(found), "How many decisions; each step is ten times more.")]
    )
    for grid in backtest_report.grids(found):
        yield page.table(grid.caption, grid.columns, grid.rows)


def _bars(found: Backtest) -> Html:
    """Two bars for each action."""
    counts = [
        [found.acted(action, after=after).count for after in (False, True)] for action in ACTIONS
    ]
    bars, ticks, says = [], [], []
    for number, (action, (before, after)) in enumerate(zip(ACTIONS, counts, strict=True)):
        for place, count, when in ((0.12, before, "before"), (0.52, after, "after")):
            left = number + place
            what = f"{action.value} {when}: {count:,}"
            says.append(what)
            bars.append(Bar(left, left + 0.36, place_of(count), action.value.lower(), what))
            ticks.append((left + 0.18, when))
    most = max(1, *(count for pair in counts for count in pair))
    panel = Panel(
        Axis("when, for each action", ticks, 0, 3, ruled=False),
        counts_axis(most, "decisions"),
        bars,
    )
    legend = [(action.value.lower(), action.value) for action in ACTIONS]
    return chart("actions", "Decisions before and after", "; ".join(says), [panel], legend)
