"""Two models on the same payments: what each measure says, and what makes it believable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import sqrt

from farthing.fraud.model.evaluate import Model
from farthing_cli.failure import Failure
from farthing_cli.fraud import training
from farthing_cli.fraud.curves import Z_95
from farthing_cli.fraud.metrics import Scored, measure
from farthing_cli.fraud.replay import Rows

COUNTS = ("payments", "frauds")
NAMES = {"auc": "AUC ROC"}


@dataclass(frozen=True)
class Measured:
    """A model and what it says of the payments."""

    model: Model
    scored: Sequence[Scored]
    metrics: dict[str, float | int]

    @classmethod
    def of(cls, model: Model, rows: Rows, chosen: Sequence[int]) -> Measured:
        """On the chosen payments."""
        scored = training.scored(model, rows, chosen)
        return cls(model, scored, measure(scored))

    @property
    def name(self) -> str:
        """As its file calls it."""
        return self.model.artefact.name


@dataclass(frozen=True)
class Comparison:
    """The first is the candidate. `since` and `until` in Unix seconds, `until` excluded."""

    first: Measured
    second: Measured
    since: int
    until: int
    payments_are: str
    blocked: int = 0

    @property
    def names(self) -> tuple[str, str]:
        """Two names, also where both models call themselves the same."""
        one, other = self.first.name, self.second.name
        if one == other:
            return f"{one} ({_short(self.first.model)})", f"{other} ({_short(self.second.model)})"
        return one, other

    def sentence(self) -> str:
        """What it was measured on."""
        counts = self.first.metrics
        days = f"{_day(self.since)} to {_day(self.until - 1)}"
        return (
            f"Measured on {counts['payments']:,} payments from {days}, of which "
            f"{counts['frauds']:,} are known to be fraud. They are {self.payments_are}."
        )

    def cautions(self) -> Iterator[str]:
        """Why the figures may be too good, or say little."""
        for name, one in zip(self.names, (self.first, self.second), strict=True):
            if said := has_learned_of(one.model, self.since, self.until):
                yield f"{name} {said}"
        if self.blocked:
            yield (
                f"{self.blocked:,} more were blocked then, and nobody knows what they were. What "
                "the model of then found most surely is missing, which is unfair to it."
            )
        frauds = self.first.metrics["frauds"]
        yield (
            f"Of {frauds:,} frauds a share is known to about ±{Z_95 / 2 / sqrt(frauds):.2f}: "
            "smaller differences may be chance."
        )

    def rows(self) -> Iterator[tuple[str, str, str, int | None]]:
        """Each measure, of both, and which is better: 1, 2, or None if they are the same."""
        for name, value in self.first.metrics.items():
            if name in COUNTS:
                continue
            other = self.second.metrics[name]
            best = None if value == other else 1 if value > other else 2
            yield NAMES.get(name, name.replace("_", " ")), f"{value:.3f}", f"{other:.3f}", best


def compare(
    first: Model, second: Model, rows: Rows, since: int, until: int, payments_are: str
) -> Comparison:
    """Both on the payments of that time whose labels are known. Raises Failure if they say
    nothing."""
    chosen = training.between(rows, since, until)
    if not chosen:
        raise Failure("No payment of that time is that old by the end of the data.")
    paid = [rows.payments[at].payment.at for at in chosen]
    one, other = (Measured.of(model, rows, chosen) for model in (first, second))
    if not 0 < one.metrics["frauds"] < len(chosen):
        raise Failure("All of these payments are fraud, or none is: there is nothing to compare.")
    blocked = sum(each.blocked and since <= each.payment.at < until for each in rows.payments)
    return Comparison(one, other, paid[0], paid[-1] + 1, payments_are, blocked)


def has_learned_of(model: Model, since: int, until: int) -> str | None:
    """What to think of a model whose card says that it learned from payments of this time."""
    card = model.artefact.card
    try:
        learned_from = date.fromisoformat(str(card["learned_from"]))
        learned_until = date.fromisoformat(str(card["learned_until"]))
    except (KeyError, ValueError):
        return None
    first, last = (datetime.fromtimestamp(at, UTC).date() for at in (since, until - 1))
    if learned_from > last or first >= learned_until:
        return None
    return (
        f"has learned from payments of this time ({learned_from} to {learned_until}). If they are "
        "these, its figures are too good."
    )


def _short(model: Model) -> str:
    return model.sha256[:8]


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
