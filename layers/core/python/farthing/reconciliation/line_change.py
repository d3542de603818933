"""What one line of a report changes: what is true of it now, less what was true of it before.

    of our batch     first heard of, and right ──► told with all others in one sum
                     awaited ──► paid
                     in a break that this file does not repeat ──► that ends, and mostly it matches
    of another one   awaited there ──► paid here        not reported there yet ──► paid early
    of nobody        in a break

What was decided already, from this file or another one, changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from farthing.reconciliation.break_row import Break, Ended
from farthing.reconciliation.change import Change, taken_from
from farthing.reconciliation.effect import NOTHING, Effect
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.mark import WAITING, Mark, State, marked
from farthing.reconciliation.match import AlreadyPaid, Known, Ours, verdict
from farthing.reconciliation.reported import Reported
from farthing.reconciliation.seen import Seen, paid_before, paid_of, said_the_same
from farthing.reconciliation.standing import NO_COUNTS, NOTHING_PAID, Counts, closing, opening
from farthing.reconciliation.strangers import given_up
from farthing.settlement.batch import Paid
from farthing.store.write import Write

_UNKNOWN = frozenset({Kind.UNEXPECTED_DISPUTE, Kind.MISSING_IN_LEDGER, Kind.STATE_MISMATCH})
_HAD = frozenset({State.PAID, State.EARLY})


@dataclass(frozen=True)
class Told:
    """`kind` is what the line is in now, None if it is matched. `at_once`: it matches, and this is
    the first that is heard of it. `change` is None if it changes nothing of its own."""

    kind: Kind | None
    change: Change | None = None
    at_once: bool = False


def told(line: Reported, seen: Seen) -> Told:
    """What one line says, and what that changes."""
    before = seen.breaks.get(line.name)
    if before is not None and before.by_a_person:
        return Told(before.kind)
    mark = seen.marks.get(line.movement)
    if line.seq > 1:
        return _broken(line, _once_more(line, mark, seen), before, seen)
    if line.movement in seen.lines:
        return _own(line, Ours.of(seen.lines[line.movement]), before, mark, seen)
    if mark is not None and mark.state in _HAD and mark.settlement_id == seen.here:
        return Told(None if before is None else before.kind)
    if mark is not None and mark.state in WAITING and mark.ours is not None:
        return _late(line, mark, mark.ours, seen)
    found = seen.about(line, mark)
    if found.is_early and isinstance(found.known, Ours):
        return _early(line, found.known, before, mark, seen)
    return _broken(line, found.known, before, seen, mark)


def _once_more(line: Reported, mark: Mark | None, seen: Seen) -> Known:
    """What of ours a line is about that its report has had: whose payment it is, is to be seen."""
    own = seen.lines.get(line.movement)
    ours = Ours.of(own) if own is not None else mark.ours if mark is not None else None
    return None if ours is None else AlreadyPaid(ours)


def _own(line: Reported, ours: Ours, before: Break | None, mark: Mark | None, seen: Seen) -> Told:
    """A line that the batch has."""
    known: Known = ours
    if mark is not None and mark.state is State.GIVEN_UP:
        known = given_up(mark)
    elif mark is not None and mark.state in _HAD and mark.settlement_id != seen.here:
        known = AlreadyPaid(ours)
    now = verdict(line, known, seen.terms, seen.currency)
    if before is not None:
        return _other_than_before(line, known, before, mark, seen)
    if not isinstance(known, Ours):
        return _broken(line, known, None, seen, mark)
    if mark is not None and mark.state in WAITING:
        return _late(line, mark, ours, seen)
    was_matched = mark.state is State.PAID if mark is not None else False
    was_matched = was_matched or seen.standing.is_reported
    if now.kind is None:
        return Told(None, at_once=not was_matched)
    was, was_paid = _as_expected(line, ours, seen) if was_matched else (NOTHING, NOTHING_PAID)
    new = seen.new_break(line, ours, now)
    counts = opening(now.kind) + Counts(matched=-1 if was_matched else 0)
    paid = taken_from(paid_of(line, seen.currency), was_paid)
    return Told(now.kind, Change((), new, now.effect - was, paid, counts))


def _other_than_before(
    line: Reported, known: Known, before: Break, mark: Mark | None, seen: Seen
) -> Told:
    """A line of the batch that is in a break: the same again, or another one, or none any more."""
    now = verdict(line, known, seen.terms, seen.currency)
    if said_the_same(before, line, now.kind):
        return Told(now.kind)
    new = seen.new_break(line, known, now)
    ended = before.ended(Ended.SUPERSEDED, seen.now, "a later file says otherwise")
    writes = [ended.changed()]
    counts = closing(before.kind)
    if now.kind is not None:
        counts += opening(now.kind)
    elif isinstance(known, Ours):
        counts += Counts(matched=1)
        writes.append(seen.mark(mark, State.PAID, line, known))
    was_paid = paid_before(before, line.operation.sign, seen.currency)
    paid = taken_from(paid_of(line, seen.currency), was_paid)
    return Told(now.kind, Change(tuple(writes), new, now.effect - before.effect, paid, counts))


def _late(line: Reported, mark: Mark, ours: Ours, seen: Seen) -> Told:
    """A line that was awaited, in this batch or in another one. Its break ends, if it has one."""
    now = verdict(line, ours, seen.terms, seen.currency)
    writes: list[Write] = [seen.mark(mark, State.PAID, line, ours)]
    missed = seen.break_of(mark)
    of_owner = Counts(matched=1 if now.kind is None else 0)
    if missed is not None and missed.is_open:
        text = f"the line came in the report of {seen.here}"
        writes.append(missed.ended(Ended.MATCHED_LATE, seen.now, text).changed())
        of_owner += closing(missed.kind)
    elif mark.state is State.AWAITED:
        of_owner += Counts(awaited=-1)
    new = seen.new_break(line, ours, now)
    counts = NO_COUNTS if now.kind is None else opening(now.kind)
    elsewhere = None
    if mark.settlement_id == seen.here:
        counts += of_owner
    else:
        elsewhere = (mark.settlement_id, of_owner)
    paid = paid_of(line, seen.currency)
    return Told(now.kind, Change(tuple(writes), new, now.effect, paid, counts, elsewhere))


def _early(line: Reported, ours: Ours, before: Break | None, mark: Mark | None, seen: Seen) -> Told:
    """A movement whose own batch has yet to be reported: it need not report it then."""
    now = verdict(line, ours, seen.terms, seen.currency)
    new = seen.new_break(line, ours, now)
    writes: list[Write] = [seen.mark(mark, State.EARLY, line, ours)]
    counts = NO_COUNTS if now.kind is None else opening(now.kind)
    was, was_paid = NOTHING, NOTHING_PAID
    if before is not None:
        text = "our ledger has it since"
        writes.append(before.ended(Ended.MATCHED_LATE, seen.now, text).changed())
        counts += closing(before.kind)
        was, was_paid = before.effect, paid_before(before, line.operation.sign, seen.currency)
    paid = taken_from(paid_of(line, seen.currency), was_paid)
    return Told(now.kind, Change(tuple(writes), new, now.effect - was, paid, counts))


def _broken(
    line: Reported, known: Known, before: Break | None, seen: Seen, mark: Mark | None = None
) -> Told:
    """A line that cannot match: it is there once more, or nobody's, or of what moved nothing."""
    now = verdict(line, known, seen.terms, seen.currency)
    if now.kind is None:
        raise ValueError(f"{line.name} is matched")
    if before is not None:
        return _other_than_before(line, known, before, mark, seen)
    new = seen.new_break(line, known, now)
    writes: list[Write] = []
    if new is not None and line.seq == 1 and now.kind in _UNKNOWN and mark is None:
        stray = Mark(State.STRAY, line.movement, seen.here, None, line, new.break_id)
        writes.append(marked(seen.standing.tenant, seen.acquirer, None, stray))
    paid = paid_of(line, seen.currency)
    return Told(now.kind, Change(tuple(writes), new, now.effect, paid, opening(now.kind)))


def _as_expected(line: Reported, ours: Ours, seen: Seen) -> tuple[Effect, Paid]:
    """What a line that matched did to the books and the batch's sums."""
    fee = seen.terms.expected_fee(ours.operation, ours.amount_cents)
    kept = line.fee_cents if fee is None else fee
    paid = Paid(ours.gross_cents, kept, ours.gross_cents - kept)
    return Effect(kept, ours.share_cents), paid
