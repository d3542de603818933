"""A run in which minutes are lost: the payments table comes back as it was, and is mended.

    faults on ── backup ── more of it ── faults off, all quiet ── restored ── `resolve --since` ──►
                                                                       eight days, all at rest

What merchants were told of the lost minutes is told, and cannot be true of a table that knows
nothing of them; it is left out of the checks. All that is about money is in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tests.simulation.dice import Dice
from tests.simulation.invariants import Watch
from tests.simulation.quiescence import violations_at_rest
from tests.simulation.run import CALM_AFTER_SECONDS, REST_DAYS, Run, begin
from tests.simulation.violation import Violation
from tests.simulation.world import Prepared

LOST = ("payments", "webhooks")
"""Both, to the same moment: the feed numbers what the payments table counts."""
BEFORE_SECONDS = 300.0
"""How much older than the backup the first transaction is that is asked for: clocks differ."""


@dataclass
class Restored:
    """What came of it: the verdict on each transaction of the acquirer, and what is wrong."""

    run: Run
    rows: list[dict[str, Any]] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    @property
    def verdicts(self) -> list[str]:
        return [row["verdict"] for row in self.rows]


def restored(seed: int) -> Restored:
    """The run of a seed, with a backup of some moment in it."""
    dice = Dice(seed, "backup")
    run = begin(seed)
    world, seconds = run.world, dice.spread(0.5, 120.0)
    with world:
        world.spawn("merchant", lambda: run.scenario.run(run.stage))
        world.run(seconds=seconds)
        backup = world.prepare()
        world.run(seconds=run.scenario.seconds - seconds)
        world.heal()
        run.acquirer.calm()
        run.receiver.calm()
        world.run(seconds=CALM_AFTER_SECONDS)
        run.healed_at = world.scheduler.now
        run.excuse_dead_letters()
        _restore(run, backup)
        done = Restored(run)
        world.spawn("operator", lambda: done.rows.extend(_mend(run, backup.at)))
        world.run(seconds=CALM_AFTER_SECONDS)
        world.run(days=REST_DAYS)
        done.violations = list(_wrong(done))
    return done


def _restore(run: Run, backup: Prepared) -> None:
    """The table as it was then, and somebody who watches it from now on."""
    world = run.world
    world.restore_backup(backup, LOST)
    world.tables.on_write.remove(run.watch)
    clock = lambda: world.scheduler.now  # noqa: E731
    run.watch = Watch(run.setting.canaries, clock, run.setting.tenants)
    run.watch.load({name: table.rows for name, table in world.tables.tables.items()})
    world.tables.on_write.append(run.watch)
    run.acquirer.operation_of = run.watch.operation_of
    known = {
        event["event_id"]["S"]
        for payment in run.watch.payments.values()
        for event in payment.events.values()
    }
    for url, told in run.receiver.told.items():
        run.receiver.told[url] = [one for one in told if one.event_id in known]


def _mend(run: Run, backup_at: float) -> Iterator[dict[str, Any]]:
    """`farthing resolve --since`: page by page, until there is no more."""
    since = datetime.fromtimestamp(backup_at - BEFORE_SECONDS, UTC).isoformat(timespec="seconds")
    after = None
    while True:
        event = {"since": since, "after": after, "apply": True}
        result = run.world.invoke("resolve_unknown", event)
        assert result is not None
        page = result.value
        yield from page["rows"]
        after = page["next"]
        if after is None:
            return


def _wrong(done: Restored) -> Iterator[Violation]:
    """What is not as it should be. A payment that is reported is a person's to mend."""
    reported = {row["intent_id"] for row in done.rows if row["verdict"] == "REPORTED"}
    facts = replace(done.run.at_rest(), conversations=())
    for violation in violations_at_rest(facts):
        if violation.subject not in reported:
            yield violation
