"""One run: a world, its scenario, its invariants; badly first, then well, until all is at rest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from farthing.acquiring.sandbox import CAPABILITIES
from tests.simulation.acquirer import HostileAcquirer
from tests.simulation.acquirer_faults import Behaviour, draw_behaviour
from tests.simulation.acquirer_faults import Fault as AcquirerFault
from tests.simulation.afterwards import (
    KEYS_AFTER_SECONDS,
    READING_SECONDS,
    ask_with_every_key,
    read_everything,
    recover_endpoints,
    try_balances,
)
from tests.simulation.aws.sqs import REGION_URL
from tests.simulation.books_watch import BooksWatch, wrong_books
from tests.simulation.counters import store_was_busy
from tests.simulation.dice import Dice
from tests.simulation.disputed import answer_disputes
from tests.simulation.faults import Fault, Faults, Swarm
from tests.simulation.inbox_watch import InboxWatch, forgotten
from tests.simulation.invariants import Watch
from tests.simulation.notices import STRANGER, Webhook
from tests.simulation.quiescence import AtRest, require_rest
from tests.simulation.receiver import Manners, Receiver, draw_manners
from tests.simulation.scenarios import (
    ALL_DAY_SECONDS,
    Scenario,
    Setting,
    Stage,
    draw_scenario,
    prepare,
)
from tests.simulation.vault_watch import VaultWatch, cards_are_there
from tests.simulation.violation import Violation
from tests.simulation.world import Prepared, World

EXHAUSTED = "ExhaustedQueue"
TOLD, TOLD_DEAD = "AcquirerEventsQueue", "AcquirerEventsDeadLetters"
"""What acquirers told, and what of it failed: an alarm asks a person to put that back."""
BATCHES_SHARE = 0.3
"""How many acquirers tell of several operations in a body."""
TELLS_ALL_SHARE = 0.7
"""And how many tell of each operation."""
DISPUTED_SHARE, DISPUTES = 0.25, 0.8
"""How many acquirers have payers who dispute, and how much of what is paid there they dispute."""
REDRIVEN_SHARE = 0.5
"""How often a person puts back what endpoints did not take, and does it twice."""
TRIED_SHARE = 0.2
"""In how many runs somebody has the books tried at the end: it reads each day of them."""
REST_DAYS = 8.0
CALM_AFTER_SECONDS = 2 * 3600.0
"""What a fault started may still fail for so long: a message comes five times, an event waits."""
LOOKED_SECONDS = 25 * 3600.0
"""What is looked into every day was looked into by then, and what was begun has ended."""
SETTLED_SHARE = 0.12
"""How many runs are settled every day. The rest leave their entries unclaimed: settlement reads 56
partitions for each merchant and day, which is most of a run that is about something else."""
PURGED_SHARE = 0.1
"""How many runs purge cards by the schedule. The others leave them due: a purge looks at each card
that was made before the run."""
COARSE_SHARE = 0.85
"""In how many runs the reads of an index are no call points. Ticks read some twenty shards that are
empty, and what may go wrong at one of them is what may go wrong at any other."""
SEARCHED_PERMILLE = 125
"""How many runs search every write and log line for card numbers: that takes half of a run."""


@cache
def prepared() -> Prepared:
    """The beginning of every run."""
    with World("prepared", off=("vault_purge",)) as world:
        setting = prepare(world)
        return world.prepare(setting)


def declared(*, idempotent: bool) -> Behaviour:
    """What the product's connector says of its acquirer."""
    return Behaviour(
        idempotent_by_reference=idempotent,
        key_retention_seconds=float(CAPABILITIES.key_retention_seconds),
        lookup_lag_seconds=float(CAPABILITIES.lookup_lag_seconds),
        max_flight_seconds=float(CAPABILITIES.max_flight_seconds),
        reversal_by_reference=CAPABILITIES.reversal_by_reference,
    )


@dataclass
class Run:
    """A run that is being made: everything that somebody may want to look at afterwards."""

    seed: int | str
    world: World
    setting: Setting
    scenario: Scenario
    watch: Watch
    acquirer: HostileAcquirer
    receiver: Receiver
    stage: Stage
    settled: bool = True
    purged: bool = True
    healed_at: float = float("inf")
    read_at: float = float("inf")
    excused: Counter[str] = field(default_factory=Counter)
    """How many messages were in each queue of failures when the last fault was over."""
    violation: Violation | None = None
    hooks: list[Callable[[Run], None]] = field(default_factory=list)
    """Called between the two phases."""

    def play(self) -> None:
        """Both phases and the checks. Raises Violation."""
        try:
            self._play()
        except Violation as violation:
            self.violation = violation
            raise

    def _play(self) -> None:
        world = self.world
        self.stage.calm_at = world.scheduler.now + self.scenario.seconds
        world.spawn("merchant", lambda: self.scenario.run(self.stage))
        if self.acquirer.behaviour.disputed:
            world.spawn("merchant", lambda: answer_disputes(self.stage))
        world.run(seconds=self.scenario.seconds)
        for hook in self.hooks:
            hook(self)
        world.heal()
        self.acquirer.calm()
        self.receiver.calm()
        self.healed_at = world.scheduler.now
        world.run(seconds=CALM_AFTER_SECONDS)
        self.excuse_dead_letters()
        self._redrive(TOLD_DEAD, TOLD)
        world.run(seconds=KEYS_AFTER_SECONDS - CALM_AFTER_SECONDS)
        world.spawn("merchant", lambda: ask_with_every_key(self.stage, self.watch))
        if Dice(self.seed, "redrive").chance(REDRIVEN_SHARE):
            world.spawn("merchant", lambda: recover_endpoints(self.stage, self.watch))
            self._redrive(EXHAUSTED, "DeliveriesQueue")
        world.run(days=REST_DAYS)
        self.read_at = world.scheduler.now
        world.spawn("merchant", lambda: read_everything(self.stage))
        world.run(seconds=READING_SECONDS)
        require_rest(self.at_rest())
        if Dice(self.seed, "trial").chance(TRIED_SHARE):
            self._try_books()
        for line in world.log.lines:
            self.watch.read_text("the log", line)

    def _try_books(self) -> None:
        """The product's own trial balance finds nothing, and the derived books are a replay."""
        self.world.spawn("operator", lambda: try_balances(self.stage))
        self.world.run(seconds=READING_SECONDS)
        derived = self.world.tables.tables["settlement"].rows
        rows = [{"pk": {"S": pk}, **row} for (pk, _), row in derived.items()]
        posted = [{"pk": {"S": key[0]}, **row} for key, row in self.watch.ledger.items()]
        for violation in wrong_books(posted, rows):
            self.watch.violations.append(violation)
            raise violation

    def excuse_dead_letters(self) -> None:
        """What is in the queues of failures by now came of the faults."""
        self.excused = Counter({name: len(bodies) for name, bodies in self._dead_letters()})

    def at_rest(self) -> AtRest:
        world = self.world
        # A stream that stands still for a day gives its records up, long after the last fault.
        stalled = any(what == Fault.STREAM_STALL for _, what in world.coverage.counts)
        # A report that is a day late is told to somebody by a firing that fails.
        late = any(fault == AcquirerFault.REPORT_LATE.name for _, fault in self.acquirer.hits)
        # What was unknown for a day is looked into once a day, or when its merchant asks.
        looked_daily = self.scenario.seconds > ALL_DAY_SECONDS
        dead = {name: bodies[self.excused[name] :] for name, bodies in self._dead_letters()}
        return AtRest(
            watch=self.watch,
            acquirer=self.acquirer,
            receiver=self.receiver,
            endpoints=self.setting.endpoints,
            conversations=self.stage.conversations,
            now=world.scheduler.now,
            settled=self.settled,
            purged=self.purged,
            cards=self._cards,
            items=self._items,
            erred=self.stage.erred,
            calm_since=self.healed_at + CALM_AFTER_SECONDS,
            settled_since=self.healed_at + (LOOKED_SECONDS if looked_daily else KEYS_AFTER_SECONDS),
            read_since=self.read_at,
            mistakes=world.mistakes(),
            dead_letters=dead,
            exhausted=self._exhausted(),
            may_be_dead=lambda queue, body: (
                (queue in {"OutboxFailures", "ProjectionFailures"} and stalled)
                or (queue == TOLD_DEAD and f'"{STRANGER}-' in body)
                or (queue == "SettleDeadLetters" and late)
            ),
        )

    def _cards(self) -> Iterator[Violation]:
        tables, numbers = self.world.tables.tables, self.setting.canaries.numbers
        payments, vault = tables["payments"].rows, tables["vault"].rows
        return cards_are_there(payments.values(), vault, self.world.keys, numbers)

    def _items(self) -> Iterator[Violation]:
        rows = self.world.tables.tables["webhooks"].rows.values()
        items = [row for row in rows if row["entity"] == {"S": "acquirer_item"}]
        dead = [one.body for one in self.world.queues.messages(TOLD_DEAD)]
        return forgotten(items, self.acquirer.heard, dead)

    def _redrive(self, failed: str, queue: str) -> None:
        """A person puts back what failed: every message, twice; and it stays where it was."""
        queues = self.world.queues
        for message in (*queues.messages(failed), *queues.messages(failed)):
            queues.send_message(QueueUrl=REGION_URL + queue, MessageBody=message.body)

    def _exhausted(self) -> set[tuple[str, str]]:
        copies = [json.loads(one.body) for one in self.world.queues.messages(EXHAUSTED)]
        return {(copy["delivery_id"], copy["ended_round"]) for copy in copies}

    def _dead_letters(self) -> Iterator[tuple[str, list[str]]]:
        """Each queue that no function reads but for a person's sake, and what is in it."""
        world = self.world
        read = {source.queue for source in world.stack.queue_sources} | {EXHAUSTED}
        for name in world.stack.queues:
            if name not in read:
                yield name, [message.body for message in world.queues.messages(name)]


def telling(seed: int | str, behaviour: Behaviour) -> Behaviour:
    """The acquirer, with what it tells by itself drawn, and how."""
    return replace(
        behaviour,
        tells_all=Dice(seed, "tells all").chance(TELLS_ALL_SHARE),
        in_batches=Dice(seed, "in batches").chance(BATCHES_SHARE),
        disputed=DISPUTES if Dice(seed, "disputed").chance(DISPUTED_SHARE) else 0.0,
    )


def begin(
    seed: int | str,
    *,
    faults: Faults | None = None,
    scenario: Scenario | None = None,
    behaviour: Behaviour | None = None,
    manners: Manners | None = None,
    searched: bool | None = None,
    settled: bool | None = None,
    purged: bool | None = None,
    disputed: bool = True,
    wrap: Callable[[Faults], Faults] = lambda drawn: drawn,
    **world_arguments: Any,
) -> Run:
    """A run of a seed. What is not given is drawn. `wrap` may change which faults happen.

    `disputed`: whether payers may dispute, and banks send refunds back."""
    dice = Dice(seed, "run")
    idempotent, searching = dice.chance(0.7), dice.below(1000) < SEARCHED_PERMILLE
    search = searching if searched is None else searched
    drawn = draw_scenario(dice)
    chosen = scenario or drawn
    settles, coarse = dice.chance(SETTLED_SHARE), dice.chance(COARSE_SHARE)
    if settled is None:
        all_day = chosen.seconds >= ALL_DAY_SECONDS or faults is not None
        settled = not chosen.purged and (settles or all_day)
    if purged is None:
        drawn_to_purge = faults is None and Dice(seed, "purge").chance(PURGED_SHARE)
        purged = drawn_to_purge or chosen.purged
    behaviour = behaviour or telling(seed, draw_behaviour(dice, declared(idempotent=idempotent)))
    if not disputed:
        behaviour = replace(behaviour, disputed=0.0)
    manners = manners or draw_manners(dice)
    start = prepared()
    setting: Setting = start.extra
    parameters = {"SandboxIdempotent": str(behaviour.idempotent_by_reference).lower()}
    world = World(
        seed,
        faults=wrap(faults if faults is not None else Swarm(seed)),
        prepared=start,
        parameters=parameters,
        scanned=search,
        off=[*(() if settled else ("settle",)), *(() if purged else ("vault_purge",))],
        coarse=coarse and faults is None,
        **world_arguments,
    )
    clock = lambda: world.scheduler.now  # noqa: E731
    canaries = setting.canaries.for_a_run()
    watch = Watch(
        canaries,
        clock,
        setting.tenants,
        actor=world.scheduler.tenant,
        may_be_uncounted=lambda: store_was_busy(world.trace.rows, world.scheduler.process()),
        search=search,
    )
    watch.load({name: table.rows for name, table in world.tables.tables.items()})
    world.tables.on_write.append(watch)
    world.tables.on_write.append(BooksWatch())
    world.tables.on_write.append(InboxWatch(lambda: world.trace.rows, world.scheduler.process))
    if search:
        world.queues.on_send.append(lambda queue, message: watch.read_text(queue, message.body))
        world.on_text.append(watch.read_text)
    acquirer = HostileAcquirer(
        Dice(seed, "acquirer"),
        clock,
        world.scheduler.sleep,
        world.scheduler.at,
        behaviour,
        payments_secret="AcquirerSecret-text",
        reporting_secret="AcquirerReportingSecret-text",
        webhook_secret="AcquirerWebhookSecret-text",
        tokens_secret="TokenServiceSecret-text",
        token_webhook_secret="TokenWebhookSecret-text",
        operation_of=watch.operation_of,
        issued=dict(setting.issued),
        tokens=setting.network_tokens.copy(),
    )
    acquirer.tokens.on_cryptogram = canaries.cryptograms.add
    for token in acquirer.tokens.made():
        acquirer.issuer_acts(token.reference, world.scheduler.now)
    acquirer.post_webhook = _poster(world, acquirer)
    receiver = Receiver(Dice(seed, "receiver"), clock, setting.signing_secrets, manners)
    receiver.on_body = watch.read_text if search else None
    world.acquirer, world.receiver = acquirer, receiver
    stage = Stage(world, setting, Dice(seed, "scenario"))
    run = Run(seed, world, setting, chosen, watch, acquirer, receiver, stage, settled, purged)
    vault = VaultWatch(
        lambda: run.watch,
        lambda: world.tables.tables["payments"].rows.values(),
        world.keys,
        clock,
        world.scheduler.process,
    )
    world.tables.on_write.append(vault)
    world.keys.on_open.append(vault.opened)
    return run


def _poster(world: World, acquirer: HostileAcquirer) -> Callable[[Webhook], None]:
    def post(webhook: Webhook) -> None:
        def work() -> None:
            answer = world.call(
                "POST",
                f"/v1/acquirer_webhooks/{webhook.sender}",
                headers=webhook.headers,
                raw=webhook.body.decode(),
            )
            acquirer.answered(webhook, answer.status if answer is not None else None)

        world.spawn("acquirer", work)

    return post


def play(seed: int | str, **arguments: Any) -> Run:
    """A whole run. Raises Violation."""
    run = begin(seed, **arguments)
    with run.world:
        run.play()
    return run
