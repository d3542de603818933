"""One message worked off: a merchant's batches, or those of one lane, as far as they come now.

    merchant ──► claims all lanes into the batches of lane 0, and finishes what is unfinished
        └── too much for one ──► eight messages, one for each lane
    lane ──► claims its own shard of each day into its own batches, and finishes those
        └── out of time ──► the same message again

A message may come twice, late, or beside another one of its kind: every write has its condition,
so the two share the work. One that is lost is made up for by the next day's. Lanes never meet in a
batch, and none waits for another. What fails keeps nothing but itself: it is logged, the rest goes
on, and at the end the message fails, so that it comes again and at last somebody hears of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from farthing.access.principal import Mode
from farthing.clock import Clock
from farthing.files import Files
from farthing.settlement.batch import lane_of
from farthing.settlement.claim import Claims
from farthing.settlement.fan_out import RunIncomplete
from farthing.settlement.finish import Finisher, Progress, Unfinished, Wait
from farthing.settlement.job import Job, Lane
from farthing.settlement.outcome import Outcome
from farthing.settlement.ports import SettlementAcquirer, Store, TakeReport
from farthing.settlement.progress import EVERY_LANE
from farthing.store.scope import TenantScope

NARROW_CLAIMS_MAX = 10_000
"""A merchant with more entries is worked on by lanes. So many are four batches, and at most 500 a
second can be claimed into one: twenty seconds."""
SECONDS_TO_END = 60
"""With less time left nothing more is begun. A batch may take two exchanges with the acquirer."""
UNKNOWN_IN_A_ROW_MAX = 3
"""So many batches without an answer, and the acquirer is left alone till the message comes back."""
TURNS_MAX = 200
"""How often a lane is gone on with: at five minutes each, most of a day."""


@dataclass(frozen=True)
class Services:
    """What a message is worked off with. `acquirers` are those of a merchant in a mode, by name;
    `note` keeps what came of the message; `take` takes reports."""

    store_of: Callable[[TenantScope], Store]
    acquirers: Callable[[TenantScope], Mapping[str, SettlementAcquirer]]
    files: Files
    clock: Clock
    seconds_left: Callable[[], float]
    send: Callable[[Sequence[Job]], None]
    note: Callable[[Job, Outcome], None]
    take: Callable[[Store], TakeReport]
    log_failure: Callable[[Exception], None]
    log_batch: Callable[[Progress], None]

    def out_of_time(self) -> bool:
        """Whether nothing more is to be begun."""
        return self.seconds_left() < SECONDS_TO_END


def work(job: Job, services: Services) -> Outcome:
    """Work one message off. What came of it.

    Raises RunIncomplete at its end if something failed or waits too long.
    """
    outcome, onward = Outcome(), set[Lane]()
    for part in _parts(job, services, outcome):
        part.run()
        onward |= part.onward
    if job.lane in onward:
        services.send([_next_turn(job)])
        return outcome
    if onward:
        services.send([replace(job, lane=lane) for lane in sorted(onward, key=str)])
    outcome.sent = {replace(job, lane=lane).name for lane in onward}
    services.note(job, outcome)
    if told := outcome.counts["told"]:
        raise RunIncomplete(f"{told} failed or wait too long")
    return outcome


def _next_turn(job: Job) -> Job:
    if job.turn >= TURNS_MAX:
        raise RunIncomplete(f"{job.turn} turns were not enough")
    return replace(job, turn=job.turn + 1)


def _parts(job: Job, services: Services, outcome: Outcome) -> Iterator[Part]:
    """The merchant's acquirers in both modes, or the one of a lane."""
    for mode in Mode:
        tenant = TenantScope(job.merchant_id, mode.value)
        for name, acquirer in services.acquirers(tenant).items():
            if job.asks(mode.value, name):
                yield Part(job, tenant, name, acquirer, services, outcome)


@dataclass
class Part:
    """One merchant, or one of its lanes, in one mode at one acquirer.

    `onward` are the lanes that messages are to be sent for.
    """

    job: Job
    tenant: TenantScope
    name: str
    acquirer: SettlementAcquirer
    services: Services
    outcome: Outcome
    onward: set[Lane] = field(default_factory=set)

    @property
    def until(self) -> date:
        """The last business day that is settled."""
        return self.job.until[self.name]

    def run(self) -> None:
        """Claim, then finish."""
        lane = self.job.lane
        claims = Claims(
            self.tenant,
            self.name,
            self.until,
            self.services.store_of(self.tenant),
            self.services.clock,
            lanes=EVERY_LANE if lane is None else (lane.number,),
            claims_max=NARROW_CLAIMS_MAX if lane is None else None,
            out_of_time=self.services.out_of_time,
        )
        self._claim(claims)
        if claims.stopped:
            self.onward = {Lane(self.tenant.mode, self.name, one) for one in claims.lanes}
        self._finish(day_is_claimed=not (claims.stopped or claims.broke_off))

    def _claim(self, claims: Claims) -> None:
        """Claim what is due. What could not be is logged."""
        try:
            claims.run(self.job.first_day)
        except Exception as error:  # noqa: BLE001 - older batches can be finished all the same
            claims.broke_off = True
            self._failed(error)
        for failure in claims.failures:
            self._failed(failure)

    def _finish(self, *, day_is_claimed: bool) -> None:
        """Finish what is unfinished. A day that is not claimed to its end stays open."""
        store = self.services.store_of(self.tenant)
        finisher = Finisher(
            self.tenant,
            self.name,
            self.acquirer,
            store,
            self.services.files,
            self.services.clock,
            self.services.take(store),
        )
        unknown = 0
        for one in self._unfinished(finisher):
            if one.business_day == self.until and not day_is_claimed:
                continue
            if self._is_anothers(one) or self.services.out_of_time():
                self.onward.add(Lane(self.tenant.mode, self.name, lane_of(one.number)))
            elif unknown < UNKNOWN_IN_A_ROW_MAX:
                waits = self._finish_one(finisher, one)
                unknown = unknown + 1 if waits is Wait.OUTCOME_UNKNOWN else 0

    def _unfinished(self, finisher: Finisher) -> list[Unfinished]:
        """What this message finishes: a lane its own batches, a merchant those of all lanes."""
        try:
            found = finisher.unfinished(self.until)
        except Exception as error:  # noqa: BLE001 - one acquirer must not stop the others
            self._failed(error)
            return []
        lane = self.job.lane
        return [one for one in found if lane is None or lane_of(one.number) == lane.number]

    def _is_anothers(self, one: Unfinished) -> bool:
        """Whether a lane fills it, perhaps just now: it closes it, and is set to work again."""
        mine = self.job.lane is not None or lane_of(one.number) == 0
        return one.business_day == self.until and not mine

    def _finish_one(self, finisher: Finisher, one: Unfinished) -> Wait | None:
        try:
            progress = finisher.finish(one.settlement_id)
        except Exception as error:  # noqa: BLE001 - one batch must not stop the others
            self._failed(error)
            return None
        self.services.log_batch(progress)
        self.outcome.batch(progress, self.services.clock.now())
        return progress.wait

    def _failed(self, error: Exception) -> None:
        self.services.log_failure(error)
        self.outcome.failure()
