"""Lambda: the real handlers, each invocation a process in an environment, with a time limit.

    start ──► an idle environment, or a new one (cold start) ──► handler ──► answer, error
                     its clock may be wrong,                       └ crash, time limit: the
                     it remembers what it made                       environment is gone

An environment serves one invocation after the other, as Lambda's do, and what the product keeps for
the life of the process is kept in it. One that crashed or ran into its limit is not used again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from farthing import runtime
from tests.simulation.faults import START_SECONDS, Fault
from tests.simulation.platform import SimPlatform
from tests.simulation.scheduler import Crash, Process, Promise, TimedOut
from tests.simulation.stack import Function
from tests.simulation.trace import OK
from tests.support.lambdas import load

if TYPE_CHECKING:
    from tests.simulation.world import World

ENVIRONMENT = "environment"
TIMED_OUT = "timed out"
EXITED = "exited"
FREEZE_SECONDS = (0.1, 300.0)
"""For how long past its limit a process may stand still, and still go on."""
GRACE_SECONDS = 2.0
"""What it then has, before it is ended."""

Handler = Callable[[dict[str, Any], Any], Any]


@dataclass
class Result:
    """What an invocation came to."""

    value: Any = None
    error: str = ""

    def payload(self) -> bytes:
        """The answer's body, as Lambda gives it to who invoked."""
        if self.error:
            return json.dumps({"errorMessage": self.error, "errorType": self.error}).encode()
        return json.dumps(self.value).encode()


class Context:
    """What Lambda tells a handler of its invocation."""

    memory_limit_in_mb = 1024

    def __init__(self, function: str, request_id: str, left: Callable[[], float]) -> None:
        self.function_name = function
        self.invoked_function_arn = f"arn:aws:lambda:eu-west-1:000000000000:function:{function}"
        self.aws_request_id = request_id
        self._left = left

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int(self._left() * 1000))


class Environment:
    """One Lambda execution environment of a function."""

    __slots__ = (
        "_world",
        "answer",
        "function",
        "generation",
        "gone",
        "platform",
        "process",
        "settings",
        "skew",
    )

    def __init__(self, world: World, function: Function, skew: float) -> None:
        self._world = world
        self.function = function.name
        self.settings = world.settings(function.name)
        self.skew = skew
        self.gone = False
        self.generation = world.functions.generation
        self.process = Process(function.name)
        self.answer: Promise | None = None
        self.platform = SimPlatform(self, world)

    def freeze(self, process: Process) -> float:
        """Stand still, past the limit. Who waits is told of the limit; the process wakes later.

        How long it stands still.
        """
        self.gone = True
        scheduler, dice, answer = self._world.scheduler, self._world.faults.dice, self.answer
        limit = process.deadline
        seconds = limit - scheduler.now + dice.spread(*FREEZE_SECONDS)
        process.deadline = scheduler.now + seconds + dice.between(0, GRACE_SECONDS)
        if answer is not None:
            scheduler.at(limit, lambda: answer.set(Result(error=TIMED_OUT)))
        return seconds


class Functions:
    """The Lambda service of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._idle: dict[str, list[Environment]] = defaultdict(list)
        self._started = 0
        self.latest = ""
        """The process that was started last."""
        self.generation = 0
        """Of the deployment: environments of an earlier one end with what they are doing."""

    def start(self, name: str, event: Any) -> Promise:
        """Invoke a function. The promise gets its Result."""
        world = self._world
        function = world.stack.functions[name]
        env, after = self._environment(function)
        self._started += 1
        process = Process(f"{name}#{self._started}")
        self.latest = process.name
        promise = world.promise()
        env.process, env.answer = process, promise
        world.scheduler.spawn(
            process, lambda: self._run(env, process, function, event, promise), after
        )
        return promise

    def forget(self) -> None:
        """What starts from now on starts in a new environment, as after a deployment."""
        self.generation += 1
        self._idle.clear()

    def _environment(self, function: Function) -> tuple[Environment, float]:
        faults, idle = self._world.faults, self._idle[function.name]
        if idle:
            env = idle.pop()
            if not faults.strikes(Fault.WARM_LOST):
                return env, faults.latency()
            self._world.struck(ENVIRONMENT, Fault.WARM_LOST)
        skew, seconds = faults.skew(), faults.cold_start()
        if skew:
            self._world.struck(ENVIRONMENT, Fault.SKEW)
        if seconds > START_SECONDS[1]:
            self._world.struck(ENVIRONMENT, Fault.COLD_START)
        return Environment(self._world, function, skew), seconds

    def _run(
        self, env: Environment, process: Process, function: Function, event: Any, promise: Promise
    ) -> None:
        world, scheduler = self._world, self._world.scheduler
        process.deadline = scheduler.now + function.timeout_seconds
        process.tenant = tenant_of(event)
        context = Context(function.name, process.name, lambda: process.deadline - scheduler.now)
        runtime.PLATFORM.set(env.platform)
        result = Result(error=EXITED)
        try:
            result = Result(world.handler(function.name)(event, context))
        except Crash as crash:
            if isinstance(crash, TimedOut):
                result = Result(error=TIMED_OUT)
            raise
        except Exception as error:  # noqa: BLE001 - Lambda's own
            result = Result(error=type(error).__name__)
            world.failed(process, error)
        finally:
            if not env.gone and not process.dead and env.generation == self.generation:
                self._idle[function.name].append(env)
            ended = result.error or OK
            world.trace.add(scheduler.now, process.name, f"{function.name} ends", "", ended)
            promise.set(result)


def tenant_of(event: Any) -> str | None:
    """For whom a function is invoked: who calls the API, or whom its messages are about.

    None for what works for all of them, and for messages that are about several.
    """
    if not isinstance(event, Mapping):
        return None
    caller = event.get("requestContext", {}).get("authorizer")
    if caller is not None:
        return _tenant_in(caller)
    if "Records" not in event:
        return _tenant_in(event)
    bodies = [record.get("body") for record in event["Records"]]
    about = {_tenant_in(_document(body)) if body else None for body in bodies}
    return about.pop() if len(about) == 1 else None


def _document(body: str) -> Any:
    """A message's, if it has one: a test may send anything."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def _tenant_in(named: Any) -> str | None:
    """The prefix of all partitions of a tenant that is named by its ids or in an address."""
    if not isinstance(named, Mapping):
        return None
    if "merchant_id" in named and "mode" in named:
        return f"{named['merchant_id']}#{named['mode']}#"
    address = named.get("operation") or named.get("expiry") or named.get("method")
    if address is None:
        return None
    merchant_id, mode, *_ = address.split("/")
    return f"{merchant_id}#{mode}#"


@cache
def handler(function: str) -> Handler:
    """The real handler of a function."""
    found: Handler = load(function).handler
    return found
