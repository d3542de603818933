"""Past decisions as `export` wrote them, to be decided anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from farthing.fraud.signals import Decision
from farthing_cli.failure import Failure
from farthing_cli.fraud import dataset
from farthing_cli.fraud.dataset import Labelled


class Past(NamedTuple):
    """A decision, and the payment that it was about, with what became of it."""

    operation: str
    merchant: str
    mode: str
    currency: str
    decision: Decision
    labelled: Labelled

    @property
    def at(self) -> int:
        """When it was decided, in Unix seconds."""
        return self.labelled.payment.at

    @property
    def amount_cents(self) -> int:
        """In the currency's minor unit."""
        return self.labelled.payment.amount_cents


@dataclass(frozen=True)
class File:
    """A file of them, of a merchant, a mode or from a time on alone. It is read line by line,
    however long."""

    path: Path
    merchant: str | None = None
    mode: str | None = None
    since: int = 0

    def __post_init__(self) -> None:
        if not self.path.is_file():
            raise Failure(f"There is no file {self.path}.")
        if self.path.suffix != dataset.LINES:
            raise Failure(f"{self.path} has no decisions: give what `farthing fraud export` wrote.")

    def decided(self) -> Iterator[Past]:
        """All of them. Raises Failure that names the first that is none."""
        for line, where in self._lines():
            yield past(line, where)

    def extent(self) -> Extent:
        """How many there are, until when, by which rules. Raises Failure if there are none."""
        versions: Counter[int] = Counter()
        last = 0
        for line, where in self._lines():
            last = max(last, dataset.seconds(line.get("paid_at"), f"{where}: paid_at"))
            versions[line["decision"]["rules_version"]] += 1
        if not versions:
            raise Failure(f"{self.path} has no such decisions.")
        return Extent(versions.total(), last, versions)

    def _lines(self) -> Iterator[tuple[Mapping[str, Any], str]]:
        for number, line in enumerate(dataset.lines(self.path), 1):
            where = f"{self.path.name}, row {number}"
            decision = line.get("decision")
            if not isinstance(decision, dict) or not {"known", "rules_version"} <= decision.keys():
                raise Failure(f"{where} has no decision that can be replayed.")
            if self._wants(line, where):
                yield line, where

    def _wants(self, line: Mapping[str, Any], where: str) -> bool:
        if self.merchant not in (None, line.get("merchant")):
            return False
        if self.mode not in (None, line.get("mode")):
            return False
        return dataset.seconds(line.get("paid_at"), f"{where}: paid_at") >= self.since


class Extent(NamedTuple):
    """How many decisions, when the last was made, and how many under each version of the rules."""

    decisions: int
    last: int
    versions: Counter[int]


def past(line: Mapping[str, Any], where: str) -> Past:
    """The decision of a line. Raises Failure that begins with `where`."""
    labelled = dataset.labelled(line, where)
    try:
        return Past(
            str(line["operation"]),
            str(line["merchant"]),
            str(line["mode"]),
            str(line["currency"]),
            Decision.from_item(line["decision"]),
            labelled,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Failure(f"{where} has no decision that can be replayed: {error!r}.") from None
