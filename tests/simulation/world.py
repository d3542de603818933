"""A world: the stack of template.yaml in memory, under one seed, one clock and one set of faults.

    with World(seed, faults=Swarm(seed), prepared=prepared) as world:
        world.acquirer, world.receiver = …, …
        world.spawn("merchant", lambda: pay(world))      # calls the API, waits, calls again
        world.run(seconds=600)                           # faults on
        world.heal()                                     # faults off
        world.run(days=8)                                # everything comes to rest

`prepared` is what another world held: tables, queues and the time. Starting from it costs
microseconds, so the merchant, its endpoints and its cards are made once.
"""

from __future__ import annotations

import gc
import json
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol

from tests.simulation import gateway, logs
from tests.simulation.aws.dynamo import Tables, WriteRecord
from tests.simulation.aws.kms import Keys
from tests.simulation.aws.s3 import Buckets
from tests.simulation.aws.secrets import Secrets
from tests.simulation.aws.sns import Topics
from tests.simulation.aws.sqs import REGION_URL, Queue, Queues
from tests.simulation.aws.storage import Snapshot
from tests.simulation.coverage import REACHED, Coverage
from tests.simulation.dice import Dice
from tests.simulation.faults import Fault, Faults, Point
from tests.simulation.functions import Functions, Handler, Result, handler
from tests.simulation.gateway import Answer, Authorizer
from tests.simulation.queues import QueueSources
from tests.simulation.scheduler import START, STEPS_MAX, Process, Promise, Scheduler
from tests.simulation.schedules import Clockwork, Waiting
from tests.simulation.stack import Stack, stack
from tests.simulation.streams import Stream
from tests.simulation.trace import OK, Trace

KEYS_SEED = b"farthing"
SYMMETRIC = "SYMMETRIC_DEFAULT"
INDEX_LAG_SECONDS = (0.05, 30.0)
DAY_SECONDS = 86_400.0
EXPIRY_SECONDS = 2.5 * DAY_SECONDS


class Acquirer(Protocol):
    """Who answers what `charge` and `settle` send. It may wait: its network is its own."""

    def exchange(
        self, secret: str, method: str, path: str, body: bytes | None, timeout_seconds: float
    ) -> tuple[int, bytes, str]:
        """Status, body, signature. Raises NoByteSent or NoUsableAnswer."""
        ...

    def slips_out(
        self, secret: str, method: str, path: str, body: bytes | None, left_at: float
    ) -> None:
        """A request that left at `left_at`, and whose answer nobody waits for, is on its way."""
        ...


Receiver = Callable[[str, Mapping[str, str], bytes], int]
"""A delivery lands: url, headers, body → status. Never waits; raises NoAnswer."""


@dataclass(frozen=True)
class Prepared:
    """What a world held at a moment, to begin others with."""

    at: float
    tables: Snapshot
    queues: Mapping[str, Queue]
    keys: Any
    waiting: Waiting
    extra: Any = None


class World:
    """One run. `handlers` stand in for those of the product; `off` are functions that no schedule
    and no queue starts, such as `settle` in a run that is about something else. In a `coarse` one,
    reads of an index are no call points."""

    def __init__(
        self,
        seed: int | str,
        *,
        faults: Faults | None = None,
        prepared: Prepared | None = None,
        parameters: Mapping[str, str] | None = None,
        handlers: Mapping[str, Handler] | None = None,
        off: Collection[str] = (),
        coarse: bool = False,
        scanned: bool = False,
        steps_max: int = STEPS_MAX,
    ) -> None:
        self.seed = seed
        self.faults = faults or Faults()
        self.dice = Dice(seed, "world")
        self.entropy = Dice(seed, "entropy").entropy
        self.scheduler = Scheduler(
            Dice(seed, "order"),
            start=prepared.at if prepared else START,
            steps_max=steps_max,
            fixed=self.faults.fixed,
        )
        self.stack: Stack = stack(**(parameters or {}))
        self.trace = Trace(self.scheduler.now)
        self.calls: list[str] = []
        """The names of the call points, as they were reached."""
        self._strikes: Counter[tuple[str, str]] = Counter()
        self.log = logs.install()
        self.log.begin(scanned=scanned)
        self.errors: list[tuple[str, str, str]] = []
        """Process, type and place of each error that no handler of the product caught."""
        self.on_text: list[Callable[[str, str], None]] = []
        """Called with what an API call or a function is answered, and what a function is told."""
        self.on_heard: list[Callable[[str, Mapping[str, Any], Any], None]] = []
        """Called when a process hears what the function answered that it invoked."""
        self.coarse = coarse
        self.handlers = handlers or {}
        self._key_ids: dict[str, str] = {}
        self._make_services(prepared)
        self.functions = Functions(self)
        self.authorizer = Authorizer(self.tables, self._now)
        self.acquirer: Acquirer | None = None
        self.receiver: Receiver | None = None
        self._streams = [Stream(self, source) for source in self.stack.stream_sources]
        self._queues_read = QueueSources(self, off)
        waiting = prepared.waiting.copy() if prepared else Waiting()
        self._clockwork = Clockwork(self, waiting, off)
        self.tables.on_write.append(self._written)
        self.queues.on_send.append(self._queues_read.sent)

    # --- the run -----------------------------------------------------------------------------

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.scheduler.close()

    def run(self, seconds: float = inf, *, days: float = 0.0) -> None:
        """Go on for so long, or until nothing is left to happen. Raises what is found wrong.

        Every few days the tables' time to live is enforced, which is what AWS promises of it.
        """
        end = self.scheduler.now + (days * DAY_SECONDS or seconds)
        while days and self.scheduler.now + EXPIRY_SECONDS < end:
            self.scheduler.run(self.scheduler.now + EXPIRY_SECONDS)
            self.tables.expire(self.scheduler.now)
        self.scheduler.run(end)

    def spawn(self, name: str, work: Callable[[], None], after: float = 0.0) -> Promise:
        """Somebody outside: a merchant, an acquirer that posts. The promise is set at its end."""
        promise = self.promise()

        def whole() -> None:
            work()
            promise.set(None)

        self.scheduler.spawn(Process(name), whole, after)
        return promise

    def heal(self) -> None:
        """The second phase: nothing goes wrong any more, and what was started anew is in order."""
        self.faults.heal()
        self.functions.forget()

    def restore_backup(self, backup: Prepared, tables: Sequence[str]) -> None:
        """These tables hold again what they held then. Streams and queues know nothing of it."""
        self.tables.restore_items(backup.tables, tables)
        self._clockwork.look_again(self.tables)

    def prepare(self, extra: Any = None) -> Prepared:
        """What this world holds now, as the beginning of others."""
        waiting = self._clockwork.waiting.copy()
        return Prepared(
            self.scheduler.now,
            self.tables.snapshot(),
            self.queues.snapshot(),
            self.keys.snapshot(),
            waiting,
            extra,
        )

    def promise(self) -> Promise:
        return Promise(self.scheduler)

    # --- who calls the API -------------------------------------------------------------------

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Answer | None:
        """One HTTP call through the API gateway, from a task: see `gateway.call`."""
        return gateway.call(self, method, path, body, **more)

    def invoke(self, function: str, event: Any, seconds: float = inf) -> Result | None:
        """Invoke a function by hand, from a task. None if that takes longer."""
        promise = self.functions.start(function, event)
        return promise.value if promise.wait(seconds) else None

    # --- what the parts of a world tell it -----------------------------------------------------

    def service(self, name: str) -> Any:
        """What stands behind a boto3 client."""
        return self._services[name]

    def handler(self, function: str) -> Handler:
        """The product's handler, unless this world has another one."""
        return self.handlers.get(function) or handler(function)

    @property
    def coverage(self) -> Coverage:
        """What was reached, and what struck there."""
        counts = Counter({(point, REACHED): times for point, times in Counter(self.calls).items()})
        return Coverage(counts + self._strikes)

    def struck_at(self, point: Point, fault: Fault) -> None:
        """A fault of a call."""
        self._strikes[point.name, fault.value] += 1

    def struck(self, what: str, fault: Fault) -> None:
        """A fault that is none of a call."""
        self._strikes[what, fault.value] += 1
        self.trace.add(self.scheduler.now, "world", what, fault.value, OK)

    def failed(self, process: Process, error: Exception) -> None:
        """A handler raised. It may: its trigger repeats it, or somebody is told."""
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}"
        self.errors.append((process.name, repr(error), where))

    def mistakes(self) -> list[tuple[str, str]]:
        """Errors of the product, logged or raised, that no fault explains: type and place."""
        raised = [(error.partition("(")[0], where) for _, error, where in self.errors]
        return [each for each in (*raised, *self.log.unhandled) if each[0] in logs.OURS]

    def put_into(self, queue: str, message: Mapping[str, Any]) -> None:
        """What a service puts into a queue, such as a failure's."""
        self.queues.send_message(QueueUrl=REGION_URL + queue, MessageBody=json.dumps(message))

    def _written(self, records: Sequence[WriteRecord]) -> None:
        for stream in self._streams:
            stream.follow()
        self._clockwork.follow(records)

    # --- making it ---------------------------------------------------------------------------

    def _make_services(self, prepared: Prepared | None) -> None:
        self.tables = Tables(self._now, self._index_lag, self._stale)
        for name, properties in self.stack.tables.items():
            self.tables.create_declared(name, properties)
        self.queues = Queues(self._now)
        if prepared is None:
            for name, properties in self.stack.queues.items():
                self.queues.create_declared(name, properties)
        self.keys = Keys(KEYS_SEED, self._now)
        for name, properties in self.stack.keys.items():
            self._key_ids[name] = self.keys.create_key(properties.get("KeySpec", SYMMETRIC))
        self.topics = Topics()
        self.buckets = Buckets()
        self.secrets = Secrets()
        for name in self.stack.secrets:
            self.secrets.create_secret(name, f"{name}-text")
        if prepared:
            self.tables.restore(prepared.tables)
            self.queues.restore(prepared.queues)
            self.keys.restore(prepared.keys)
        self._services = {
            "dynamodb": self.tables,
            "sqs": self.queues,
            "kms": self.keys,
            "secretsmanager": self.secrets,
            "sns": self.topics,
            "s3": self.buckets,
        }

    def key_id(self, name: str) -> str:
        """The id of a key of the template's."""
        return self._key_ids[name]

    def settings(self, function: str) -> Mapping[str, str]:
        """A function's environment variables."""
        settings = self.stack.functions[function].settings
        return {name: self._key_ids.get(value, value) for name, value in settings.items()}

    def _now(self) -> float:
        return self.scheduler.now

    def _index_lag(self) -> float:
        if not self.faults.strikes(Fault.STALE_INDEX):
            return 0.0
        self._strikes["index", Fault.STALE_INDEX.value] += 1
        return self.faults.dice.spread(*INDEX_LAG_SECONDS)

    def _stale(self) -> bool:
        stale = self.faults.strikes(Fault.STALE_INDEX)
        if stale:
            self._strikes["read", Fault.STALE_INDEX.value] += 1
        return stale


def many_runs() -> None:
    """Before thousands of worlds: what there is stays, and is not searched for garbage again.

    Worlds are full of cycles; looking for them as often as Python does takes a tenth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
