"""What people do with a break: somebody has it, somebody says something, somebody ends it.

Ending it is one transaction: the break's state, the correction in the ledger, the batch's counts
and with the last break its state, the mark of our line, and the request's key. So a break that is
resolved left nothing in suspense, and the same request twice is one resolution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from farthing.clock import to_text
from farthing.errors import CONFLICT, LIMIT_REACHED, WRONG_STATE, FarthingError, invalid
from farthing.http.idempotency_key import IdempotentRequest
from farthing.http.response import Response, ok
from farthing.ledger.transaction import booked_alone
from farthing.payments import idempotency
from farthing.reconciliation.break_row import NOTES_MAX, Break, Note, Status
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.mark import Mark, State, mark_key, marked
from farthing.reconciliation.queries import Breaks
from farthing.reconciliation.reading import TRIES_MAX
from farthing.reconciliation.resolution import Resolution, allowed, corrections
from farthing.reconciliation.standing import Standing, closing
from farthing.reconciliation.view import break_object
from farthing.settlement.batch import batch_key
from farthing.settlement.entry import Operation
from farthing.store.errors import ConditionFailed
from farthing.store.port import Gets, Lists, Queries, Writes
from farthing.store.scope import TenantScope
from farthing.store.write import Write

ASSIGNED, NOTED = "ASSIGNED", "NOTED"


class ActStore(Gets, Queries, Lists, Writes, Protocol):
    """The payments and the settlement table."""


@dataclass(frozen=True)
class Desk:
    """One merchant's breaks, where people work on them."""

    tenant: TenantScope
    store: ActStore
    now: Callable[[], datetime]

    @property
    def breaks(self) -> Breaks:
        """Where they are read."""
        return Breaks(self.tenant, self.store)

    def assign(self, break_id: str, to: str, by: str) -> Break:
        """Somebody has it from now on. Raises FarthingError."""
        return self._note(break_id, Note(self._at(), by, ASSIGNED, to), to)

    def note(self, break_id: str, text: str, by: str) -> Break:
        """Somebody says something about it. Raises FarthingError."""
        return self._note(break_id, Note(self._at(), by, NOTED, text), None)

    def resolve(
        self, break_id: str, decided: Resolution, by: str, reason: str, request: IdempotentRequest
    ) -> Response:
        """Somebody ends it. Raises FarthingError."""
        row = idempotency.row_key(self.tenant, request.row_id)
        for _ in range(TRIES_MAX):
            now = self.now()
            earlier = idempotency.examine(self.store.get(row), request, now)
            if earlier.answer is not None:
                return earlier.answer
            one = self.breaks.get(break_id)
            _must_be_open(one)
            if decided not in allowed(one):
                possible = ", ".join(sorted(allowed(one)))
                raise invalid("resolution", f"of {one.kind} is one of {possible}")
            answer, writes = self._resolution(one, decided, Note(to_text(now), by, decided, reason))
            try:
                self.store.write(*writes, idempotency.used(self.tenant, request, now, answer))
            except ConditionFailed:
                continue
            return answer
        raise FarthingError(CONFLICT, "the batch's books move too fast", retry_after_seconds=1)

    def _resolution(
        self, one: Break, decided: Resolution, note: Note
    ) -> tuple[Response, list[Write]]:
        booked = corrections(one, decided, self.now())
        after = one.noted(
            note,
            status=Status.RESOLVED,
            resolution=decided.value,
            resolved_at=note.at,
            corrections=tuple(transaction.transaction_id for transaction in booked),
        )
        standing = self._standing(one.settlement_id)
        writes = [after.changed(), *standing.writes(closing(one.kind), note.at)]
        for transaction in booked:
            writes += booked_alone(transaction, self.tenant)
        if one.kind is Kind.MISSING_IN_REPORT:
            writes.append(self._remark(one, decided))
        return ok(break_object(after)), writes

    def _remark(self, one: Break, decided: Resolution) -> Write:
        """What a late line of ours means from now on: it is expected, or it was given up."""
        subject = one.subject
        movement = (Operation(subject.operation or ""), subject.reference or "")
        item = self.store.get(mark_key(self.tenant, one.acquirer, movement))
        if item is None:
            raise LookupError(one.break_id)
        mark = Mark.of(item)
        state = State.PROMISED if decided is Resolution.EXPLAINED else State.GIVEN_UP
        after = Mark(state, movement, mark.settlement_id, mark.ours)
        return marked(self.tenant, one.acquirer, mark, after)

    def _note(self, break_id: str, note: Note, assigned_to: str | None) -> Break:
        for _ in range(TRIES_MAX):
            one = self.breaks.get(break_id)
            changes: dict[str, Any] = {}
            if assigned_to is not None:
                _must_be_open(one)
                changes = {"status": Status.ASSIGNED, "assigned_to": assigned_to}
            if len(one.history) >= NOTES_MAX:
                raise FarthingError(LIMIT_REACHED, f"a break has at most {NOTES_MAX} notes")
            after = one.noted(note, **changes)
            try:
                self.store.write(after.changed())
            except ConditionFailed:
                continue
            return after
        raise FarthingError(CONFLICT, "others change this break too", retry_after_seconds=1)

    def _standing(self, settlement_id: str) -> Standing:
        item = self.store.get(batch_key(self.tenant, settlement_id))
        if item is None:
            raise LookupError(settlement_id)
        return Standing(self.tenant, item)

    def _at(self) -> str:
        return to_text(self.now())


def _must_be_open(one: Break) -> None:
    if not one.is_open:
        raise FarthingError(WRONG_STATE, f"the break is resolved: {one.resolution}")
