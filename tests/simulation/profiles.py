"""Runs of one kind: which scenario, which faults and which acquirer, where not everything is drawn.

A bug that needs three things to happen at once is met once in thousands of runs in which anything
may happen. A profile says which things those are, and leaves to the seed when they happen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.simulation.acquirer_faults import IN_THE_ANSWER, Behaviour
from tests.simulation.acquirer_faults import Fault as At
from tests.simulation.faults import Fault, Swarm
from tests.simulation.receiver import Manners
from tests.simulation.run import declared
from tests.simulation.scenarios import (
    GOLDEN,
    INTENTS,
    REFUNDS,
    Scenario,
    Stage,
    intent_id_of,
    paying,
    two_payments,
)

MIDNIGHT_SECONDS = 86_400.0
HOLD_SECONDS = 7 * 86_400.0
"""How long the acquirer holds an authorization."""

Rates = Mapping[Fault, float]


@dataclass(frozen=True)
class Profile:
    """What `begin` is told: a scenario, an acquirer and the faults of the world.

    `rates` says how often each fault strikes; the others never do.
    """

    name: str
    scenario: Scenario | None = None
    acquirer: Behaviour | None = None
    rates: Rates | None = None

    def arguments(self, seed: int) -> dict[str, Any]:
        """For one seed."""
        told: dict[str, Any] = {"searched": False}
        if self.scenario is not None:
            told["scenario"] = self.scenario
        if self.acquirer is not None:
            told |= {"behaviour": self.acquirer, "manners": Manners()}
        if self.rates is not None:
            told["faults"] = swarm(seed, self.rates)
        return told


def swarm(seed: int, rates: Rates) -> Swarm:
    """These faults, so often."""
    made = Swarm(seed, only=rates)
    made.rates.update(rates)
    return made


def bad(*faults: At, of: tuple[str, ...], chance: float = 0.6, once: bool = True) -> Behaviour:
    """An acquirer that is bad in these ways only. `once`: it takes a reference once."""
    return replace(
        declared(idempotent=once),
        latency_seconds=(0.02, 0.8),
        chance=chance,
        faults=frozenset(faults),
        of=frozenset(of),
    )


GOOD = bad(of=())
NO_FAULTS: Rates = {}

# --- races, in a world in which nothing goes wrong ----------------------------------------------


def _held(stage: Stage, amount: int = 1000) -> str | None:
    body = paying(amount, stage.token(), confirm=True, capture_method="MANUAL")
    return intent_id_of(stage.merchant().insist(INTENTS, body, stage.key()))


def race_for_a_hold(stage: Stage) -> None:
    """Two servers end one hold: both take it, or one gives it back."""
    merchant, intent_id = stage.merchant(), _held(stage)
    if intent_id is None:
        return
    path, keys = f"{INTENTS}/{intent_id}", (stage.key(), stage.key())
    second = stage.dice.choice(("capture", "cancel"))
    merchant.at_once(
        lambda: merchant.insist(f"{path}/capture", {}, keys[0]),
        lambda: merchant.insist(f"{path}/{second}", {}, keys[1]),
    )


def race_for_a_token(stage: Stage) -> None:
    """Two payments by one token, under two keys."""
    merchant, body = stage.merchant(), paying(1000, stage.token(), confirm=True)
    keys = (stage.key(), stage.key())
    merchant.at_once(
        lambda: merchant.insist(INTENTS, body, keys[0]),
        lambda: merchant.insist(INTENTS, body, keys[1]),
    )


def race_of_refunds(stage: Stage) -> None:
    """Three refunds at once, of which only two have room."""
    merchant = stage.merchant()
    body = paying(1000, stage.token(), confirm=True)
    intent_id = intent_id_of(merchant.insist(INTENTS, body, stage.key()))
    if intent_id is None:
        return
    asked = {"payment_intent_id": intent_id, "amount_cents": 400}
    keys = [stage.key() for _ in range(3)]
    merchant.at_once(*((lambda key=key: merchant.insist(REFUNDS, asked, key)) for key in keys))


def capture_at_the_last_moment(stage: Stage) -> None:
    """A hold is captured in the seconds in which it runs out."""
    merchant, began = stage.merchant(), stage.world.scheduler.now
    intent_id = _held(stage)
    if intent_id is None:
        return
    end = began + HOLD_SECONDS
    merchant.sleep(end + stage.dice.between(-2.0, 4.0) - stage.world.scheduler.now)
    merchant.insist(f"{INTENTS}/{intent_id}/capture", {}, stage.key())


def settlement_at_midnight(stage: Stage) -> None:
    """A refund, and two settlements at once while clocks differ about which day it is."""
    GOLDEN["refund"].run(stage)
    world = stage.world
    midnight = (world.scheduler.now // MIDNIGHT_SECONDS + 2) * MIDNIGHT_SECONDS
    world.scheduler.sleep(midnight + stage.dice.between(-60.0, 60.0) - world.scheduler.now)
    stage.merchant().at_once(*((lambda: world.invoke("settle", {})) for _ in range(3)))


def hold_and_take(stage: Stage) -> None:
    """Held, taken, and asked about."""
    merchant, intent_id = stage.merchant(), _held(stage)
    if intent_id is not None:
        merchant.insist(f"{INTENTS}/{intent_id}/capture", {"amount_cents": 600}, stage.key())
        merchant.read(f"{INTENTS}/{intent_id}")


def _profile(
    name: str,
    run: Callable[[Stage], None],
    acquirer: Behaviour = GOOD,
    rates: Rates = NO_FAULTS,
    seconds: float = 900.0,
) -> Profile:
    return Profile(name, Scenario(name, run, seconds), acquirer, rates)


CHARGE, REFUND, WEBHOOK = (GOLDEN[name].run for name in ("charge", "refund", "webhook"))
SENDING = ("AUTHORIZE", "CAPTURE", "VOID", "REFUND")
NO_ANSWER = (At.SILENCE, At.RESET, At.LOST)

DRAWN = Profile("drawn")

RACE_FOR_A_HOLD = _profile("race for a hold", race_for_a_hold)
RACE_FOR_A_TOKEN = _profile("race for a token", race_for_a_token)
RACE_OF_REFUNDS = _profile("race of refunds", race_of_refunds)
LAST_MOMENT = _profile(
    "capture at the last moment", capture_at_the_last_moment, seconds=HOLD_SECONDS + 900
)
MIDNIGHT = _profile(
    "settlement at midnight",
    settlement_at_midnight,
    rates={Fault.SKEW: 1.0, Fault.WARM_LOST: 0.5},
    seconds=2 * MIDNIGHT_SECONDS,
)
SILENT = _profile("charge, silent acquirer", CHARGE, bad(*NO_ANSWER, of=SENDING))
SILENT_REFUND = _profile("refund, silent acquirer", REFUND, bad(*NO_ANSWER, of=("REFUND",)))
WRONG_ANSWERS = _profile(
    "refund, answers to other questions", REFUND, bad(*IN_THE_ANSWER, of=SENDING)
)
FORGED_ANSWERS = _profile(
    "refund, forged answers", REFUND, bad(At.UNSIGNED, At.WRONGLY_SIGNED, of=SENDING)
)
BLIND = _profile(
    "capture, no answers, look-ups fail, not idempotent",
    hold_and_take,
    bad(*NO_ANSWER, At.LOOK_UP_FAILS, of=("CAPTURE", "LOOK_UP"), chance=0.8, once=False),
)
LATE = _profile(
    "charge, requests land late, not idempotent",
    CHARGE,
    bad(At.DELAYED, of=("AUTHORIZE", "REVERSE"), chance=0.9, once=False),
)
LATE_AND_SKEWED = replace(
    LATE,
    name="the same, and clocks are wrong",
    rates={Fault.SKEW: 1.0, Fault.WARM_LOST: 0.5},
)
LATE_THEN_REFUSED = _profile(
    "charge, requests land late or are refused",
    CHARGE,
    bad(At.DELAYED, At.REFUSED, of=("AUTHORIZE",), chance=0.9),
)
LOST_INVOKES = _profile(
    "charge, invokes get lost or are refused",
    CHARGE,
    rates={Fault.LOST: 0.15, Fault.REFUSED: 0.1, Fault.THROTTLED: 0.15},
)
SLOW_WRITES = _profile(
    "charge, writes are late and processes freeze",
    CHARGE,
    bad(*NO_ANSWER, of=("AUTHORIZE",), chance=0.2),
    {Fault.LATE: 0.1, Fault.SLOW: 0.1, Fault.FREEZE: 0.03, Fault.CRASH_DURING: 0.1},
)
CRASHES = _profile("webhook, crashes", WEBHOOK, rates={Fault.CRASH_BEFORE: 0.08})
STALLS = _profile(
    "webhook, the stream stalls", WEBHOOK, rates={Fault.STREAM_STALL: 0.5, Fault.CRASH_BEFORE: 0.04}
)
STALE = _profile(
    "charge, stale reads, lost answers",
    CHARGE,
    rates={Fault.STALE_INDEX: 1.0, Fault.GATEWAY_LOST: 0.5},
)
TWICE = _profile(
    "webhook, messages come twice", WEBHOOK, rates={Fault.MESSAGE_TWICE: 0.5, Fault.SLOW: 0.05}
)
TWO_PAYMENTS = _profile("two payments", two_payments)
