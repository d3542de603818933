"""A comparison of two models as a page: measures beside each other, and four charts."""

from __future__ import annotations

from collections.abc import Iterator

from farthing_cli.fraud import page
from farthing_cli.fraud.chart import (
    SHARES,
    Axis,
    Bar,
    Dot,
    Line,
    Panel,
    chart,
    counts_axis,
    place_of,
    thinned,
)
from farthing_cli.fraud.comparison import Comparison, Measured
from farthing_cli.fraud.curves import histogram, precision_recall, reliability, roc
from farthing_cli.fraud.page import Html

FOOTER = (
    "Scores of other payments than these are worth less than these figures say. Before a model "
    "blocks anything, backtest it and let it run beside the rules."
)
STYLES = ("a", "b")


def html(compared: Comparison) -> str:
    """The page's file."""
    first, second = compared.names
    return page.page(f"{first} against {second}", _parts(compared), FOOTER)


def _parts(compared: Comparison) -> Iterator[Html]:
    yield page.paragraph(compared.sentence())
    for caution in compared.cautions():
        yield page.note(caution)
    rows = list(compared.rows())
    yield page.table(
        "Measures; the higher one is bold",
        ("measure", *compared.names),
        [(name, one, other) for name, one, other, _ in rows],
        best=[best for *_, best in rows],
    )
    yield page.figures(
        [
            (
                "ROC",
                _roc(compared),
                "How many frauds are found, for how many good payments that are stopped with them. "
                "Higher and further left is better.",
            ),
            (
                "Precision and recall",
                _precision(compared),
                "Of what is stopped, how much is fraud, for how much of all fraud. Higher is "
                "better; where nothing is learned, it is the share of fraud.",
            ),
            (
                "Calibration",
                _calibration(compared),
                "What became of payments of about the same score. On the diagonal a score is the "
                "share of fraud; the upright lines are 95 % intervals.",
            ),
            (
                "Scores",
                _histogram(compared),
                "How many payments have which score. Each step up is ten times more.",
            ),
        ]
    )
    yield page.heading("The models")
    yield page.table("As their cards say", ("", *compared.names), _cards(compared), text=True)


def _both(compared: Comparison) -> Iterator[tuple[str, str, Measured]]:
    yield from zip(STYLES, compared.names, (compared.first, compared.second), strict=True)


def _roc(compared: Comparison) -> Html:
    lines = [Line("chance", "chance", [(0.0, 0.0), (1.0, 1.0)])]
    legend, says = [], []
    for style, name, one in _both(compared):
        lines.append(Line(name, style, thinned(roc(one.scored))))
        legend.append((style, f"{name}, AUC {one.metrics['auc']:.3f}"))
        says.append(f"{name} has an area of {one.metrics['auc']:.3f} under its curve.")
    panel = Panel(
        Axis("good payments stopped (false positive rate)", SHARES),
        Axis("frauds found (recall)", SHARES),
        lines,
    )
    return chart("roc", "ROC curves", " ".join(says), [panel], [*legend, ("chance", "by chance")])


def _precision(compared: Comparison) -> Html:
    counts = compared.first.metrics
    share = counts["frauds"] / counts["payments"]
    lines = [Line("chance", "chance", [(0.0, share), (1.0, share)])]
    legend, says = [], []
    for style, name, one in _both(compared):
        mean = one.metrics["average_precision"]
        lines.append(Line(name, style, thinned(precision_recall(one.scored))))
        legend.append((style, f"{name}, average {mean:.3f}"))
        says.append(f"{name} has an average precision of {mean:.3f}.")
    panel = Panel(Axis("frauds found (recall)", SHARES), Axis("precision", SHARES), lines)
    title = "Precision by recall"
    legend.append(("chance", f"by chance, {share:.4f}"))
    return chart("precision", title, " ".join(says), [panel], legend)


def _calibration(compared: Comparison) -> Html:
    marks: list[Line | Dot] = [Line("right", "chance", [(0.0, 0.0), (1.0, 1.0)])]
    legend, says = [], []
    for style, name, one in _both(compared):
        bins = reliability(one.scored)
        marks.append(Line(name, style, [(each.score, each.share) for each in bins]))
        for each in bins:
            told = (
                f"{name}: {each.payments:,} payments with scores around {each.score:.2f}, "
                f"{each.share:.1%} of them fraud"
            )
            marks.append(Dot((each.score, each.share), each.low, each.high, style, told))
            says.append(f"{told}.")
        legend.append((style, name))
    panel = Panel(Axis("score", SHARES), Axis("share of fraud", SHARES), marks)
    legend.append(("chance", "as it should be"))
    return chart("calibration", "Share of fraud by score", " ".join(says), [panel], legend)


def _histogram(compared: Comparison) -> Html:
    counted = [(name, histogram(one.scored)) for _, name, one in _both(compared)]
    most = max(max(pair) for _, bins in counted for pair in bins)
    panels, says = [], []
    for name, bins in counted:
        width, marks = 1 / len(bins), []
        for number, pair in enumerate(bins):
            low = number * width
            for place, (style, count) in enumerate(zip(("good", "fraud"), pair, strict=True)):
                left = low + (0.08 + 0.42 * place) * width
                told = f"{name}: {count:,} {style} with scores from {low:.2f} to {low + width:.2f}"
                if count:
                    marks.append(Bar(left, left + 0.42 * width, place_of(count), style, told))
        high = [sum(pair[fraud] for pair in bins[len(bins) // 2 :]) for fraud in (0, 1)]
        says.append(f"Above a half {name} scores {high[1]:,} frauds and {high[0]:,} others.")
        panels.append(Panel(Axis("score", SHARES), counts_axis(most, "payments"), marks, name))
    legend = [("good", "not known to be fraud"), ("fraud", "fraud")]
    return chart("scores", "Payments by score", " ".join(says), panels, legend)


def _cards(compared: Comparison) -> Iterator[tuple[str, str, str]]:
    cards = [one.model.artefact.card for one in (compared.first, compared.second)]
    for name in ("trained_on", "learned_from", "learned_until", "payments", "frauds", "without"):
        told = [card.get(name, "nobody knows") for card in cards]
        one, other = (f"{each:,}" if isinstance(each, int) else str(each) for each in told)
        yield name.replace("_", " "), one, other
    first, second = (one.model.sha256[:16] for one in (compared.first, compared.second))
    yield "SHA-256", f"{first}…", f"{second}…"
