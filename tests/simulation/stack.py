"""What template.yaml says of functions, routes, queues, streams and schedules: read once, as data.

A table's name here is its logical name (`payments`), a function's that of its folder, and a queue,
a key or a secret is called by its logical id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.simulation.aws.sqs import REGION_URL
from tests.support.template import template

PARAMETERS = {
    "WithTestClock": "false",
    "AcquirerUrl": "https://acquirer.sim",
    "WebhooksAllowLoopback": "false",
}
_PLAIN = {"AWS::Region": "eu-west-1", "AWS::URLSuffix": "sim", "AWS::StackName": "farthing"}


@dataclass(frozen=True)
class Function:
    """One Lambda function."""

    name: str
    timeout_seconds: float
    settings: Mapping[str, str]
    async_retries_max: int
    async_failures: str | None


@dataclass(frozen=True)
class Route:
    """A method and a path, with `{name}` for ids, and who answers."""

    method: str
    pattern: re.Pattern[str]
    function: str
    public: bool


@dataclass(frozen=True)
class QueueSource:
    """A queue whose messages start a function."""

    function: str
    queue: str
    batch_size: int


@dataclass(frozen=True)
class StreamSource:
    """A table's stream whose records start a function."""

    function: str
    table: str
    batch_size: int
    retries_max: int
    age_seconds_max: int
    bisects: bool
    failures: str | None
    filters: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Schedule:
    """A rule that starts a function: every `every_seconds`, at `at_seconds` of the day if daily."""

    function: str
    name: str
    every_seconds: int
    at_seconds: int | None


@dataclass
class Stack:
    """All of it."""

    functions: dict[str, Function] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    queues: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    queue_sources: list[QueueSource] = field(default_factory=list)
    stream_sources: list[StreamSource] = field(default_factory=list)
    schedules: list[Schedule] = field(default_factory=list)
    tables: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    keys: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)


def stack(**parameters: str) -> Stack:
    """The template's stack, with these parameters instead of the simulator's usual ones."""
    return _stack(tuple(sorted(parameters.items())))


@cache
def _stack(parameters: tuple[tuple[str, str], ...]) -> Stack:
    return _Reader(PARAMETERS | dict(parameters)).read()


class _Reader:
    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._template = template()
        declared = self._template["Parameters"]
        self._parameters = {name: one.get("Default", "") for name, one in declared.items()}
        self._parameters |= parameters
        self._resources = {
            name: resource
            for name, resource in self._template["Resources"].items()
            if "Condition" not in resource or self._holds(resource["Condition"])
        }

    def read(self) -> Stack:
        found = Stack()
        for name, resource in self._resources.items():
            properties = resource.get("Properties", {})
            match resource["Type"]:
                case "AWS::Serverless::Function":
                    self._function(found, properties)
                case "AWS::SQS::Queue":
                    found.queues[name] = properties
                case "AWS::DynamoDB::Table":
                    found.tables[_table_name(name)] = properties
                case "AWS::KMS::Key":
                    found.keys[name] = properties
                case "AWS::SecretsManager::Secret":
                    found.secrets.append(name)
        return found

    def _function(self, found: Stack, properties: Mapping[str, Any]) -> None:
        defaults = self._template["Globals"]["Function"]
        name = properties["CodeUri"].rstrip("/").rsplit("/", 1)[-1]
        variables = defaults["Environment"]["Variables"] | properties.get("Environment", {}).get(
            "Variables", {}
        )
        values = {key: self._value(value) for key, value in variables.items()}
        settings = {key: str(value) for key, value in values.items() if value is not None}
        invoked = properties.get("EventInvokeConfig", {})
        failures = invoked.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        found.functions[name] = Function(
            name,
            float(properties.get("Timeout", defaults["Timeout"])),
            settings | {"AWS_LAMBDA_FUNCTION_NAME": name},
            int(invoked.get("MaximumRetryAttempts", 2)),
            self._name(failures) if failures else None,
        )
        for event_name, event in properties.get("Events", {}).items():
            self._event(found, name, event_name, event["Type"], event["Properties"])

    def _event(
        self, found: Stack, function: str, name: str, kind: str, about: Mapping[str, Any]
    ) -> None:
        match kind:
            case "Api":
                path = re.sub(r"\{\w+\+\}", ".+", about["Path"])
                pattern = re.compile(re.sub(r"\{\w+\}", r"[^/]+", path))
                public = about.get("Auth", {}).get("Authorizer") == "NONE"
                found.routes.append(Route(about["Method"].upper(), pattern, function, public))
            case "SQS":
                queue = self._name(about["Queue"])
                found.queue_sources.append(
                    QueueSource(function, queue, int(about.get("BatchSize", 10)))
                )
            case "DynamoDB":
                found.stream_sources.append(self._stream(function, about))
            case "ScheduleV2":
                every, at = _moments(about["ScheduleExpression"])
                found.schedules.append(Schedule(function, name, every, at))
            case _:
                raise NotImplementedError(f"{function} is started by {kind}")

    def _stream(self, function: str, about: Mapping[str, Any]) -> StreamSource:
        import json

        failures = about.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        filters = about.get("FilterCriteria", {}).get("Filters", [])
        return StreamSource(
            function=function,
            table=_table_name(self._name(about["Stream"])),
            batch_size=int(about.get("BatchSize", 100)),
            retries_max=int(about.get("MaximumRetryAttempts", -1)),
            age_seconds_max=int(about.get("MaximumRecordAgeInSeconds", 86_400)),
            bisects=bool(about.get("BisectBatchOnFunctionError", False)),
            failures=self._name(failures) if failures else None,
            filters=tuple(json.loads(one["Pattern"]) for one in filters),
        )

    # --- intrinsic functions -----------------------------------------------------------------

    def _name(self, value: Any) -> str:
        """The logical id that a reference names."""
        if isinstance(value, str):
            return value
        if "Ref" in value:
            return str(value["Ref"])
        return str(value["Fn::GetAtt"][0])

    def _value(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        ((function, argument),) = value.items()
        match function:
            case "Ref":
                return self._ref(argument)
            case "Fn::GetAtt":
                return self._ref(argument[0])
            case "Fn::If":
                return self._value(argument[1 if self._holds(argument[0]) else 2])
            case "Fn::Sub":
                return re.sub(r"\$\{([^}.]+)[^}]*\}", lambda m: str(self._ref(m[1])), argument)
        raise NotImplementedError(function)

    def _ref(self, name: str) -> str | None:
        if name == "AWS::NoValue":
            return None
        if name in _PLAIN:
            return _PLAIN[name]
        if name in self._parameters:
            return str(self._parameters[name])
        resource = self._template["Resources"][name]
        match resource["Type"]:
            case "AWS::DynamoDB::Table":
                return _table_name(name)
            case "AWS::SQS::Queue":
                return REGION_URL + name
            case "AWS::Serverless::Function":
                return str(resource["Properties"]["CodeUri"]).rstrip("/").rsplit("/", 1)[-1]
        return name

    def _holds(self, condition: Any) -> bool:
        if isinstance(condition, str):
            return self._holds(self._template["Conditions"][condition])
        ((function, argument),) = condition.items()
        match function:
            case "Condition":
                return self._holds(argument)
            case "Fn::Not":
                return not self._holds(argument[0])
            case "Fn::And":
                return all(self._holds(one) for one in argument)
            case "Fn::Or":
                return any(self._holds(one) for one in argument)
            case "Fn::Equals":
                return bool(self._value(argument[0]) == self._value(argument[1]))
        raise NotImplementedError(function)


def _table_name(logical_id: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", logical_id.removesuffix("Table")).lower()


def _moments(expression: str) -> tuple[int, int | None]:
    """`rate(1 minute)` or `cron(15 1 * * ? *)`: how often, and when in the day."""
    if match := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
        unit = {"minute": 60, "hour": 3600, "day": 86_400}[match[2]]
        return int(match[1]) * unit, None
    if match := re.fullmatch(r"cron\((\d+) (\d+) \* \* \? \*\)", expression):
        return 86_400, int(match[2]) * 3600 + int(match[1]) * 60
    raise NotImplementedError(expression)
