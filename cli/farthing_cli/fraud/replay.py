"""Past payments once more, in the order of time: the rows that a model is trained and measured on.

Each row is made by the code that makes it online, of what was known then: a label is told when it
was known, and counts when it is old enough. A payment that has the row that it was scored by keeps
it.
"""

from __future__ import annotations

import heapq
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from farthing.fraud.model.features import FEATURES, History, record, row
from farthing.fraud.model.history import LABEL_DELAY_SECONDS, Customer, Terminal, Tries
from farthing_cli.failure import Failure
from farthing_cli.fraud.dataset import Labelled

PROGRESS_EVERY = 20_000


class Book:
    """Every history, in memory."""

    def __init__(self) -> None:
        self.customers: defaultdict[str, Customer] = defaultdict(Customer)
        self.terminals: defaultdict[str, Terminal] = defaultdict(Terminal)
        self.cards: defaultdict[str, Tries] = defaultdict(Tries)
        self.ips: defaultdict[str, Tries] = defaultdict(Tries)

    def history(self, one: Labelled) -> History:
        """What is remembered for a payment. Without a terminal, card or address there is nothing to
        it."""
        paid = one.payment
        return History(
            self.customers[paid.customer],
            self.terminals[paid.terminal] if paid.terminal else Terminal(),
            self.cards[paid.card] if paid.card else Tries(),
            self.ips[paid.ip] if paid.ip else Tries(),
        )


def rows(payments: Iterable[Labelled]) -> Iterator[list[float]]:
    """A row for each payment. Raises Failure if they are not in the order of time."""
    book, labels, before = Book(), list[tuple[int, int, str]](), 0
    for one in payments:
        paid = one.payment
        if paid.at < before:
            raise Failure("The payments are not in the order of time.")
        before = paid.at
        while labels and labels[0][0] <= paid.at:
            _, paid_at, terminal = heapq.heappop(labels)
            book.terminals[terminal].defrauded(paid_at)
        history = book.history(one)
        yield row(paid, history) if one.features is None else list(one.features)
        if not one.was_tried:
            continue
        record(paid, history, failed=one.failed)
        if paid.terminal and one.fraud and not one.failed:
            heapq.heappush(labels, (known_at(one), paid.at, paid.terminal))


def known_at(one: Labelled) -> int:
    """When the label of a payment is known."""
    told = one.labelled_at
    return one.payment.at + LABEL_DELAY_SECONDS if told is None else told


def known_by(payments: Iterable[Labelled], day: int) -> list[Labelled]:
    """The payments as they were known at an instant: later ones are not there, later labels are
    not told."""
    return [
        one if known_at(one) <= day else one._replace(fraud=False, labelled_at=None)
        for one in payments
        if one.payment.at <= day
    ]


@dataclass(frozen=True)
class Rows:
    """The rows of all payments as one array, payment by payment, beside the payments."""

    values: array[float]
    payments: Sequence[Labelled]

    @classmethod
    def of(
        cls, payments: Sequence[Labelled], progress: Callable[[int], None] = lambda done: None
    ) -> Rows:
        """Replay them; `progress` is told how many are done."""
        values = array("d")
        for done, each in enumerate(rows(payments), 1):
            values.extend(each)
            if done % PROGRESS_EVERY == 0:
                progress(done)
        progress(len(payments))
        return cls(values, payments)

    def __getitem__(self, at: int) -> array[float]:
        return self.values[at * len(FEATURES) : (at + 1) * len(FEATURES)]

    def matrix(self) -> Any:
        """A view for LightGBM: payments × features."""
        import numpy as np

        return np.frombuffer(self.values).reshape(-1, len(FEATURES))
