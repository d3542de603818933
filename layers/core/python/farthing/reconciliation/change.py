"""What a file changes: one line's writes, with what they do to the books and to the batch.

Changes are put together into transactions that fit. Each is whole in itself: after any of them the
books, the breaks and the counts agree, so a run may end between two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from farthing.reconciliation.break_row import Break
from farthing.reconciliation.effect import NOTHING, Effect
from farthing.reconciliation.standing import NO_COUNTS, NOTHING_PAID, Counts
from farthing.settlement.batch import Paid
from farthing.store.write import Write

WRITES_MAX = 60
"""Of lines, in one transaction: with the batch's own and the file's it has less than 100."""


@dataclass(frozen=True)
class Change:
    """`opened` is a new break, which is written with the name of the transaction that books it.
    `elsewhere` are the counts of another batch, by its id, whose line this one is."""

    writes: tuple[Write, ...] = ()
    opened: Break | None = None
    effect: Effect = NOTHING
    paid: Paid = NOTHING_PAID
    counts: Counts = NO_COUNTS
    elsewhere: tuple[str, Counts] | None = None


@dataclass
class Together:
    """Several changes that are written at once."""

    writes: list[Write] = field(default_factory=list)
    opened: list[Break] = field(default_factory=list)
    effect: Effect = NOTHING
    paid: Paid = NOTHING_PAID
    counts: Counts = NO_COUNTS
    elsewhere: tuple[str, Counts] | None = None

    @property
    def size(self) -> int:
        """How many writes it has, with the two for what each currency leaves in suspense."""
        return len(self.writes) + len(self.opened) + 2 * len(self.effect.suspense)

    def take(self, change: Change) -> None:
        """One more."""
        self.writes += change.writes
        self.opened += () if change.opened is None else (change.opened,)
        self.effect += change.effect
        self.paid = added(self.paid, change.paid)
        self.counts += change.counts
        self.elsewhere = self.elsewhere or change.elsewhere


def together(changes: Iterable[Change]) -> Iterator[Together]:
    """The changes in transactions that fit, in their order. One that changes another batch too
    stands alone."""
    group = Together()
    for change in changes:
        more = len(change.writes) + 1 + 2 * len(change.effect.suspense)
        full = group.size + more > WRITES_MAX
        if group.size and (full or change.elsewhere or group.elsewhere):
            yield group
            group = Together()
        group.take(change)
    yield group


def added(one: Paid, other: Paid) -> Paid:
    """The sums of both."""
    return Paid(
        one.gross_cents + other.gross_cents,
        one.fee_cents + other.fee_cents,
        one.net_cents + other.net_cents,
    )


def taken_from(one: Paid, other: Paid) -> Paid:
    """`one` less `other`."""
    return added(one, Paid(-other.gross_cents, -other.fee_cents, -other.net_cents))
