"""boto3's clients, as the functions see them.

What stands behind them is state and nothing else (tests/simulation/aws). The errors are those of
botocore, and so are its repeats: what its standard mode tries again is tried again, and the answer
says how often.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from tests.simulation.calls import THROTTLING, Busy, Caller, Effect, Unanswered
from tests.simulation.faults import Fault, Kind, Point
from tests.simulation.scheduler import Promise
from tests.simulation.trace import OK

_READS = frozenset({"get_item", "batch_get_item", "query", "scan"})
_RETRIED_CODES = frozenset(
    {THROTTLING, "ProvisionedThroughputExceededException", "TransactionInProgressException"}
)
LASTING = 0.5
"""How often the fault of one try is that of the next."""


class NoAnswer(Exception):
    """Raised by a receiver that lets its caller wait until nobody waits any more."""


@cache
def point_of(function: str, service: str, method: str, about: str) -> Point:
    """The call point of a service's method in a function."""
    kind = Kind.AWS
    if service == "dynamodb":
        kind = Kind.READ if method in _READS else Kind.WRITE
    detail = f"({about})" if about else ""
    return Point(f"{function} {service}.{method}{detail}", kind)


class ServiceClient:
    """A boto3 client: its methods are those of `target`, each call a call point."""

    def __init__(
        self,
        caller: Caller,
        service: str,
        target: Any,
        read_timeout_seconds: float,
        attempts_max: int,
    ) -> None:
        self._caller, self._service, self._target = caller, service, target
        self._timeout, self._attempts_max = read_timeout_seconds, attempts_max

    def __getattr__(self, method: str) -> Any:
        target, service = getattr(self._target, method), self._service
        function = self._caller.env.function

        coarse = self._caller.world.coarse

        def call(**arguments: Any) -> Any:
            if coarse and "IndexName" in arguments:
                return target(**arguments)
            point = point_of(function, service, method, _about(arguments))
            return self._call(point, lambda: target(**arguments))

        setattr(self, method, call)
        return call

    def get_paginator(self, method: str) -> Paginator:
        """Page by page, each a call of its own."""
        return Paginator(getattr(self, method))

    def _call(self, point: Point, effect: Effect) -> Any:
        """As the SDK's standard mode does it."""
        caller, world = self._caller, self._caller.world
        fault: Fault | None = None
        for attempt in range(self._attempts_max):
            try:
                answer = caller.once(point, effect, self._timeout, fault)
            except ClientError as error:
                fault = error.fault if isinstance(error, Busy) else None
                error.response.setdefault("ResponseMetadata", {})["RetryAttempts"] = attempt
                code = error.response["Error"]["Code"]
                if code not in _RETRIED_CODES or attempt == self._attempts_max - 1:
                    raise
            except Unanswered as silence:
                fault = silence.fault
                if attempt == self._attempts_max - 1:
                    raise _botocore(silence) from None
            else:
                if attempt and isinstance(answer, dict):
                    answer.setdefault("ResponseMetadata", {})["RetryAttempts"] = attempt
                return answer
            world.scheduler.sleep(world.faults.dice.between(0, 2**attempt))
            fault = fault if world.faults.dice.chance(LASTING) else None
        raise AssertionError("no try is left")


class Paginator:
    """boto3's, for what names its pages by LastEvaluatedKey."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method

    def paginate(self, **arguments: Any) -> Any:
        while True:
            page = self._method(**arguments)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _botocore(silence: Unanswered) -> BotoCoreError:
    url = "https://aws.sim"
    if not silence.sent:
        return EndpointConnectionError(endpoint_url=url)
    if silence.waited:
        return ReadTimeoutError(endpoint_url=url)
    return ConnectionClosedError(endpoint_url=url)


def _about(arguments: Mapping[str, Any]) -> str:
    """What a call is about: tables and indexes, a queue, a secret, a bucket."""
    if (table := arguments.get("TableName")) is not None:
        index = arguments.get("IndexName")
        return f"{table}/{index}" if index else str(table)
    if (items := arguments.get("TransactItems")) is not None:
        tables = {next(iter(item.values()))["TableName"] for item in items}
        return "+".join(sorted(tables)) if len(tables) > 1 else str(tables.pop())
    if (requests := arguments.get("RequestItems")) is not None:
        return "+".join(sorted(requests))
    if (url := arguments.get("QueueUrl")) is not None:
        return str(url).rsplit("/", 1)[-1]
    return str(arguments.get("SecretId") or arguments.get("Bucket") or "")


class LambdaClient:
    """`invoke`, which waits for the other function's answer and is never repeated."""

    def __init__(self, caller: Caller, read_timeout_seconds: float, attempts_max: int) -> None:
        self._caller, self._timeout = caller, read_timeout_seconds
        self._attempts_max = attempts_max

    def invoke(
        self, *, FunctionName: str, Payload: bytes, InvocationType: str = "RequestResponse"
    ) -> dict[str, Any]:
        point = Point(f"{self._caller.env.function} lambda.invoke({FunctionName})", Kind.INVOKE)
        for attempt in range(self._attempts_max):
            try:
                return self._invoke(point, FunctionName, Payload)
            except Unanswered as silence:
                if attempt == self._attempts_max - 1:
                    raise _botocore(silence) from None
        raise AssertionError("no try is left")

    def _invoke(self, point: Point, name: str, payload: bytes) -> dict[str, Any]:
        caller = self._caller
        world, process = caller.world, caller.env.process
        fault = world.faults.at(point)
        world.calls.append(point.name)
        if fault in (Fault.CRASH_BEFORE, Fault.REFUSED, Fault.THROTTLED, Fault.STALL, Fault.FREEZE):
            caller.faulty(point, fault, lambda: None, self._timeout)
        elif fault is None:
            world.scheduler.sleep(world.faults.latency())
        else:
            world.struck_at(point, fault)
        event = json.loads(payload)
        promise = world.functions.start(name, event)
        for look in world.on_text:
            look(f"what {name} is told", payload.decode())
        if fault is Fault.TWICE:
            another = world.functions.start(name, json.loads(payload))
            promise = world.faults.dice.choice((promise, another))
        self._wait(point, fault, promise)
        result = promise.value
        world.trace.add(world.scheduler.now, process.name, point.name, "", result.error or OK)
        answer: dict[str, Any] = {"StatusCode": 200, "Payload": io.BytesIO(result.payload())}
        if result.error:
            answer["FunctionError"] = "Unhandled"
        for look in world.on_text:
            look(f"what {name} answers", result.payload().decode())
        for hear in world.on_heard:
            hear(process.name, event, result.value)
        return answer

    def _wait(self, point: Point, fault: Fault | None, promise: Promise) -> None:
        """Until the answer is there. Raises Unanswered or Crash if it is not heard."""
        caller, world = self._caller, self._caller.world
        if fault is Fault.CRASH_DURING:
            caller.note(point, fault, "started")
            world.scheduler.sleep(world.faults.during())
            raise caller.crash()
        if fault is Fault.LOST and world.faults.dice.chance(0.5):
            caller.note(point, fault, "started")
            world.scheduler.sleep(world.faults.dice.spread(0.001, self._timeout))
            raise Unanswered(fault, waited=False)
        came = promise.wait(self._timeout)
        if fault is Fault.CRASH_AFTER:
            caller.note(point, fault, "gone")
            raise caller.crash()
        if not came or fault is Fault.LOST:
            name = caller.env.process.name
            world.trace.add(world.scheduler.now, name, point.name, "", "no answer")
            raise Unanswered(fault or Fault.SLOW, waited=True)
