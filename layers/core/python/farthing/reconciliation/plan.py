"""What a report changes: each of its lines, then our lines that it does not have, then its sums.

    our line, in no file ──► in another batch's report already?  it is matched
                             in a break of another batch's?      that break ends
                             otherwise                           it is awaited

Pure, but for what it looks up. Decided again after a crash, what was written already changes
nothing, so there is no cursor to be kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from farthing.clock import to_text
from farthing.reconciliation.break_row import Break, Ended, Figures, Subject
from farthing.reconciliation.change import Change, added, taken_from
from farthing.reconciliation.effect import Effect
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.line_change import told
from farthing.reconciliation.mark import Mark, State, marked
from farthing.reconciliation.match import Ours, verdict
from farthing.reconciliation.reported import Report
from farthing.reconciliation.seen import (
    Seen,
    expected_of,
    figures_of,
    paid_before,
    subject_of,
)
from farthing.reconciliation.standing import NOTHING_PAID, Counts, closing, opening
from farthing.settlement.batch import Paid
from farthing.settlement.entry import Operation
from farthing.settlement.line import Line
from farthing.store.write import Write

TOTAL_LINE = "TOTAL"


@dataclass
class Tally:
    """What the lines of a file are in. The sums are nets in the batch's currency: those of the
    lines in another one are in `foreign` alone."""

    matched: int = 0
    matched_net: int = 0
    broken: Counter[Kind] = field(default_factory=Counter)
    broken_net: int = 0
    foreign: int = 0

    def add(self, kind: Kind | None, net: int, *, is_foreign: bool) -> None:
        """One line."""
        self.foreign += is_foreign
        if kind is None:
            self.matched += 1
            self.matched_net += net
        else:
            self.broken[kind] += 1
            self.broken_net += net


@dataclass
class Plan:
    """One report against what is stored."""

    seen: Seen
    report: Report
    tally: Tally = field(default_factory=Tally)

    def changes(self) -> tuple[list[Change], Change]:
        """The changes that have rows of their own, and what all lines that match at once change
        together.

        Raises ValueError if a line was lost on the way: every one is matched or in one break, and
        what they pay, with what the file's own sum is off by, is that sum.
        """
        changes, at_once = self._lines()
        if not self.seen.standing.is_reported:
            changes += self._missing()
        off = taken_from(self.report.total, self.report.summed)
        changes += self._total(off)
        counted = self.tally.matched + self.tally.broken.total()
        told_net = self.tally.matched_net + self.tally.broken_net + off.net_cents
        if counted != len(self.report.lines) or told_net != self.report.total.net_cents:
            raise ValueError(f"{self.seen.here}: lines are lost between the file and its breaks")
        return changes, at_once

    def _lines(self) -> tuple[list[Change], Change]:
        changes: list[Change] = []
        fee = share = matched = 0
        paid = NOTHING_PAID
        for line in self.report.lines:
            one = told(line, self.seen)
            is_foreign = line.currency != self.report.currency
            self.tally.add(one.kind, 0 if is_foreign else line.net_cents, is_foreign=is_foreign)
            if one.change is not None:
                changes.append(one.change)
            elif one.at_once:
                fee += line.fee_cents
                share += self.seen.lines[line.movement].share_cents
                paid = added(paid, line.paid)
                matched += 1
        return changes, Change(effect=Effect(fee, share), paid=paid, counts=Counts(matched))

    def _missing(self) -> Iterator[Change]:
        """Our lines of which no report has said anything."""
        said = {line.movement for line in self.report.lines}
        said |= {
            (Operation(one.subject.operation), one.subject.reference)
            for one in self.seen.breaks.values()
            if one.subject.operation and one.subject.reference
        }
        for movement, line in self.seen.lines.items():
            if movement in said:
                continue
            mark = self.seen.marks.get(movement)
            if mark is None:
                yield self._awaited(line, None)
            elif mark is not None and mark.state is State.EARLY:
                ours = Ours.of(line)
                paid = Mark(State.PAID, movement, mark.settlement_id, ours)
                yield Change((self._mark(mark, paid),), counts=Counts(matched=1))
            elif mark is not None and mark.state is State.STRAY:
                yield self._stray(line, mark)

    def _awaited(self, line: Line, mark: Mark | None) -> Change:
        ours = Ours.of(line)
        after = Mark(State.AWAITED, (line.operation, line.reference), self.seen.here, ours)
        return Change((self._mark(mark, after),), counts=Counts(awaited=1))

    def _stray(self, line: Line, mark: Mark) -> Change:
        """A report of another batch had it before our ledger did."""
        before, ours = self.seen.break_of(mark), Ours.of(line)
        if before is None or not before.is_open or mark.reported is None:
            return self._awaited(line, mark)
        now = verdict(mark.reported, ours, self.seen.terms, self.seen.currency)
        ended = before.ended(Ended.MATCHED_LATE, self.seen.now, "our ledger has it since")
        paid = Mark(State.PAID, mark.movement, mark.settlement_id, ours, mark.reported)
        writes = [ended.changed(), self._mark(mark, paid)]
        there = closing(before.kind)
        new = None
        if now.kind is not None:
            name = f"{mark.reported.name} of {self.seen.here}"
            new = Break(
                tenant=before.tenant,
                break_id=self.seen.break_id(now.kind, name, before.settlement_id),
                settlement_id=before.settlement_id,
                acquirer=before.acquirer,
                currency=before.currency,
                kind=now.kind,
                subject=subject_of(mark.reported, ours),
                created_at=to_text(self.seen.now),
                expected=expected_of(ours, self.seen.terms),
                reported=figures_of(mark.reported),
                effect=now.effect,
                unpaid_cents=now.unpaid_cents,
                held_cents=now.held_cents,
                file=before.file,
            )
            there += opening(now.kind)
        return Change(
            tuple(writes),
            new,
            now.effect - before.effect,
            counts=Counts(matched=now.kind is None),
            elsewhere=(before.settlement_id, there),
        )

    def _mark(self, before: Mark | None, after: Mark) -> Write:
        return marked(self.seen.standing.tenant, self.seen.acquirer, before, after)

    def _total(self, off: Paid) -> Iterator[Change]:
        """The file's own sums are not those of its lines: what it pays, by its own word, is.

        Another file with the same lines is about the same sums: it says the same, or otherwise.
        """
        summed = self.report.summed
        sums = f"{summed.gross_cents}#{summed.fee_cents}#{summed.net_cents}"
        name = f"{TOTAL_LINE}#{len(self.report.lines)}#{sums}"
        before = self.seen.breaks.get(name)
        new = None if off == NOTHING_PAID else self._off(name, off)
        if before is None:
            if new is not None:
                yield Change((), new, new.effect, off, opening(new.kind))
            return
        if before.by_a_person or (new is not None and new.reported == before.reported):
            return
        ended = before.ended(Ended.SUPERSEDED, self.seen.now, "a later file says otherwise")
        counts = closing(before.kind)
        effect = -before.effect
        if new is not None:
            counts, effect = counts + opening(new.kind), effect + new.effect
        was = taken_from(paid_before(before, 1, self.seen.currency), summed)
        yield Change((ended.changed(),), new, effect, taken_from(off, was), counts)

    def _off(self, name: str, off: Paid) -> Break:
        kind, currency = Kind.BATCH_TOTAL_MISMATCH, self.seen.currency
        summed, total = self.report.summed, self.report.total
        return Break(
            tenant=self.seen.standing.tenant,
            break_id=self.seen.break_id(kind, name),
            settlement_id=self.seen.here,
            acquirer=self.seen.acquirer,
            currency=currency,
            kind=kind,
            subject=Subject(line=name),
            created_at=to_text(self.seen.now),
            expected=Figures(currency, summed.gross_cents, summed.fee_cents, summed.net_cents),
            reported=Figures(currency, total.gross_cents, total.fee_cents, total.net_cents),
            effect=Effect(suspense={currency: off.net_cents} if off.net_cents else {}),
            file=self.seen.file,
        )
