"""What stands in for `farthing.runtime.Platform`: clock, chance, settings, clients, connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farthing import runtime
from farthing.acquiring.sandbox import NoUsableAnswer
from farthing.webhooks.ports import Answer, SendError
from tests.simulation.calls import Caller, Unanswered
from tests.simulation.clients import LambdaClient, NoAnswer, ServiceClient
from tests.simulation.faults import Kind, Point

if TYPE_CHECKING:
    from tests.simulation.functions import Environment
    from tests.simulation.world import World

WEBHOOK_TIMEOUT_SECONDS = 15.0
HALF_SENT = 0.5
"""How often who stood still until nobody waited had asked already whether somebody does."""

Exchanged = tuple[int, bytes, str]


class Line:
    """The wire to an acquirer, in the form that `Platform.exchange` gives.

    Like `farthing.acquiring.http.Exchange`, it sends nothing once nobody waits for the answer: a
    process that stood still in between does not send when it goes on. Between that question and
    the last byte it may stand still as well: what it sends then was on its way from the deadline
    on, and lands within the longest flight.
    """

    def __init__(self, caller: Caller, secret: str) -> None:
        self._caller, self._secret = caller, secret
        self._points: dict[tuple[str, str], Point] = {}

    def __call__(
        self, method: str, path: str, body: bytes | None, timeout_seconds: float
    ) -> Exchanged:
        point = self._points.get((method, path)) or self._point(method, path)
        world = self._caller.world
        patience_ends = world.scheduler.now + timeout_seconds

        def exchange() -> Exchanged:
            if world.scheduler.now > patience_ends:
                if world.faults.dice.chance(HALF_SENT):
                    world.acquirer.slips_out(self._secret, method, path, body, patience_ends)
                raise NoUsableAnswer("deadline")
            answer: Exchanged = world.acquirer.exchange(
                self._secret, method, path, body, timeout_seconds
            )
            return answer

        answer: Exchanged = self._caller.outside(point, exchange)
        return answer

    def _point(self, method: str, path: str) -> Point:
        parts = path.split("?")[0].strip("/").split("/")
        named = 3 if parts[0] == "token_service" else 2
        shape = "/".join([*parts[:named], *("{id}" for _ in parts[named:])])
        point = Point(f"{self._caller.env.function} acquirer.{method} /{shape}", Kind.ACQUIRER)
        self._points[method, path] = point
        return point


class WebhookSender:
    """Posts to merchants' endpoints, in the form that `Platform.webhook_sender` gives."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._point = Point(f"{caller.env.function} receiver.POST", Kind.HTTP)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        caller, world = self._caller, self._caller.world
        started, status, error = world.scheduler.now, None, None
        try:
            status = caller.once(
                self._point,
                lambda: world.receiver(url, dict(headers), body),
                WEBHOOK_TIMEOUT_SECONDS,
            )
        except Unanswered as silence:
            broken = SendError.CONNECTION_BROKEN if silence.sent else SendError.CONNECTION_FAILED
            error = SendError.TIMED_OUT if silence.waited else broken
        except NoAnswer:
            left = started + WEBHOOK_TIMEOUT_SECONDS - world.scheduler.now
            world.scheduler.sleep(max(0.0, left))
            error = SendError.TIMED_OUT
        took = world.scheduler.now - started
        if took > WEBHOOK_TIMEOUT_SECONDS:
            status, error = None, SendError.TIMED_OUT
        return Answer(status, error, round(took * 1000))


class SimPlatform(runtime.Platform):
    """The platform of one environment: its clock, its settings, its clients, what it remembers."""

    def __init__(self, env: Environment, world: World) -> None:
        super().__init__()
        self._env, self._world = env, world
        self._caller = Caller(env, world)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._world.scheduler.now + self._env.skew, UTC)

    def entropy(self, length: int) -> bytes:
        return self._world.entropy(length)

    def chance(self) -> float:
        return self._world.faults.dice.random()

    def sleep(self, seconds: float) -> None:
        self._world.scheduler.sleep(seconds)

    def setting(self, name: str) -> str | None:
        return self._env.settings.get(name)

    def client(self, service: str, read_timeout_seconds: int, attempts_max: int) -> Any:
        if service == "lambda":
            return LambdaClient(self._caller, read_timeout_seconds, attempts_max)
        target = self._world.service(service)
        return ServiceClient(self._caller, service, target, read_timeout_seconds, attempts_max)

    def at_once(self, do: Callable[[Any], Any], things: Sequence[Any], width: int) -> list[Any]:
        """Each in a task of its own; at once, whatever `width` says: it bounds threads."""
        scheduler, process = self._world.scheduler, self._env.process
        done: list[Any] = [None] * len(things)
        promises = []
        for number, thing in enumerate(things):
            promise, context = self._world.promise(), copy_context()

            def work(
                number: int = number,
                thing: Any = thing,
                promise: Any = promise,
                context: Any = context,
            ) -> None:
                try:
                    done[number] = context.run(do, thing)
                except Exception as error:  # noqa: BLE001 - raised below, in the task that asked
                    promise.set(error)
                promise.set(None)

            promises.append(promise)
            scheduler.spawn(process, work)
        for promise in promises:
            promise.wait()
        for promise in promises:
            if promise.value is not None:
                raise promise.value
        return done

    def exchange(
        self, base_url: str, secret: str, answer_bytes_max: int, content_type: str = ""
    ) -> Any:
        return Line(self._caller, secret)

    def webhook_sender(self, *, allow_loopback: bool) -> WebhookSender:
        return WebhookSender(self._caller)
