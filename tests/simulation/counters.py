"""Counters of failed attempts, watched: nobody is let in who should not be, and each failure counts
once.

Who should be let in is said here from the operations alone, and not from the counters: when an
attempt is written, fewer than four of its card's or its address's had failed or were without an
outcome in its window. The counters are then asked whether they say what the operations say.

An attempt may be let in without being counted, and an outcome be written without its counter, where
the store was too busy for both, or after fourteen lost races. No row says so. The transaction does,
which lacks the counter, and `may_be_uncounted` says whether that was the case.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from farthing.ids import instant_of
from tests.simulation.aws.table import WriteRecord

Item = Mapping[str, Any]
Fail = Callable[[int, str, str], None]

UNRESOLVED = frozenset({"OPEN", "UNKNOWN", "PENDING"})
OF_THE_TOKEN = frozenset({"NETWORK_TOKEN_REFUSED", "CRYPTOGRAM_REFUSED", "NETWORK_TOKEN_UNUSABLE"})
"""Declines that say nothing of the card."""
LIMIT = 3
"""More are blocked, of a card or of an address: by the rules that everybody begins with."""
CARD_WINDOW_SECONDS = 3600.0
ADDRESS_WINDOW_SECONDS = 600.0
RACES_MAX = 14
KEPT = 4
ATTEMPTS = "ATTEMPTS"
MARK = "op_"
BUSY_READS_AND_WRITES = (".transact_write_items(", ".batch_get_item(", ".get_item(")


def _text(item: Item, name: str) -> str:
    value = item.get(name)
    return str(value.get("S", "")) if value is not None else ""


def attempt_of(operation: Item) -> str:
    """By which name an operation is counted: a card's number that is asked after its network token
    is the same attempt."""
    return _text(operation, "fallback_of") or _text(operation, "operation_id")


def at_of(operation_id: str) -> float:
    """When it was made, by its id."""
    return instant_of(operation_id).timestamp()


def has_failed(operation: Item) -> bool:
    """Whether the issuer declined the card, which a system that failed does not."""
    if _text(operation, "state") != "DECLINED":
        return False
    answer = operation.get("answer", {}).get("M", {})
    decline = answer.get("decline", {}).get("M", {})
    return _text(decline, "reason_code") not in OF_THE_TOKEN | {"PROCESSING_ERROR"}


def counted_in(operation: Item) -> list[str]:
    """The partitions of its counters."""
    return [str(one["S"]) for one in operation.get("counted", {}).get("L", ())]


class Counters:
    """All of them, by partition."""

    def __init__(self, fail: Fail, may_be_uncounted: Callable[[], bool] = lambda: False) -> None:
        self._fail, self._excused = fail, may_be_uncounted
        self.attempts: dict[str, Item] = {}
        """Attempt → its operation as it is now, the last one if its number was asked."""
        self.begun: dict[str, dict[str, bool]] = defaultdict(dict)
        """Partition → its attempts as they were written, and whether it was told of each."""
        self.untold: set[tuple[str, str]] = set()
        """Outcomes that were written without their counter: attempt and partition."""
        self.rows: dict[str, Item] = {}
        self.failures: dict[str, set[str]] = defaultdict(set)
        """What each counter was told of."""
        self._lost: set[str] = set()
        """Attempts that a counter knows, and whose operation a restore has lost."""

    def clear(self) -> None:
        """Forget everything: other rows are loaded."""
        for known in (self.attempts, self.begun, self.untold, self.rows, self.failures, self._lost):
            known.clear()

    def load(self, tables: Mapping[str, Mapping[Any, Item]]) -> None:
        """Believe these rows."""
        operations = [
            item for item in tables.get("payments", {}).values() if _is_authorization(item)
        ]
        for operation in sorted(operations, key=lambda one: _text(one, "operation_id")):
            self._know(operation)
        for (pk, _), row in tables.get("risk", {}).items():
            if _text(row, "entity") != "attempts":
                continue
            self.rows[pk] = row
            self.failures[pk] = {id_ for _, id_ in _failed(row)}
            self._lost |= {*_marks(row), *self.failures[pk]}
        for attempt, operation in self.attempts.items():
            for pk in counted_in(operation):
                self.begun[pk][attempt] = attempt in _marks(self.rows.get(pk, {}))
                self.untold.add((attempt, pk))

    def __call__(self, records: Sequence[WriteRecord]) -> None:
        """One transaction."""
        of_risk = [record for record in records if record.table == "risk"]
        counters = {record.key[0]: record.new for record in of_risk if record.key[1] == ATTEMPTS}
        for operation in _authorizations(records, begins=True):
            self._begins(operation.new or {}, counters)
        before = self.rows.copy() if counters else self.rows
        self._counters(counters)
        for operation in _authorizations(records, begins=False):
            self._goes_on(operation, before, counters)
        for pk, row in counters.items():
            if row is not None:
                self._failures_add_up(pk, row)
                self._marks_add_up(pk, row)
        for record in of_risk:
            self._remembered(record.key, record.old, record.new)

    def _goes_on(
        self,
        record: WriteRecord,
        before: Mapping[str, Item],
        counters: Mapping[str, Item | None],
    ) -> None:
        """An operation that was there, or that asks the number of an attempt that was."""
        now = record.new or {}
        self._know(now)
        if _ends(record.old, now):
            for pk in counted_in(now):
                self._ended(now, pk, before.get(pk, {}), is_told=pk in counters)

    def _counters(self, counters: Mapping[str, Item | None]) -> None:
        """As they are now. Who is swept up is not missed: no window reaches so far."""
        for pk, row in counters.items():
            if row is None:
                self.rows.pop(pk, None)
                self.failures.pop(pk, None)
            else:
                self.rows[pk] = row

    def _know(self, operation: Item) -> None:
        attempt = attempt_of(operation)
        known = self.attempts.get(attempt, {})
        if not _text(known, "fallback_of") or _text(operation, "fallback_of"):
            self.attempts[attempt] = operation

    # --- who is let in -----------------------------------------------------------------------

    def _begins(self, operation: Item, counters: Mapping[str, Item | None]) -> None:
        attempt = attempt_of(operation)
        partitions = counted_in(operation)
        marked = all(pk in counters for pk in partitions)
        if not marked and not _is_let_in_by_a_person(operation) and not self._excused():
            missing = [pk for pk in partitions if pk not in counters]
            self._fail(
                13, _text(operation, "intent_id"), f"{attempt} is in flight without {missing}"
            )
        for pk in partitions:
            window = CARD_WINDOW_SECONDS if "#CARD#" in pk else ADDRESS_WINDOW_SECONDS
            since = at_of(attempt) - window
            others = [one for one in self.begun[pk] if at_of(one) > since and self._counts(one, pk)]
            if marked and len(others) > LIMIT:
                facts = f"{attempt} was let in after {others} of {pk}"
                self._fail(13, _text(operation, "intent_id"), facts)
            self.begun[pk][attempt] = pk in counters
        self._know(operation)

    def _counts(self, attempt: str, pk: str) -> bool:
        """Whether it failed, or has no outcome yet, and could be known."""
        operation, is_marked = self.attempts[attempt], self.begun[pk][attempt]
        if _text(operation, "state") in UNRESOLVED:
            return is_marked
        return has_failed(operation) and (is_marked or (attempt, pk) not in self.untold)

    # --- what became of it -------------------------------------------------------------------

    def _ended(self, operation: Item, pk: str, before: Item, *, is_told: bool) -> None:
        """Its counter is told in the same transaction, or there was nothing to tell."""
        attempt, subject = attempt_of(operation), _text(operation, "intent_id")
        state, failed = _text(operation, "state"), has_failed(operation)
        row = self.rows.get(pk, {})
        older = sorted(_failed(before))[-KEPT:]
        too_old = len(older) == KEPT and (at_of(attempt), attempt) < older[0]
        nothing_to_tell = attempt not in _marks(before) and (
            not failed or too_old or attempt in {id_ for _, id_ in older}
        )
        if not is_told and not nothing_to_tell:
            if not self._excused():
                self._fail(13, subject, f"{attempt} is {state}, and {pk} is not told")
            self.untold.add((attempt, pk))
            return
        if attempt in _marks(row):
            self._fail(13, subject, f"{attempt} is {state}, and in flight in {pk}")
        if failed:
            self.failures[pk].add(attempt)

    def _failures_add_up(self, pk: str, row: Item) -> None:
        """Each failure is there once, and all that is there has failed."""
        failed = [id_ for _, id_ in _failed(row)]
        if len(set(failed)) != len(failed) or len(failed) > KEPT:
            self._fail(13, pk, f"counts {failed}")
        wanted = sorted(self.failures[pk], key=lambda one: (at_of(one), one))[-KEPT:]
        if sorted(failed) != sorted(wanted):
            self._fail(13, pk, f"counts {failed}, and of those that failed the newest are {wanted}")
        for at, attempt in _failed(row):
            if abs(at - at_of(attempt)) > 0.001:
                self._fail(13, pk, f"counts {attempt} at {at}")
        for attempt in failed:
            if attempt not in self._lost and not has_failed(self.attempts.get(attempt, {})):
                self._fail(13, pk, f"counts {attempt}, which has not failed")

    def _marks_add_up(self, pk: str, row: Item) -> None:
        """What is in flight has no outcome yet, or nobody could tell of it."""
        for attempt in _marks(row):
            if wrong := self._is_over(attempt, pk):
                self._fail(13, pk, f"{attempt} is in flight, and {wrong}")

    def _is_over(self, attempt: str, pk: str) -> str:
        """Why an attempt cannot be in flight; empty if it may be."""
        if attempt in self._lost or (attempt, pk) in self.untold:
            return ""
        operation = self.attempts.get(attempt)
        if operation is None:
            return "is not there"
        if pk not in counted_in(operation):
            return "is another one's"
        state = _text(operation, "state")
        return "" if state in UNRESOLVED else f"is {state}"

    def at_rest(self) -> Iterable[tuple[str, str]]:
        """Each counter that is still kept, and what is wrong with it."""
        for pk, row in self.rows.items():
            for attempt in _marks(row):
                if wrong := self._is_over(attempt, pk):
                    yield pk, f"{attempt} is in flight, and {wrong}"

    # --- what is remembered ------------------------------------------------------------------

    def _remembered(self, key: Any, old: Item | None, new: Item | None) -> None:
        """What a payer usually pays, and that a card has paid: of what was approved, and of nothing
        else."""
        entity = _text(new or {}, "entity")
        if new is None or entity not in {"payment_history", "card_seen"}:
            return
        if entity == "card_seen" and old is not None:
            self._fail(13, str(key), "a card pays for the first time again")
        named = [one["S"] for one in new.get("told", {}).get("L", ())]
        named += [_text(new, "operation_id")] if entity == "card_seen" else []
        if len(set(named)) != len(named):
            self._fail(13, str(key), f"a payment is remembered twice: {named}")
        # What was remembered before a restore of payments alone may be open there once more.
        before = {one["S"] for one in (old or {}).get("told", {}).get("L", ())}
        for attempt in named:
            if attempt in before:
                continue
            known = self.attempts.get(attempt)
            if known is not None and _text(known, "state") != "APPROVED":
                self._fail(13, str(key), f"{attempt} is remembered, and is {_text(known, 'state')}")


def _is_authorization(item: Item) -> bool:
    return _text(item, "entity") == "operation" and _text(item, "kind") == "AUTHORIZE"


def _is_let_in_by_a_person(operation: Item) -> bool:
    """Whether it was held unsent, and approved: rules are not asked again, and so it is not counted
    until it has failed."""
    return _text(operation.get("review", {}).get("M", {}), "status") == "APPROVED"


def _authorizations(records: Sequence[WriteRecord], *, begins: bool) -> list[WriteRecord]:
    """Those that begin an attempt, or all others."""
    return [
        record
        for record in records
        if record.new is not None
        and _is_authorization(record.new)
        and begins is (record.old is None and not _text(record.new, "fallback_of"))
    ]


def _ends(old: Item | None, new: Item) -> bool:
    """Whether it came to its end, and no other one goes on for it."""
    before = _text(old or {}, "state") or "OPEN"
    over = _text(new, "state") not in UNRESOLVED and "replaced_by" not in new
    return before in UNRESOLVED and over


def counted(row: Item) -> str:
    """What a counter says, for people."""
    failed, in_flight = ", ".join(id_ for _, id_ in _failed(row)), ", ".join(_marks(row))
    return f"failed: {failed or 'none'}; in flight: {in_flight or 'none'}"


def _failed(row: Item) -> list[tuple[float, str]]:
    pairs = (one["L"] for one in row.get("failed", {}).get("L", ()))
    return [(int(at["N"]) / 1000, id_["S"]) for at, id_ in pairs]


def _marks(row: Item) -> list[str]:
    return [name for name in row if name.startswith(MARK)]


def store_was_busy(rows: Sequence[tuple[float, str, str, str, str]], process: str | None) -> bool:
    """Whether a process may have given up a counter: something befell its calls of the table, or it
    has lost all the races that it may. `rows` are the steps of a trace."""
    if process is None:
        return True  # it arrives late: whoever sent it is not at work any more
    races = 0
    for _, name, point, fault, result in reversed(rows):
        if name != process or not any(call in point for call in BUSY_READS_AND_WRITES):
            continue
        if fault:
            return True
        races += "ConditionalCheckFailed" in result
    return races >= RACES_MAX
