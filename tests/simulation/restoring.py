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
from tests.simulation.vault_watch import LOST as LOST_CARD
from tests.simulation.violation import Violation
from tests.simulation.world import Prepared

LOST = ("payments", "webhooks")
"""Both, to the same moment: the feed numbers what the payments table counts."""
BEFORE_SECONDS = 300.0
"""How much older than the backup the first transaction is that is asked for: clocks differ."""
TRIES_MAX = 3
LOST_SECONDS_MAX = 900.0
"""Minutes, and no settlement: what that would mean is said in docs/operations.md."""


@dataclass
class Restored:
    """What came of it: the verdict on each transaction of the acquirer, and what is wrong."""

    run: Run
    rows: list[dict[str, Any]] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    lost_events: set[str] = field(default_factory=set)
    """A stream that stands still may bring them after the restore."""

    def excused(self, violation: Violation) -> bool:
        """What a restore cannot mend: queues, streams and what endpoints were told go on.

        So who was told what (4) is not asked after one; all that is about money is. Nor is which
        card has a face (11): the vault is not restored, and knows of tokens that are lost.
        """
        if violation.subject in self.lost_events or violation.invariant in {4, LOST_CARD}:
            return True
        return self._came_to_nothing(violation.subject)

    def _came_to_nothing(self, order_id: str) -> bool:
        """A payment that is lost with the table, and of which no money stands at the acquirer."""
        rows = [row for row in self.run.acquirer.books.rows if row.order_id == order_id]
        payment = self.run.watch.payments.get(order_id)
        lost = payment is None or payment.intent is None
        moved = {row.status for row in rows if row.operation != "VOID"}
        return lost and bool(rows) and moved <= {"DECLINED", "REVERSED"}

    @property
    def verdicts(self) -> list[str]:
        return [row["verdict"] for row in self.rows]


def restored(seed: int) -> Restored:
    """The run of a seed, with a backup of some moment in it. Nobody disputes: a restore brings no
    dispute back (docs/disputes.md)."""
    run = begin(seed, disputed=False)
    with run.world:
        return _played(run)


def play(run: Run) -> None:
    """Play a run that has begun, with a backup in it. Raises the first Violation."""
    try:
        for violation in _played(run).violations:
            raise violation
    except Violation as violation:
        run.violation = violation
        raise


def _played(run: Run) -> Restored:
    world, seconds = run.world, Dice(run.seed, "backup").spread(0.5, 120.0)
    seconds += max(0.0, run.scenario.seconds - LOST_SECONDS_MAX)
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
    done = Restored(run)
    before = _event_ids(run)
    _restore(run, backup)
    done.lost_events = before - _event_ids(run)
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
    run.watch = Watch(run.setting.canaries, clock, run.setting.tenants, search=run.watch.search)
    run.watch.reviews.is_restored = True
    run.watch.load({name: table.rows for name, table in world.tables.tables.items()})
    world.tables.on_write.append(run.watch)
    run.acquirer.operation_of = run.watch.operation_of
    run.acquirer.heard.clear()  # the inbox is as it was: what was acknowledged since is lost
    known = _event_ids(run)
    for url, told in run.receiver.told.items():
        run.receiver.told[url] = [one for one in told if one.event_id in known]


def _event_ids(run: Run) -> set[str]:
    return {event["event_id"]["S"] for _, event in run.watch.events()}


def _mend(run: Run, backup_at: float) -> Iterator[dict[str, Any]]:
    """`farthing resolve --since`: page by page, until there is no more."""
    since = datetime.fromtimestamp(backup_at - BEFORE_SECONDS, UTC).isoformat(timespec="seconds")
    after = None
    while True:
        event = {"since": since, "after": after, "apply": True}
        page = _page(run, event)
        yield from page["rows"]
        after = page["next"]
        if after is None:
            return


def _page(run: Run, event: dict[str, Any]) -> Any:
    """Whoever mends asks again if there was no answer."""
    for _ in range(TRIES_MAX):
        result = run.world.invoke("resolve_unknown", event)
        if result is not None and not result.error and "rows" in result.value:
            return result.value
    raise RuntimeError("the books could not be mended")


def _wrong(done: Restored) -> Iterator[Violation]:
    """What is not as it should be. A payment that is reported is a person's to mend."""
    reported = {row["intent_id"] for row in done.rows if row["verdict"] == "REPORTED"}
    facts = replace(done.run.at_rest(), conversations=(), tokens_known=False, fees_known=False)
    for violation in violations_at_rest(facts):
        if violation.subject not in reported and not done.excused(violation):
            yield violation
