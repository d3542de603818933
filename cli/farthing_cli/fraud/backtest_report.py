"""What a backtest found, as rows of text: the same for the terminal, a page and programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from farthing.fraud.action import Action
from farthing.fraud.rule_row import DEFAULT_VERSION
from farthing.money import Money
from farthing_cli.fraud.backtest import BLOCKED, KNOWN, STOPPING, Backtest, Tally, Truth

ACTIONS = (Action.ALLOW, Action.REVIEW, Action.BLOCK)
WHY_UNKNOWN = {
    Truth.BLOCKED: "blocked then: nobody knows what they were",
    Truth.DECLINED: "declined by the issuer: nobody knows",
    Truth.UNSENT: "never taken, or given back: nobody knows",
    Truth.YOUNG: "too young when the data end: not known yet",
}
SELECTION = (
    "What was blocked then is in no count of frauds or of false positives, neither before nor "
    "after: nobody knows what it was."
)


@dataclass(frozen=True)
class Grid:
    """A table: a caption, columns, and rows whose first cell names them."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def grids(found: Backtest) -> list[Grid]:
    """All tables, in the order of what is asked first."""
    return [_actions(found), _matrix(found), _known(found), _stopped(found), _rules(found)]


def sentence(found: Backtest) -> str:
    """What was decided anew, in one sentence."""
    count = sum(tally.count for tally in found.changes.values())
    if not count:
        return "There is nothing to decide anew."
    changed = sum(t.count for change, t in found.changes.items() if change.before != change.after)
    days = " to ".join(
        datetime.fromtimestamp(at, UTC).date().isoformat() for at in (found.first, found.last)
    )
    return f"{count:,} decisions, {days}: {changed:,} would be another."


def cautions(found: Backtest, version: int | None) -> Iterator[str]:
    """What keeps the tables from saying all. `version` is that of the rules, if it is known."""
    if found.unscored:
        yield f"{found.unscored:,} decisions are left out: they have no features to score."
    others = sum(count for name, count in found.versions.items() if name != version)
    if others and version == DEFAULT_VERSION:
        yield (
            f"{others:,} decisions were made under rules that the merchant had published, and are "
            "decided by the default rules here. Give theirs by --rules."
        )
    yield SELECTION


def as_json(found: Backtest) -> dict[str, Any]:
    """All of it for programs; money in minor units, by currency."""
    return {
        "from": found.first,
        "until": found.last,
        "without_features": found.unscored,
        "rules_versions": {str(name): count for name, count in sorted(found.versions.items())},
        "changes": [
            {"before": c.before.value, "after": c.after.value, **_tally(tally)}
            for c, tally in sorted(found.changes.items())
        ],
        "truths": {name.value: _tally(found.truths[name]) for name in Truth},
        "stopped": [
            {
                "what": what,
                "when": "after" if after else "before",
                "frauds": _tally(one.fraud),
                "false_positives": _tally(one.good),
                "unknown": _tally(one.unknown),
                "precision": one.precision,
                "recall": _recall(found, what, after=after),
            }
            for (what, after), one in found.stopped.items()
        ],
        "rules": {
            name: {
                "fired": rule.fired,
                "decided": rule.decided,
                "alone": rule.alone_count,
                "alone_frauds": _tally(rule.alone.fraud),
                "alone_good": _tally(rule.alone.good),
                "alone_unknown": _tally(rule.alone.unknown),
            }
            for name, rule in found.rules.items()
        },
    }


def money(cents: Mapping[str, int]) -> str:
    """Sums by currency."""
    return ", ".join(_amount(minor, currency) for currency, minor in sorted(cents.items())) or "–"


def _amount(minor: int, currency: str) -> str:
    try:
        number, _, name = str(Money(minor, currency)).partition(" ")
    except ValueError:
        return f"{minor:,} {currency}"
    whole, point, rest = number.partition(".")
    return f"{int(whole):,}{point}{rest} {name}"


def _cell(tally: Tally) -> str:
    return f"{tally.count:,} ({money(tally.cents)})" if tally.count else "0"


def _actions(found: Backtest) -> Grid:
    rows = []
    for action in ACTIONS:
        before, after = (found.acted(action, after=after) for after in (False, True))
        rows.append((action.value, _cell(before), _cell(after), f"{after.count - before.count:+,}"))
    return Grid(
        "What was decided, and what would be", ("action", "before", "after", "change"), tuple(rows)
    )


def _matrix(found: Backtest) -> Grid:
    by_pair = {(change.before, change.after): tally for change, tally in found.changes.items()}
    rows = tuple(
        (
            f"was {before.value}",
            *(_cell(by_pair.get((before, after), Tally())) for after in ACTIONS),
        )
        for before in ACTIONS
    )
    columns = ("", *(f"would be {action.value}" for action in ACTIONS))
    return Grid("From which action to which", columns, rows)


def _known(found: Backtest) -> Grid:
    said = {Truth.FRAUD: "known to be fraud", Truth.GOOD: "old enough, and nobody said so"}
    rows = tuple(
        (said.get(truth) or f"unknown, {WHY_UNKNOWN[truth]}", _cell(found.truths[truth]))
        for truth in Truth
        if truth in KNOWN or found.truths[truth].count
    )
    return Grid("What the payments were", ("", "payments"), rows)


def _stopped(found: Backtest) -> Grid:
    frauds = found.truths[Truth.FRAUD].count
    columns = ("stopped", "frauds", "false positives", "unknown", "precision", "recall")
    rows = tuple(
        (f"{what}, {'after' if after else 'before'}", *_row_of(found, what, after=after))
        for what in STOPPING
        for after in (False, True)
    )
    return Grid(f"Of {frauds:,} known frauds", columns, rows)


def _row_of(found: Backtest, what: str, *, after: bool) -> tuple[str, ...]:
    stopped = found.stopped[what, after]
    tallies = (stopped.fraud, stopped.good, stopped.unknown)
    shares = (stopped.precision, _recall(found, what, after=after))
    return (
        *(_cell(tally) for tally in tallies),
        *("–" if share is None else f"{share:.3f}" for share in shares),
    )


def _recall(found: Backtest, what: str, *, after: bool) -> float | None:
    """None for what was blocked then: of the frauds that are known it can have stopped none."""
    if what == BLOCKED and not after:
        return None
    return found.stopped[what, after].recall(found.truths[Truth.FRAUD].count)


def _rules(found: Backtest) -> Grid:
    columns = ("after, by", "fired", "decided", "alone", "of these fraud", "good", "unknown")
    rows = tuple(
        (
            name,
            *(f"{number:,}" for number in (rule.fired, rule.decided, rule.alone_count)),
            *(_cell(tally) for tally in (rule.alone.fraud, rule.alone.good, rule.alone.unknown)),
        )
        for name, rule in found.rules.items()
    )
    return Grid("Each rule; alone: without it another action would follow", columns, rows)


def _tally(tally: Tally) -> dict[str, Any]:
    return {"count": tally.count, "cents": dict(sorted(tally.cents.items()))}
