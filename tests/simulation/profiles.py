"""Runs of one kind: which scenario, which faults and which acquirer, where not everything is drawn.

A bug that needs three things to happen at once is met once in thousands of runs in which anything
may happen. A profile says which things those are, and leaves to the seed when they happen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.simulation import checkout
from tests.simulation.acquirer_faults import IN_THE_ANSWER, ISSUERS, Behaviour
from tests.simulation.acquirer_faults import Fault as At
from tests.simulation.aws.table import STALE_SECONDS_MAX
from tests.simulation.debits import (
    refund_before_the_return,
    refund_beside_the_return,
    refused_debit,
)
from tests.simulation.faults import Fault, Point, Swarm
from tests.simulation.frauds import (
    DAYS_SECONDS,
    answered_review,
    approved_review,
    asked_again_under_review,
    race_for_a_review,
    review_at_the_last_moment,
    reviewed_debit,
    token_held_and_used,
    tried_at_once,
    tried_from_an_address,
    unanswered_review,
)
from tests.simulation.gateway import KEPT_SECONDS
from tests.simulation.receiver import Fault as ReceiverFault
from tests.simulation.receiver import Manners
from tests.simulation.run import declared
from tests.simulation.scenarios import (
    ALL_DAY_SECONDS,
    GOLDEN,
    INTENTS,
    METHODS,
    REFUNDS,
    Scenario,
    Stage,
    intent_id_of,
    paying,
    settlement_day,
    two_payments,
)
from tests.support.lambdas import OTHER_MERCHANT

MIDNIGHT_SECONDS = 86_400.0
HOLD_SECONDS = 7 * 86_400.0
"""How long the acquirer holds an authorization."""

ASKED_SECONDS = 8.5 * 86_400.0
"""For so long everything may go wrong: a person is asked after seven days."""
CALM_SECONDS = 7 * 86_400.0

Rates = Mapping[Fault, float]


@dataclass(frozen=True)
class Profile:
    """What `begin` is told: a scenario, an acquirer and the faults of the world.

    `rates` says how often each fault strikes, the others never do; `where` is a part of
    the names of the calls at which they do.
    """

    name: str
    scenario: Scenario | None = None
    acquirer: Behaviour | None = None
    rates: Rates | None = None
    where: str = ""
    searched: bool = False
    settled: bool | None = None
    manners: Manners = field(default_factory=Manners)

    def arguments(self, seed: int) -> dict[str, Any]:
        """For one seed."""
        told: dict[str, Any] = {"searched": self.searched, "settled": self.settled}
        if self.scenario is not None:
            told["scenario"] = self.scenario
        if self.acquirer is not None:
            told |= {"behaviour": self.acquirer, "manners": self.manners}
        if self.rates is not None:
            told["faults"] = Chosen(seed, self.rates, self.where)
        return told


class Chosen(Swarm):
    """These faults, so often, at these calls."""

    def __init__(self, seed: int, rates: Rates, where: str) -> None:
        super().__init__(seed, only=rates)
        self.rates.update(rates)
        self._where = where

    def at(self, point: Point) -> Fault | None:
        return super().at(point) if self._where in point.name else None


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
    world.scheduler.sleep(midnight + stage.dice.between(-30.0, 30.0) - world.scheduler.now)
    stage.merchant().at_once(*((lambda: world.invoke("settle", {})) for _ in range(4)))


def payments_at_once(stage: Stage) -> None:
    """Four payments are created at once, and each tells its merchant so."""
    merchant = stage.merchant()
    bodies = [paying(1000 + number, {}) for number in range(4)]
    keys = [stage.key() for _ in bodies]
    merchant.at_once(
        *(
            (lambda body=body, key=key: merchant.insist(INTENTS, body, key))
            for body, key in zip(bodies, keys, strict=True)
        )
    )


def read_by_two(stage: Stage) -> None:
    """A payment is created and read, and then somebody else asks for it."""
    merchant = stage.merchant()
    intent_id = intent_id_of(merchant.insist(INTENTS, paying(1000, {}), stage.key()))
    if intent_id is not None:
        merchant.read(f"{INTENTS}/{intent_id}")
        stage.merchant(OTHER_MERCHANT).read(f"{INTENTS}/{intent_id}")


def ask_again(stage: Stage) -> None:
    """A second server of theirs asks while the first one waits for its answer."""
    merchant, key = stage.merchant(), stage.key()
    merchant.sleep(STALE_SECONDS_MAX)
    body = paying(1000, stage.method(), confirm=True)

    def later() -> None:
        merchant.sleep(stage.dice.between(0.1, 0.8))
        merchant.insist(INTENTS, body, key)

    merchant.at_once(lambda: merchant.insist(INTENTS, body, key), later)


def ask_after_the_end(stage: Stage) -> None:
    """Somebody repairs a queue of theirs, and the same request comes an hour later."""
    merchant, key, body = stage.merchant(), stage.key(), paying(1000, stage.method(), confirm=True)
    merchant.insist(INTENTS, body, key)
    merchant.sleep(3600.0)
    merchant.insist(INTENTS, body, key)


def two_bodies(stage: Stage) -> None:
    """A key is used again, for something else."""
    merchant, key = stage.merchant(), stage.key()
    for amount in (1000, 1001):
        merchant.insist(INTENTS, paying(amount, {}), key)


def watched_charge(stage: Stage) -> None:
    """Charged, while another server of theirs reads the payment every other second."""
    merchant = stage.merchant()
    intent_id = intent_id_of(merchant.insist(INTENTS, paying(1000, {}), stage.key()))
    if intent_id is None:
        return
    path, key = f"{INTENTS}/{intent_id}", stage.key()

    def watch() -> None:
        for _ in range(10):
            merchant.sleep(2.0)
            merchant.read(path)

    merchant.at_once(lambda: merchant.insist(f"{path}/confirm", stage.token(), key), watch)


def new_card(stage: Stage) -> None:
    """A buyer types a card, until there is a token; it is saved or not, and pays."""
    merchant, card = stage.merchant(), stage.card()
    for _ in range(6):
        asked = merchant.ask("POST", "/v1/tokens", card)
        if asked.status == 201:
            break
        merchant.sleep(2.0)
    else:
        return
    by = {"token": asked.body["token"]}
    if stage.dice.chance(0.5):
        customer_id = stage.method()["customer_id"]
        saved = merchant.ask("POST", "/v1/payment_methods", {"customer_id": customer_id, **by})
        if saved.status == 201:
            by = {"payment_method_id": saved.body["method_id"], "customer_id": customer_id}
    intent_id = intent_id_of(merchant.insist(INTENTS, paying(1000, by, confirm=True), stage.key()))
    if intent_id is not None:
        merchant.read(f"{INTENTS}/{intent_id}")


def hold_and_take(stage: Stage) -> None:
    """Held, taken, and asked about."""
    merchant, intent_id = stage.merchant(), _held(stage)
    if intent_id is not None:
        merchant.insist(f"{INTENTS}/{intent_id}/capture", {"amount_cents": 600}, stage.key())
        merchant.read(f"{INTENTS}/{intent_id}")


def _with_an_operator(script: Callable[[Stage], None], seconds: float) -> Scenario:
    """What merchants do, and somebody who is asked what became of it, for two weeks."""

    def run(stage: Stage) -> None:
        began = stage.world.scheduler.now
        stage.operator(began + seconds, began + seconds + CALM_SECONDS)
        script(stage)

    return Scenario(f"{getattr(script, '__name__', '')}, and an operator", run, seconds)


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
RACE_OF_REFUNDS = _profile(
    "race of refunds", race_of_refunds, replace(GOOD, latency_seconds=(0.05, 0.05))
)
LAST_MOMENT = replace(
    _profile("capture at the last moment", capture_at_the_last_moment, seconds=HOLD_SECONDS + 900),
    rates={Fault.SLOW: 0.5},
    where="write_items",
)
MIDNIGHT = _profile(
    "settlement at midnight",
    settlement_at_midnight,
    rates={Fault.SKEW: 1.0, Fault.WARM_LOST: 0.5, Fault.SCHEDULE_MISSING: 1.0},
    seconds=2 * MIDNIGHT_SECONDS,
)
SETTLING = _profile(
    "settlement day, crashes",
    settlement_day,
    bad(At.SILENCE, At.LOST, At.DELAYED, At.RESET, of=("SETTLE", "READ_REPORT"), chance=0.3),
    {
        Fault.CRASH_BEFORE: 0.15,
        Fault.CRASH_AFTER: 0.15,
        Fault.CRASH_DURING: 0.15,
        Fault.LATE: 0.05,
        Fault.FREEZE: 0.03,
    },
    seconds=ALL_DAY_SECONDS,
)
SETTLING_CLAIMS = replace(
    SETTLING,
    name="settlement day, crashes at its transactions",
    where="settle_batch dynamodb.transact",
)
SETTLING_SENDS = replace(
    SETTLING, name="settlement day, crashes at the acquirer", where="settle_batch acquirer"
)
SETTLING = replace(SETTLING, where="settle")
SILENT = _profile("charge, silent acquirer", CHARGE, bad(*NO_ANSWER, of=SENDING))
SILENT_REFUND = _profile("refund, silent acquirer", REFUND, bad(*NO_ANSWER, of=("REFUND",)))
WRONG_ANSWERS = _profile(
    "refund, answers to other questions", REFUND, bad(*IN_THE_ANSWER, of=SENDING)
)
FORGED_ANSWERS = _profile(
    "refund, forged answers", REFUND, bad(At.UNSIGNED, At.WRONGLY_SIGNED, of=SENDING)
)
BLIND = _profile(
    "charge, no answers, look-ups fail, not idempotent",
    CHARGE,
    bad(
        *(At.SILENCE, At.LOST, At.LOOK_UP_FAILS),
        of=("AUTHORIZE", "REVERSE", "LOOK_UP"),
        chance=0.9,
        once=False,
    ),
)
LATE = _profile(
    "charge, requests land late, not idempotent",
    CHARGE,
    bad(At.DELAYED, of=("AUTHORIZE", "REVERSE"), chance=0.9, once=False),
)
LATE_AND_SKEWED = replace(
    LATE,
    name="charge, requests land late, wrong clocks, not idempotent",
    rates={Fault.SKEW: 1.0, Fault.WARM_LOST: 0.5},
)
LATE_THEN_REFUSED = _profile(
    "capture, requests land late or are refused",
    hold_and_take,
    bad(At.DELAYED, At.REFUSED, of=("CAPTURE",), chance=0.9),
)
LOST_INVOKES = replace(
    _profile("charge, invokes get lost or are throttled", CHARGE),
    rates={Fault.LOST: 0.3, Fault.THROTTLED: 0.3},
    where="lambda.invoke",
)
FREEZING = _profile(
    "charge, processes freeze",
    CHARGE,
    bad(*NO_ANSWER, of=("AUTHORIZE",), chance=0.3),
    {Fault.FREEZE: 0.08},
)
RUN_TWICE = replace(
    _profile("charge, invocations run twice, not idempotent", CHARGE, bad(of=(), once=False)),
    rates={Fault.TWICE: 0.5},
    where="lambda.invoke",
)
PENDING_REFUND = _profile(
    "refund, pending, then declined", REFUND, bad(At.PENDING_DECLINED, of=("REFUND",))
)
ASKED_AGAIN = replace(
    LATE,
    name="asked for again, requests land late, not idempotent",
    scenario=Scenario("asked again", ask_after_the_end, 3 * 3600.0),
)
FROZEN_INVOKES = replace(
    _profile("charge, freezes before it is sent, not idempotent", CHARGE, bad(of=(), once=False)),
    rates={Fault.FREEZE: 0.5},
    where="lambda.invoke",
)
FROZEN_SENDS = replace(
    _profile("charge, freezes while it is sent, not idempotent", CHARGE, bad(of=(), once=False)),
    rates={Fault.FREEZE: 0.5},
    where="charge acquirer.POST",
)
LATE_AND_STALLED = replace(
    _profile(
        "charge, watched, stalls and lands late, not idempotent",
        watched_charge,
        bad(At.DELAYED, of=("AUTHORIZE",), chance=1.0, once=False),
    ),
    rates={Fault.STALL: 0.95},
    where="charge kms",
)
CRASHES = _profile("webhook, crashes", WEBHOOK, rates={Fault.CRASH_BEFORE: 0.08})
STALLS = _profile(
    "webhook, the stream stalls", WEBHOOK, rates={Fault.STREAM_STALL: 0.5, Fault.CRASH_BEFORE: 0.04}
)
GONE = replace(
    _profile(
        "webhook, endpoints that are gone, workers that die",
        WEBHOOK,
        rates={Fault.CRASH_BEFORE: 0.1, Fault.CRASH_AFTER: 0.1},
    ),
    where="deliver_webhooks",
    manners=Manners(0.6, (ReceiverFault.GONE,)),
)
DYING = replace(
    _profile(
        "payments at once, receivers that fail, workers that die",
        payments_at_once,
        rates={Fault.CRASH_BEFORE: 0.2, Fault.CRASH_AFTER: 0.2},
    ),
    where="receiver.POST",
    manners=Manners(1.0, (ReceiverFault.SERVER_ERROR,)),
)
STALE = _profile("asked for twice, stale reads", ask_again, rates={Fault.STALE_INDEX: 1.0})
TWICE = _profile(
    "webhook, messages come twice", WEBHOOK, rates={Fault.MESSAGE_TWICE: 0.5, Fault.SLOW: 0.05}
)
TOLD = replace(
    _profile(
        "refund, each step told, twice or late, crashes",
        REFUND,
        replace(bad(At.WEBHOOK_TWICE, At.WEBHOOK_LATE, of=("WEBHOOK",)), tells_all=True),
        {Fault.CRASH_BEFORE: 0.1, Fault.CRASH_AFTER: 0.1},
    ),
    where="acquirer_",
)
TOLD_OF_NOTHING = replace(
    TOLD,
    name="refund, and told of what is not ours",
    acquirer=replace(bad(At.WEBHOOK_STRANGE, of=("WEBHOOK",)), tells_all=True),
)
TWO_PAYMENTS = _profile("two payments", two_payments)
PAYMENTS_AT_ONCE = _profile("payments at once", payments_at_once)
SEARCHED = replace(_profile("charge, searched for cards", CHARGE), searched=True)
NEW_CARD = replace(
    _profile(
        "a new card, searched for, crashes",
        new_card,
        bad(*NO_ANSWER, of=("AUTHORIZE",), chance=0.2),
        {
            Fault.CRASH_BEFORE: 0.04,
            Fault.CRASH_AFTER: 0.04,
            Fault.CRASH_DURING: 0.04,
            Fault.LOST: 0.04,
            Fault.CONFLICT: 0.04,
            Fault.STALL: 0.02,
        },
    ),
    searched=True,
)
CRASHING: Rates = {
    Fault.CRASH_BEFORE: 0.02,
    Fault.CRASH_AFTER: 0.02,
    Fault.CRASH_DURING: 0.02,
    Fault.LOST: 0.02,
    Fault.STALL: 0.01,
}
A_DAY_SECONDS = checkout.DAY_SECONDS + 900.0
TWO_TABS = _profile("checkout, two tabs", checkout.two_tabs, seconds=A_DAY_SECONDS)
CHECKOUT_SILENT = _profile(
    "checkout, loaded again, silent acquirer, crashes",
    checkout.loaded_again,
    bad(*NO_ANSWER, At.DELAYED, of=SENDING),
    CRASHING,
    A_DAY_SECONDS,
)
CHECKOUT_TABS_CRASHING = _profile(
    "checkout, two tabs, crashes", checkout.two_tabs, GOOD, CRASHING, A_DAY_SECONDS
)
CHECKOUT_ENDED = _profile(
    "checkout, ended while it is paid",
    checkout.ended_meanwhile,
    replace(GOOD, latency_seconds=(0.05, 0.4)),
    seconds=A_DAY_SECONDS,
)
CHECKOUT_LAST_SECOND = _profile(
    "checkout, at the last second, clocks differ",
    checkout.at_the_last_second,
    rates={Fault.SKEW: 0.7, Fault.WARM_LOST: 0.3, Fault.SLOW: 0.2},
    seconds=A_DAY_SECONDS,
)
CHECKOUT_KEPT = _profile(
    "checkout, the card is kept, crashes", checkout.kept_card, GOOD, CRASHING, A_DAY_SECONDS
)
CHECKOUT_HELD = _profile("checkout, held", checkout.held_session, seconds=A_DAY_SECONDS)
CHECKOUT = (
    TWO_TABS,
    CHECKOUT_HELD,
    CHECKOUT_SILENT,
    CHECKOUT_TABS_CRASHING,
    CHECKOUT_ENDED,
    CHECKOUT_LAST_SECOND,
    CHECKOUT_KEPT,
)
"""Sessions of the hosted page, whose payers are as payers are."""
TWO_BODIES = _profile("one key, two bodies", two_bodies)
READ_BY_TWO = _profile("read by two merchants", read_by_two)

DEBIT = _profile("debit", GOLDEN["debit"].run)
REFUSED_DEBIT = _profile("debit that is refused", refused_debit)
DEBIT_TOLD_BADLY = _profile(
    "debit, taken back, told late, twice or not at all",
    GOLDEN["debit"].run,
    bad(At.WEBHOOK_LOST, At.WEBHOOK_LATE, At.WEBHOOK_TWICE, of=("WEBHOOK",)),
)
DEBIT_SILENT = _profile(
    "debit, silent acquirer",
    GOLDEN["debit"].run,
    bad(*NO_ANSWER, At.WEBHOOK_EARLY, At.LOOK_UP_FAILS, of=("AUTHORIZE", "LOOK_UP", "WEBHOOK")),
)
REFUND_BEFORE_RETURN = _profile("debit, refunded, taken back", refund_before_the_return)
REFUND_BESIDE_RETURN = _profile(
    "debit, taken back while it is refunded",
    refund_beside_the_return,
    bad(At.PENDING, At.PENDING_DECLINED, At.WEBHOOK_LATE, of=("REFUND", "WEBHOOK")),
)

# --- reviews, and those who try cards ----------------------------------------------------------

REVIEW_SECONDS = max(DAYS_SECONDS.values()) + 900.0
"""Past the time in which nobody has answered."""
ANSWERED_REVIEW = _profile(
    "review",
    answered_review,
    bad(*NO_ANSWER, At.DELAYED, At.DECLINE, of=SENDING, chance=0.3),
    CRASHING,
    3600.0,
)
RACE_FOR_A_REVIEW = _profile(
    "race for a review", race_for_a_review, replace(GOOD, latency_seconds=(0.05, 0.4))
)
REVIEW_SILENT = _profile(
    "review, silent acquirer", approved_review, bad(*NO_ANSWER, At.DELAYED, of=SENDING)
)
REVIEW_UNANSWERED = _profile(
    "review that nobody answers, crashes",
    unanswered_review,
    bad(*NO_ANSWER, At.DECLINE, of=("VOID",)),
    CRASHING,
    REVIEW_SECONDS,
)
REVIEW_LAST_MOMENT = replace(
    _profile(
        "review at the last moment, clocks differ",
        review_at_the_last_moment,
        seconds=REVIEW_SECONDS,
    ),
    rates={Fault.SLOW: 0.5, Fault.SKEW: 0.3, Fault.WARM_LOST: 0.3},
    where="write_items",
)
REVIEW_ASKED_AGAIN = replace(
    _profile("review, asked for again, reads stall", asked_again_under_review),
    rates={Fault.STALL: 0.3, Fault.SLOW: 0.3},
    where="payment_intents dynamodb.get_item",
)
REVIEWED_DEBIT = _profile("review of a debit, crashes", reviewed_debit, GOOD, CRASHING)
TOKEN_UNDER_REVIEW = _profile("token that waits for a review", token_held_and_used)
REVIEW_PURGED = replace(
    REVIEW_UNANSWERED,
    name="review that nobody answers, and purges",
    scenario=Scenario("unanswered, purged", unanswered_review, REVIEW_SECONDS, purged=True),
)
CHECKOUT_REVIEWED = _profile(
    "checkout, held for a review, crashes",
    checkout.reviewed_session,
    GOOD,
    CRASHING,
    A_DAY_SECONDS,
)
TRIED_AT_ONCE = _profile(
    "card tried at once", tried_at_once, replace(GOOD, latency_seconds=(0.05, 0.4))
)
TRIED_FROM_AN_ADDRESS = _profile(
    "card tried among others", tried_from_an_address, replace(GOOD, latency_seconds=(0.05, 0.4))
)
TRIED_BADLY = _profile(
    "card tried at once, silent acquirer, crashes, a busy store",
    tried_at_once,
    bad(*NO_ANSWER, At.DELAYED, of=("AUTHORIZE",), chance=0.3),
    {**CRASHING, Fault.CONFLICT: 0.05, Fault.THROTTLED: 0.02, Fault.SKEW: 0.3, Fault.FREEZE: 0.01},
)
# --- disputes ----------------------------------------------------------------------------------


def disputed(*faults: At, of: tuple[str, ...] = (), chance: float = 0.6) -> Behaviour:
    """An acquirer whose payers dispute all that they pay, and is bad in these ways."""
    return replace(bad(*faults, of=of, chance=chance), disputed=1.0)


def charged_thrice(stage: Stage) -> None:
    """Three payments, one after the other; what comes of each dispute is another thing."""
    merchant = stage.merchant()
    for _ in range(3):
        merchant.insist(INTENTS, paying(1000, stage.token(), confirm=True), stage.key())


def refunded_while_disputed(stage: Stage) -> None:
    """Charged, and refunded in parts at any time: before, beside and after the dispute."""
    merchant = stage.merchant()
    intent_id = intent_id_of(
        merchant.insist(INTENTS, paying(1000, stage.token(), confirm=True), stage.key())
    )
    if intent_id is None:
        return

    def part() -> None:
        merchant.sleep(stage.dice.spread(1.0, TWO_DAYS_SECONDS))
        asked = {"payment_intent_id": intent_id, "amount_cents": stage.dice.choice(PARTS_CENTS)}
        merchant.ask("POST", REFUNDS, asked, stage.key())

    merchant.at_once(*(part for _ in range(4)))


PARTS_CENTS = (100, 300, 450)
"""Of 1000: four of them may be too much, and some of them may be left beside a dispute of half."""
DISPUTED_SECONDS, TWO_DAYS_SECONDS = 6 * 3600.0, 2 * checkout.DAY_SECONDS
ASKING_OF_DISPUTES = ("LOOK_UP_DISPUTE", "ANSWER_DISPUTE")
DISPUTED = _profile("disputed", charged_thrice, disputed(), seconds=DISPUTED_SECONDS)
DISPUTED_SILENTLY = _profile(
    "disputed, silent acquirer",
    charged_thrice,
    disputed(*NO_ANSWER, At.DELAYED, At.LOOK_UP_FAILS, of=ASKING_OF_DISPUTES),
    seconds=DISPUTED_SECONDS,
)
REFUNDED_WHILE_DISPUTED = _profile(
    "refunded while disputed, crashes",
    refunded_while_disputed,
    disputed(),
    CRASHING,
    seconds=TWO_DAYS_SECONDS,
)
DISPUTED_AND_SETTLED = replace(
    REFUNDED_WHILE_DISPUTED, name="disputed, and settled every day", settled=True
)
DISPUTES = (
    DISPUTED,
    DISPUTED_SILENTLY,
    REFUNDED_WHILE_DISPUTED,
    DISPUTED_AND_SETTLED,
    _profile(
        "disputed, told late, twice or not at all",
        charged_thrice,
        disputed(At.WEBHOOK_LOST, At.WEBHOOK_LATE, At.WEBHOOK_TWICE, of=("WEBHOOK",)),
        seconds=DISPUTED_SECONDS,
    ),
    _profile(
        "disputed, crashes and a busy store",
        charged_thrice,
        disputed(),
        {**CRASHING, Fault.CONFLICT: 0.05, Fault.THROTTLED: 0.02, Fault.FREEZE: 0.01},
        seconds=DISPUTED_SECONDS,
    ),
    _profile(
        "refunded while disputed, refunds pending",
        refunded_while_disputed,
        disputed(At.PENDING, At.PENDING_DECLINED, At.SILENCE, of=("REFUND",)),
        seconds=TWO_DAYS_SECONDS,
    ),
)
FRAUDS = (
    ANSWERED_REVIEW,
    RACE_FOR_A_REVIEW,
    REVIEW_SILENT,
    REVIEW_UNANSWERED,
    REVIEW_LAST_MOMENT,
    REVIEW_ASKED_AGAIN,
    REVIEWED_DEBIT,
    TOKEN_UNDER_REVIEW,
    REVIEW_PURGED,
    CHECKOUT_REVIEWED,
    TRIED_AT_ONCE,
    TRIED_FROM_AN_ADDRESS,
    TRIED_BADLY,
)

# --- network tokens ----------------------------------------------------------------------------


def by_token(stage: Stage) -> None:
    """Charged by the network token of a saved card."""
    body = paying(1000, stage.tokened(), confirm=True)
    stage.merchant().insist(INTENTS, body, stage.key())


def saved_then_charged_twice(stage: Stage) -> None:
    """A saved card gets its network token after its first charge, and pays by it later."""
    merchant = stage.merchant()
    for _ in range(2):
        merchant.insist(INTENTS, paying(1000, stage.method(), confirm=True), stage.key())
        merchant.sleep(150.0)


def charged_again_and_again(stage: Stage) -> None:
    """By a network token that is refused each time: each time somebody asks what is wrong."""
    merchant = stage.merchant()
    for _ in range(8):
        merchant.ask("POST", INTENTS, paying(1000, stage.tokened(1), confirm=True), stage.key())
        merchant.sleep(stage.dice.between(5.0, 90.0))


def charged_then_deleted(stage: Stage) -> None:
    """A saved card is charged, and deleted while it gets its network token, or afterwards."""
    merchant, by = stage.merchant(), stage.method()
    merchant.insist(INTENTS, paying(1000, by, confirm=True), stage.key())
    merchant.sleep(stage.dice.choice((1.0, 40.0, 90.0)))
    merchant.ask("DELETE", f"{METHODS}/{by['payment_method_id']}")


TOKEN_SERVICE = ("PROVISION", "LOOK_UP_TOKEN", "DELETE_TOKEN", "CRYPTOGRAM")
TOKEN_SILENT = _profile(
    "charge by network token, silent acquirer",
    by_token,
    bad(*NO_ANSWER, of=("AUTHORIZE", "CRYPTOGRAM")),
)
TOKEN_UNPRESENTED = _profile(
    "charge by network token, requests land late, cryptograms are refused",
    by_token,
    replace(
        bad(At.DELAYED, At.REFUSED, of=("AUTHORIZE", "CRYPTOGRAM"), chance=0.6),
        but=frozenset({("AUTHORIZE", At.REFUSED), ("CRYPTOGRAM", At.DELAYED)}),
    ),
)
FALLBACK = _profile(
    "fallback, crashes",
    GOLDEN["fallback"].run,
    rates={Fault.CRASH_BEFORE: 0.08, Fault.CRASH_AFTER: 0.08, Fault.CRASH_DURING: 0.08},
)
FALLBACK_FREEZING = replace(
    _profile(
        "fallback, processes freeze, not idempotent",
        GOLDEN["fallback"].run,
        bad(of=(), once=False),
        {Fault.FREEZE: 0.3, Fault.STALL: 0.2},
    ),
    where="dynamodb.transact",
)
FALLBACK_SILENT = _profile(
    "fallback, silent acquirer",
    GOLDEN["fallback"].run,
    bad(*NO_ANSWER, of=("AUTHORIZE",), chance=0.5),
)
PROVISIONING = _profile(
    "network tokens, provisioning unanswered",
    saved_then_charged_twice,
    bad(*NO_ANSWER, At.DELAYED, of=TOKEN_SERVICE),
    {Fault.CRASH_AFTER: 0.03, Fault.FREEZE: 0.02},
)
PROVISIONED = replace(
    _profile("network tokens, searched for", saved_then_charged_twice), searched=True
)
DELETED = _profile(
    "a method is deleted, and its network token",
    charged_then_deleted,
    bad(*NO_ANSWER, At.DELAYED, of=TOKEN_SERVICE),
    {Fault.STALL: 0.05, Fault.FREEZE: 0.02},
)
ISSUERS_ACT = replace(
    _profile(
        "issuers act, while tokens are refused where they pay",
        charged_again_and_again,
        bad(*ISSUERS, At.WEBHOOK_LATE, At.WEBHOOK_TWICE, of=("WEBHOOK",), chance=0.7),
        {Fault.LATE: 0.3, Fault.SLOW: 0.3, Fault.STALL: 0.2, Fault.MESSAGE_TWICE: 0.3},
        seconds=3600.0,
    ),
    where="dynamodb.transact",
)
TURNS_AT_ONCE = _profile(
    "issuers act, tokens are refused, invocations run twice and freeze",
    charged_again_and_again,
    bad(*ISSUERS, At.WEBHOOK_LATE, At.WEBHOOK_TWICE, of=("WEBHOOK",), chance=0.7),
    {Fault.TWICE: 0.5, Fault.FREEZE: 0.2},
    seconds=1800.0,
)
DELETED_AT_ONCE = replace(
    _profile(
        "a method is deleted, and its network token, by two who freeze",
        charged_then_deleted,
        bad(*NO_ANSWER, At.DELAYED, of=TOKEN_SERVICE),
        {Fault.FREEZE: 0.3, Fault.MESSAGE_TWICE: 0.9},
    ),
    where="lambda.invoke",
)
TOKENS = (
    TOKEN_SILENT,
    TOKEN_UNPRESENTED,
    FALLBACK,
    FALLBACK_FREEZING,
    FALLBACK_SILENT,
    PROVISIONING,
    PROVISIONED,
    DELETED,
    ISSUERS_ACT,
    TURNS_AT_ONCE,
    DELETED_AT_ONCE,
)

# --- a person is asked -------------------------------------------------------------------------

UNSTEADY: Rates = {
    Fault.CRASH_BEFORE: 0.02,
    Fault.CRASH_AFTER: 0.02,
    Fault.LOST: 0.02,
    Fault.LATE: 0.02,
    Fault.FREEZE: 0.02,
    Fault.SKEW: 0.5,
}


CARD_FAULTS: Rates = {
    Fault.CRASH_BEFORE: 0.02,
    Fault.CRASH_AFTER: 0.02,
    Fault.CRASH_DURING: 0.03,
    Fault.LOST: 0.03,
    Fault.LATE: 0.02,
    Fault.CONFLICT: 0.03,
    Fault.FREEZE: 0.02,
    Fault.STALL: 0.01,
    Fault.SKEW: 0.5,
    Fault.STALE_INDEX: 0.3,
    Fault.SCHEDULE_TWICE: 0.2,
}


def _asked(
    name: str,
    script: Callable[[Stage], None],
    acquirer: Behaviour,
    rates: Rates = NO_FAULTS,
    seconds: float = ASKED_SECONDS,
) -> Profile:
    """Somebody decides. What they get wrong is not settled: the acquirer would refuse the batch."""
    return Profile(
        f"operator: {name}",
        _with_an_operator(script, seconds),
        acquirer,
        rates,
        settled=False,
    )


def hold_then_cancel(stage: Stage) -> None:
    """Held, and given back."""
    merchant, intent_id = stage.merchant(), _held(stage)
    if intent_id is not None:
        merchant.insist(f"{INTENTS}/{intent_id}/cancel", {}, stage.key())


def hold_until_it_ends(stage: Stage) -> None:
    """Held, and forgotten."""
    _held(stage)


# --- cards, and the keys that they are under -----------------------------------------------------

ROTATING_SECONDS = 3 * 3600.0
PURGING_SECONDS = 2 * 3600.0


def rotation_among_payments(stage: Stage) -> None:
    """Merchants are paid by saved and by new cards, while somebody hasty looks after the keys."""
    merchant, custodian = stage.merchant(), stage.custodian()
    customer_id = stage.method()["customer_id"]

    def look_after() -> None:
        for _ in range(2):
            custodian.badly()
            merchant.sleep(stage.dice.spread(1.0, 1200.0))

    def be_paid() -> None:
        for number in range(4):
            merchant.sleep(stage.dice.spread(1.0, 900.0))
            by = stage.method(number % 2)
            asked = merchant.ask("POST", "/v1/tokens", stage.card()) if number % 2 else None
            if asked is not None and asked.status == 201:
                by = {"token": asked.body["token"]}
                if stage.dice.chance(0.4):
                    merchant.ask("POST", "/v1/payment_methods", {"customer_id": customer_id, **by})
                    continue
            merchant.insist(INTENTS, paying(1000, by, confirm=True), stage.key())

    merchant.at_once(look_after, be_paid)
    merchant.sleep(max(0.0, stage.calm_at - stage.world.scheduler.now))
    custodian.finish()


def typed_while_a_key_goes(stage: Stage) -> None:
    """Cards are typed in the moments in which their merchant gets another key."""
    merchant, custodian, card = stage.merchant(), stage.custodian(), stage.card()
    first = custodian.give()
    merchant.sleep(2 * KEPT_SECONDS)

    def type_one() -> None:
        merchant.sleep(stage.dice.between(0.0, 20.0))
        merchant.ask("POST", "/v1/tokens", card)

    def hurry() -> None:
        merchant.sleep(stage.dice.between(0.0, 10.0))
        custodian.give()
        for _ in range(4):
            custodian.rewrap()
            if custodian.retire(first):
                break

    merchant.at_once(hurry, *(type_one for _ in range(6)))
    custodian.finish()


def purge_among_payments(stage: Stage) -> None:
    """Tokens pay late, twice or never; methods are deleted while they pay."""
    merchant, dice = stage.merchant(), stage.dice
    customer_id = stage.method()["customer_id"]

    def by_token() -> None:
        merchant.sleep(dice.spread(1.0, 1500.0))
        merchant.insist(INTENTS, paying(1000, stage.token(), confirm=True), stage.key())

    def saved_and_deleted() -> None:
        body = {"customer_id": customer_id, **stage.token()}
        asked = merchant.ask("POST", "/v1/payment_methods", body)
        if asked.status != 201:
            return
        method_id = asked.body["method_id"]
        by = {"payment_method_id": method_id, "customer_id": customer_id}
        merchant.at_once(
            lambda: merchant.insist(INTENTS, paying(700, by, confirm=True), stage.key()),
            lambda: _deleted_later(stage, method_id),
        )

    merchant.at_once(by_token, by_token, saved_and_deleted)


def _deleted_later(stage: Stage, method_id: str) -> None:
    merchant = stage.merchant()
    merchant.sleep(stage.dice.spread(0.01, 60.0))
    merchant.ask("DELETE", f"/v1/payment_methods/{method_id}")


def _of_cards(
    name: str,
    run: Callable[[Stage], None],
    seconds: float,
    rates: Rates = NO_FAULTS,
    where: str = "",
    acquirer: Behaviour = GOOD,
) -> Profile:
    scenario = Scenario(name, run, seconds, purged=True)
    return Profile(name, scenario, acquirer, rates, where)


KEYS_AMONG_PAYMENTS = _of_cards(
    "keys among payments", rotation_among_payments, ROTATING_SECONDS, CARD_FAULTS
)
KEEPER_CRASHES = _of_cards(
    "keys among payments, the keeper crashes",
    rotation_among_payments,
    ROTATING_SECONDS,
    {Fault.CRASH_BEFORE: 0.1, Fault.CRASH_AFTER: 0.1, Fault.LOST: 0.1, Fault.FREEZE: 0.05},
    "vault_keeper",
)
SEALING_CRASHES = _of_cards(
    "keys among payments, crashes while cards are sealed anew",
    rotation_among_payments,
    ROTATING_SECONDS,
    {Fault.CRASH_BEFORE: 0.05, Fault.CRASH_AFTER: 0.05, Fault.LATE: 0.05, Fault.FREEZE: 0.05},
    "charge ",
)
PURGES_AMONG_PAYMENTS = _of_cards(
    "purges among payments",
    purge_among_payments,
    PURGING_SECONDS,
    CARD_FAULTS,
    acquirer=bad(*NO_ANSWER, At.LOOK_UP_FAILS, of=("AUTHORIZE", "LOOK_UP"), chance=0.5),
)
PURGE_CRASHES = _of_cards(
    "purges among payments, the purge crashes",
    purge_among_payments,
    PURGING_SECONDS,
    {Fault.CRASH_BEFORE: 0.1, Fault.CRASH_AFTER: 0.1, Fault.LATE: 0.1, Fault.FREEZE: 0.05},
    "vault_purge",
    bad(*NO_ANSWER, At.LOOK_UP_FAILS, of=("AUTHORIZE", "LOOK_UP"), chance=0.8),
)
TYPED_WHILE_A_KEY_GOES = _of_cards(
    "cards typed while a key goes",
    typed_while_a_key_goes,
    900.0,
    {Fault.SLOW: 0.5, Fault.FREEZE: 0.1},
    "tokens dynamodb",
)
OF_CARDS = (
    TYPED_WHILE_A_KEY_GOES,
    KEYS_AMONG_PAYMENTS,
    KEEPER_CRASHES,
    SEALING_CRASHES,
    PURGES_AMONG_PAYMENTS,
    PURGE_CRASHES,
)

UNHEARD = (At.SILENCE, At.LOST, At.DELAYED, At.LOOK_UP_FAILS)
OPERATOR = (
    _asked(
        "authorizations, no look-up for 8 days",
        CHARGE,
        bad(*UNHEARD, of=("AUTHORIZE", "LOOK_UP", "REVERSE"), chance=1.0),
        UNSTEADY,
    ),
    _asked(
        "authorizations, no look-up for 8 days, not idempotent",
        CHARGE,
        bad(*UNHEARD, of=("AUTHORIZE", "LOOK_UP", "REVERSE"), chance=1.0, once=False),
    ),
    _asked(
        "authorizations, reversals unanswered, not idempotent",
        CHARGE,
        replace(
            bad(At.DELAYED, At.LOST, of=("AUTHORIZE", "REVERSE"), chance=1.0, once=False),
            but=frozenset({("AUTHORIZE", At.LOST), ("REVERSE", At.DELAYED)}),
        ),
        UNSTEADY,
    ),
    _asked(
        "captures, no look-up for 8 days",
        hold_and_take,
        bad(*UNHEARD, of=("CAPTURE", "LOOK_UP"), chance=1.0),
        UNSTEADY,
    ),
    _asked(
        "captures, hardly a look-up, not idempotent",
        hold_and_take,
        bad(*UNHEARD, of=("CAPTURE", "LOOK_UP"), chance=0.95, once=False),
    ),
    _asked(
        "voids, no look-up for 8 days",
        hold_then_cancel,
        bad(*UNHEARD, of=("VOID", "LOOK_UP"), chance=1.0),
    ),
    _asked(
        "expiry, voids unanswered",
        hold_until_it_ends,
        bad(*UNHEARD, of=("VOID", "LOOK_UP"), chance=1.0, once=False),
        seconds=ASKED_SECONDS + HOLD_SECONDS,
    ),
    _asked(
        "refunds get lost, not idempotent",
        REFUND,
        bad(At.LOST, of=("REFUND",), chance=1.0, once=False),
        UNSTEADY,
    ),
    _asked(
        "reviews, no look-up for 8 days",
        race_for_a_review,
        bad(*UNHEARD, of=("CAPTURE", "VOID", "LOOK_UP"), chance=1.0),
        UNSTEADY,
    ),
    _asked(
        "reviews that nobody answers, no look-up for 8 days",
        unanswered_review,
        bad(*UNHEARD, of=("VOID", "LOOK_UP"), chance=0.9),
        UNSTEADY,
    ),
    _asked(
        "refunds, no look-up for 8 days",
        race_of_refunds,
        bad(*UNHEARD, of=("REFUND", "LOOK_UP"), chance=1.0, once=False),
    ),
    _asked(
        "refunds pending, no look-up for 8 days",
        REFUND,
        bad(
            At.PENDING,
            At.PENDING_DECLINED,
            At.SILENCE,
            At.LOOK_UP_FAILS,
            At.WEBHOOK_LOST,
            of=("REFUND", "LOOK_UP", "WEBHOOK"),
            chance=1.0,
        ),
        UNSTEADY,
    ),
)
"""The acquirer cannot tell, and so a person is asked, who is not always right."""

PROFILES = (
    *OF_CARDS,
    NEW_CARD,
    RACE_FOR_A_HOLD,
    RACE_FOR_A_TOKEN,
    RACE_OF_REFUNDS,
    LAST_MOMENT,
    MIDNIGHT,
    SETTLING,
    SETTLING_CLAIMS,
    SETTLING_SENDS,
    SILENT,
    SILENT_REFUND,
    WRONG_ANSWERS,
    FORGED_ANSWERS,
    BLIND,
    LATE,
    LATE_AND_SKEWED,
    LATE_THEN_REFUSED,
    LOST_INVOKES,
    FREEZING,
    RUN_TWICE,
    PENDING_REFUND,
    ASKED_AGAIN,
    FROZEN_INVOKES,
    FROZEN_SENDS,
    LATE_AND_STALLED,
    CRASHES,
    STALLS,
    STALE,
    TWICE,
    TWO_PAYMENTS,
    PAYMENTS_AT_ONCE,
    SEARCHED,
    TWO_BODIES,
    READ_BY_TWO,
    DEBIT,
    REFUSED_DEBIT,
    DEBIT_TOLD_BADLY,
    DEBIT_SILENT,
    REFUND_BEFORE_RETURN,
    REFUND_BESIDE_RETURN,
    *DISPUTES,
    *FRAUDS,
    *TOKENS,
    *CHECKOUT,
    *OPERATOR,
)
PROFILED_EVERY = 5
"""Of so many seeds, one is of a profile. What needs three things at once is rare in the others."""


def arguments_of(seed: int, scenario: Scenario | None = None) -> dict[str, Any]:
    """What `begin` is told of a seed in a search."""
    if scenario is not None:
        return {"scenario": scenario}
    turn, rest = divmod(seed, PROFILED_EVERY)
    return {} if rest else PROFILES[turn % len(PROFILES)].arguments(seed)
