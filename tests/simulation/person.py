"""Whoever decides what the acquirer cannot tell: mostly what is true, sometimes the opposite.

An operator watches the table, and when an operation asks for a person, decides after a while, by
the acquirer's books. They are also too early, too late, wrong, and two at once. What a person says
counts where the acquirer cannot be asked: a false word there is that person's fault, and such
payments are named in `erred`, to be left out when the books are compared. Where the acquirer did
tell, a false word must be refused.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from farthing.clock import from_text
from farthing.payments.recovery import GIVEN_UP_SECONDS
from farthing.store.item import item_from_wire
from tests.simulation.acquirer_books import AUTHORIZATION_LIFE_SECONDS, Charge
from tests.simulation.aws.dynamo import WriteRecord
from tests.simulation.dice import Dice
from tests.simulation.schedules import TICK
from tests.simulation.violation import Violation

OPPOSITE = {"APPROVED": "ABSENT", "ABSENT": "APPROVED"}
DELAY_SECONDS = (5.0, 6 * 3600.0)
POLL_SECONDS = 3 * 3600.0
EARLY, WRONG, AT_ONCE = 0.1, 0.15, 0.4
TRUE_WORDS_MAX = 12
"""So often a true word may be refused when nothing goes wrong any more: it may be too early, or
somebody else may be at it."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Word:
    """What somebody said of an operation, and what was true when it was written down."""

    operation: Row
    said: str
    true: frozenset[str]


class Person:
    """An operator. Before `calm_at` they may be wrong, too early, or two at once."""

    def __init__(self, world: Any, dice: Dice, *, calm_at: float, until: float) -> None:
        self.world, self.dice = world, dice
        self.calm_at, self.until = calm_at, until
        self.words: list[Word] = []
        """What was written down."""
        self.refused = 0
        self.erred: set[str] = set()
        """Payments about which somebody was wrong, and nobody could know better."""
        self.said = 0
        """How often they said anything at all."""
        self._told: dict[str, dict[str, str]] = defaultdict(dict)
        """Process → reference → what the acquirer said of it, and was heard."""
        self._process: dict[str, str] = {}
        """Person → the process that was given their word."""
        self._true_words: dict[str, int] = defaultdict(int)
        world.tables.on_write.append(self._written)
        world.on_heard.append(self._heard)

    # --- what they do ------------------------------------------------------------------------

    def work(self) -> None:
        """Until the end: look, wait, decide."""
        while self.world.scheduler.now < self.until:
            self._until_something_asks()
            for operation in list(self._unresolved()):
                if operation.get("requires_decision"):
                    self._decide(operation)
                elif self._fallible and self.dice.chance(EARLY):
                    self._say(operation, self.dice.choice(tuple(OPPOSITE)))

    @property
    def _fallible(self) -> bool:
        return bool(self.world.scheduler.now < self.calm_at)

    def _until_something_asks(self) -> None:
        now = self.world.scheduler.now
        asked_at = [
            from_text(operation["created_at"]).timestamp() + GIVEN_UP_SECONDS
            for operation in self._unresolved()
        ]
        nearly = [at - now for at in asked_at if at > now]
        pause = self.dice.between(0.3, 1.0) * POLL_SECONDS
        if any(operation.get("requires_decision") for operation in self._unresolved()):
            pause = self.dice.spread(*DELAY_SECONDS)
        if nearly and min(nearly) < POLL_SECONDS:  # at the last moment, or just after it
            pause = max(1.0, min(nearly) + self.dice.between(-120.0, 120.0))
        self.world.scheduler.sleep(pause)

    def _unresolved(self) -> Iterator[Row]:
        """By the table: it is what the list shows."""
        for item in self.world.tables.tables["payments"].rows.values():
            if item.get("entity") == {"S": "operation"} and item["state"]["S"] in OPEN:
                yield item_from_wire(item)

    def _decide(self, operation: Row) -> None:
        true = self.truth(operation)
        word = next(iter(sorted(true)), None) or self.dice.choice(tuple(OPPOSITE))
        if not self._fallible:
            if true:
                self._say(operation, word)
                self._heeded(operation)
            return
        if self.dice.chance(WRONG):
            word = OPPOSITE[word]
        if not self.dice.chance(AT_ONCE):
            self._say(operation, word)
            return
        promises = [
            self.world.spawn(f"operator {number}", work)
            for number, work in enumerate(self._at_once(operation, word), 2)
        ]
        for promise in promises:
            promise.wait()

    def _at_once(self, operation: Row, word: str) -> Sequence[Callable[[], object]]:
        """Somebody says it while others are at the same operation."""
        world, dice = self.world, self.dice
        address, path = address_of(operation), f"/v1/payment_intents/{operation['intent_id']}"
        others: tuple[Callable[[], object], ...] = (
            lambda: world.invoke("resolve_unknown", {"operation": address}),
            lambda: world.invoke("resolve_unknown", dict(TICK)),
            lambda: world.call("GET", path, merchant_id=operation["merchant_id"]),
            lambda: self._say(operation, word),
            lambda: self._say(operation, OPPOSITE[word]),
        )

        def after(other: Callable[[], object], seconds: float) -> Callable[[], None]:
            def work() -> None:
                world.scheduler.sleep(seconds)
                other()

            return work

        chosen = dice.shuffled(list(others))[: 1 + dice.below(3)]
        return [
            lambda: self._say(operation, word),
            *(after(other, dice.spread(0.001, 5.0)) for other in chosen),
        ]

    def _say(self, operation: Row, word: str) -> None:
        self.said += 1
        by = f"operator {self.said}"
        decide = {
            "operation": address_of(operation),
            "outcome": word,
            "by": by,
            "reason": "the acquirer told us on the phone",
        }
        promise = self.world.functions.start("resolve_unknown", {"decide": decide})
        self._process[by] = self.world.functions.latest
        promise.wait()
        value = promise.value.value
        self.refused += isinstance(value, Mapping) and "error" in value

    def _heeded(self, operation: Row) -> None:
        """When nothing goes wrong any more, a true word counts, if not the first time."""
        reference = operation["reference"]
        self._true_words[reference] += 1
        if self._true_words[reference] > TRUE_WORDS_MAX:
            raise Violation(
                9, operation["intent_id"], f"nobody listens to what is true of {reference}"
            )

    # --- what is true --------------------------------------------------------------------------

    def truth(self, operation: Row) -> frozenset[str]:
        """What may rightly be said of it by the acquirer's books; nothing if that is not over."""
        books, now = self.world.acquirer.books, self.world.scheduler.now
        recorded = books.recorded.get(operation["reference"], ())
        if operation["kind"] == "VOID":
            return self._void(operation, recorded, now)
        statuses = {one.row.status for one in recorded}
        if "PENDING" in statuses:
            return frozenset()
        return frozenset({"APPROVED" if "APPROVED" in statuses else "ABSENT"})

    def _void(self, operation: Row, recorded: Sequence[Any], now: float) -> frozenset[str]:
        """Whether the hold is gone. One that ran out by itself may be said to be given back."""
        charges: list[Charge] = [
            one.charge
            for one in self.world.acquirer.books.recorded.get(operation["original_reference"], ())
            if one.charge is not None
        ]
        held = [each for each in charges if each.live and each.left_to_capture]
        if not held:
            return frozenset({"APPROVED"})
        over = all(now >= each.row.created_at + AUTHORIZATION_LIFE_SECONDS for each in held)
        if not over:
            return frozenset({"ABSENT"})
        return frozenset({"APPROVED"} if operation.get("expiry") else OPPOSITE)

    # --- what is written -----------------------------------------------------------------------

    def _heard(self, process: str, event: Mapping[str, Any], value: Any) -> None:
        """An answer of `charge` reached who asked it."""
        if event.get("task") == "LOOK_UP" and isinstance(value, Mapping) and "found" in value:
            answer = value.get("answer") or {}
            self._told[process][event["operation"]] = answer.get("outcome") or value["found"]

    def _written(self, records: Sequence[WriteRecord]) -> None:
        for _, _, old, new in records:
            if old is None and new is not None and new.get("entity") == {"S": "decision"}:
                before = next(
                    (was for _, _, was, now in records if was and _is_operation_of(now, new)), None
                )
                self._decided(item_from_wire(new), item_from_wire(before) if before else {})

    def _decided(self, decision: Row, before: Row) -> None:
        intent_id, said = decision["intent_id"], decision["outcome"]
        if not before.get("requires_decision"):
            raise Violation(9, intent_id, f"{said} was decided, and nobody had been asked")
        word = Word(before, said, self.truth(before))
        self.words.append(word)
        if said in word.true:
            return
        process = self._process[decision["decided_by"]]
        told = self._told[process].get(address_of(before), NOT_TOLD)
        relied_on = told == NOT_FOUND and (before["kind"] == "AUTHORIZE" or said == "ABSENT")
        if told in NOT_TOLD_BY and not relied_on:
            self.erred.add(intent_id)
            return
        true = " or ".join(sorted(word.true)) or "not over"
        raise Violation(
            1,
            intent_id,
            f"decided was {said} of {before['kind']} {before['reference']}, true is {true}, and "
            f"the acquirer said so: {told}",
        )


NOT_TOLD = "nothing"
NOT_FOUND = "NOT_FOUND"
NOT_TOLD_BY = frozenset({NOT_TOLD, "FAILED", NOT_FOUND})
"""Answers after which a person's word counts, right or wrong. Who says that a capture or refund
happened which is not found is among them: a person is asked because we do not rely on that."""
OPEN = frozenset({"OPEN", "UNKNOWN"})


def address_of(operation: Row) -> str:
    """As the operator's tools take it."""
    names = ("merchant_id", "mode", "intent_id", "operation_id")
    return "/".join(str(operation[name]) for name in names)


def _is_operation_of(item: Mapping[str, Any] | None, decision: Mapping[str, Any]) -> bool:
    return (
        item is not None
        and item.get("entity") == {"S": "operation"}
        and item["operation_id"] == decision["operation_id"]
    )
