"""What may go wrong at the hostile acquirer, and what it guarantees all the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from tests.simulation.dice import Dice

DAY_SECONDS = 24 * 3600.0


class Fault(StrEnum):
    """What may befall one exchange. Each class is on or off for a whole seed."""

    REFUSED = "connection refused"
    LOST = "request lost before its effect"
    DELAYED = "request lands after its sender gave up"
    SLOW = "answer just before the deadline"
    SILENCE = "effect, then no answer"
    RESET = "effect, then reset"
    HTML = "effect, then 502 with HTML"
    GARBAGE = "effect, then half an answer"
    UNSIGNED = "effect, answer without signature"
    WRONGLY_SIGNED = "effect, answer signed by somebody else"
    SERVER_ERROR = "503 and no effect"
    WRONG_AMOUNT = "effect, another amount answered"
    WRONG_CURRENCY = "effect, another currency answered"
    WRONG_OPERATION = "effect, another operation answered"
    WRONG_REFERENCE = "effect, another reference answered"
    DECLINE = "declined"
    SOFT_DECLINE = "declined for now"
    PENDING = "refund pending, approved later"
    PENDING_DECLINED = "refund pending, declined later"
    LOOK_UP_FAILS = "look-up answered 500"
    WEBHOOK_LOST = "webhook lost"
    WEBHOOK_LATE = "webhook late"
    WEBHOOK_TWICE = "webhook twice"
    WEBHOOK_EARLY = "webhook before the answer"
    WEBHOOK_STRANGE = "webhook about nothing of ours"
    REPORT_LATE = "settlement report late"
    TOKEN_REFUSED = "network token refused where it pays"
    NO_TOKEN_GIVEN = "issuer gives no network token"
    TOKEN_SUSPENDED = "issuer suspends a network token for a while"
    TOKEN_ENDED = "issuer ends a network token"
    CARD_REPLACED = "issuer replaces a card"


ON_THE_WAY = (Fault.REFUSED, Fault.LOST, Fault.DELAYED, Fault.SLOW)
INSTEAD_OF_AN_ANSWER = (
    Fault.SILENCE,
    Fault.RESET,
    Fault.HTML,
    Fault.GARBAGE,
    Fault.UNSIGNED,
    Fault.WRONGLY_SIGNED,
    Fault.SERVER_ERROR,
)
IN_THE_ANSWER = (
    Fault.WRONG_AMOUNT,
    Fault.WRONG_CURRENCY,
    Fault.WRONG_OPERATION,
    Fault.WRONG_REFERENCE,
)
DECLINED = (Fault.DECLINE, Fault.SOFT_DECLINE)
ISSUERS = (Fault.TOKEN_SUSPENDED, Fault.TOKEN_ENDED, Fault.CARD_REPLACED)
PENDING = (Fault.PENDING, Fault.PENDING_DECLINED)
READING = (Fault.REFUSED, Fault.SLOW, *INSTEAD_OF_AN_ANSWER, Fault.LOOK_UP_FAILS)

POSSIBLE: dict[str, tuple[Fault, ...]] = {
    "AUTHORIZE": (
        *ON_THE_WAY,
        *INSTEAD_OF_AN_ANSWER,
        *IN_THE_ANSWER,
        *DECLINED,
        Fault.TOKEN_REFUSED,
    ),
    "CAPTURE": (*ON_THE_WAY, *INSTEAD_OF_AN_ANSWER, *IN_THE_ANSWER, *DECLINED),
    "VOID": (*ON_THE_WAY, *INSTEAD_OF_AN_ANSWER, *IN_THE_ANSWER, *DECLINED),
    "REFUND": (*ON_THE_WAY, *INSTEAD_OF_AN_ANSWER, *IN_THE_ANSWER, *DECLINED, *PENDING),
    "REVERSE": (*ON_THE_WAY, *INSTEAD_OF_AN_ANSWER, Fault.WRONG_REFERENCE, Fault.WRONG_OPERATION),
    "LOOK_UP": (*READING, *IN_THE_ANSWER),
    "LIST": READING,
    "SETTLE": (*ON_THE_WAY, *INSTEAD_OF_AN_ANSWER),
    "READ_REPORT": READING,
    "PROVISION": (
        *ON_THE_WAY,
        *INSTEAD_OF_AN_ANSWER,
        Fault.WRONG_REFERENCE,
        Fault.NO_TOKEN_GIVEN,
    ),
    "LOOK_UP_TOKEN": (*READING, Fault.WRONG_REFERENCE),
    "DELETE_TOKEN": (*ON_THE_WAY, *INSTEAD_OF_AN_ANSWER, Fault.WRONG_REFERENCE),
    "CRYPTOGRAM": (*ON_THE_WAY, *INSTEAD_OF_AN_ANSWER, Fault.WRONG_REFERENCE, Fault.WRONG_AMOUNT),
    "LOOK_UP_DISPUTE": (*READING, Fault.WRONG_REFERENCE),
    "ANSWER_DISPUTE": (*ON_THE_WAY, *INSTEAD_OF_AN_ANSWER, Fault.WRONG_REFERENCE),
    "OTHER": (),
}
"""What is asked → what can befall it."""


TOGETHER = (
    (Fault.DELAYED,),
    (Fault.DELAYED, Fault.LOST),
    (Fault.DELAYED, Fault.SILENCE, Fault.LOOK_UP_FAILS),
    (Fault.SILENCE, Fault.RESET),
    (Fault.PENDING, Fault.PENDING_DECLINED, Fault.WEBHOOK_LATE, Fault.WEBHOOK_TWICE),
)
"""Faults that are at their worst among themselves: a slow network, one that swallows answers."""


@dataclass(frozen=True)
class Behaviour:
    """What an acquirer is, for a whole seed: what it guarantees, and how badly it behaves.

    `chance` is the probability that an exchange of one of the kinds `of` meets one of `faults`, the
    pairs in `but` excepted. Its
    clock shows `clock_offset_seconds` more than the true time.
    """

    idempotent_by_reference: bool = True
    key_retention_seconds: float = 30 * DAY_SECONDS
    lookup_lag_seconds: float = 0.0
    max_flight_seconds: float = 60.0
    reversal_by_reference: bool = True
    clock_offset_seconds: float = 0.0
    latency_seconds: tuple[float, float] = (0.05, 0.05)
    debit_seconds: tuple[float, ...] = (30.0,)
    """How long a bank may take to decide about a debit, and to take it back, both one of these."""
    tells_all: bool = False
    """Whether each operation is told, as many acquirers do, and not only what ends later."""
    in_batches: bool = False
    """Whether what becomes of operations is told in batches."""
    disputed: float = 0.0
    """How many captures are disputed, and how many refunds come back."""
    chance: float = 0.0
    faults: frozenset[Fault] = frozenset()
    of: frozenset[str] = frozenset(POSSIBLE)
    but: frozenset[tuple[str, Fault]] = frozenset()

    def calm(self) -> Behaviour:
        """The same acquirer on a good day. What it guarantees does not change."""
        quick = (0.05, 0.05)
        return replace(self, latency_seconds=quick, chance=0.0, faults=frozenset(), disputed=0.0)


def draw_behaviour(dice: Dice, declared: Behaviour) -> Behaviour:
    """An acquirer that keeps what is `declared` of it, and is otherwise drawn.

    One that is bad at everything ends most payments early, and one that has every fault has each of
    them rarely twice. So half of them are bad at some kinds of requests only, and many have a few
    faults, and those often. For some the network is slow, and nothing else is wrong: what lands
    after it was given up is the hardest to be right about.
    """
    at_all, mix = dice.chance(0.5), dice.random()
    if dice.chance(0.15):
        late = frozenset({Fault.DELAYED})
        return replace(declared, latency_seconds=(0.5, 4.0), chance=0.7, faults=late)
    some = [fault for fault in Fault if dice.chance(0.5)]
    few = dice.shuffled(list(Fault))[: 1 + dice.below(3)]
    faults = some if mix < 0.4 else few if mix < 0.7 else dice.choice(TOGETHER)
    rarely = mix < 0.4 and at_all
    return replace(
        declared,
        lookup_lag_seconds=dice.choice((0.0, declared.lookup_lag_seconds)),
        max_flight_seconds=dice.choice((0.25, 1.0, 1.0)) * declared.max_flight_seconds,
        clock_offset_seconds=dice.between(-120.0, 120.0),
        latency_seconds=dice.choice(((0.02, 0.1), (0.05, 0.8), (0.5, 4.0))),
        debit_seconds=(5.0, 30.0, 600.0, 5 * 3600.0, 40 * 3600.0, 2.5 * DAY_SECONDS),
        chance=dice.choice((0.0, 0.1, 0.3, 0.5) if rarely else (0.3, 0.6, 0.9)),
        faults=frozenset(faults),
        of=frozenset([kind for kind in POSSIBLE if at_all or dice.chance(0.3)]),
    )
