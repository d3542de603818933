"""The functions' logs in readable form, one line for each thing that they said.

A function's JSON line becomes `time function LEVEL message key=value …`. Lambda's own START, END
and REPORT lines are left out.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.text import Text

from farthing_cli.aws import Account

POLL_SECONDS = 0.5
OVERLAP_MILLISECONDS = 1000
"""A line may arrive after another of a later millisecond, so what is read overlaps."""
NOISE = re.compile(r"^(START|END|REPORT|INIT_START) ")
STYLES = {"DEBUG": "dim", "INFO": "", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}
HIDDEN = frozenset(
    [
        "level",
        "location",
        "message",
        "timestamp",
        "service",
        "cold_start",
        "function_name",
        "function_memory_size",
        "function_arn",
        "function_request_id",
        "xray_trace_id",
    ]
)
ONLY_WITH_ERRORS = frozenset(["correlation_id", "exception"])
NAME_WIDTH = 18


@dataclass(frozen=True)
class Line:
    """One thing that a function said."""

    at: datetime
    function: str
    level: str
    message: str
    details: dict[str, Any]

    @classmethod
    def of(cls, function: str, milliseconds: int, text: str) -> Line:
        """A log event, JSON or not."""
        at = datetime.fromtimestamp(milliseconds / 1000).astimezone()
        try:
            record = json.loads(text)
        except ValueError:
            record = None
        if not isinstance(record, dict) or "message" not in record:
            level = "ERROR" if "Traceback" in text or "Error" in text else "INFO"
            return cls(at, function, level, text, {})
        details = {k: v for k, v in record.items() if k not in HIDDEN and v is not None}
        level = str(record.get("level", "INFO"))
        return cls(at, function, level, str(record["message"]), details)

    def render(self) -> Text:
        """The line for the terminal."""
        exception = str(self.details.get("exception", ""))
        hidden = {"exception"} if self.level in ("ERROR", "CRITICAL") else ONLY_WITH_ERRORS
        details = " ".join(f"{k}={_brief(v)}" for k, v in self.details.items() if k not in hidden)
        text = Text.assemble(
            (f"{self.at:%H:%M:%S} ", "dim"),
            (f"{self.function:<{NAME_WIDTH}.{NAME_WIDTH}} ", "cyan"),
            (f"{self.level:<7} ", STYLES.get(self.level, "")),
            self.message,
            (f"  {details}" if details else "", "dim"),
        )
        if exception:
            text.append(f"\n{exception}", "red")
        return text


@dataclass
class Follower:
    """Reads what was logged since it last looked."""

    account: Account
    stack_name: str
    since_milliseconds: int
    _sizes: dict[str, int] = field(default_factory=dict)
    _newest: dict[str, int] = field(default_factory=dict)
    _shown: dict[str, set[tuple[str, int, str]]] = field(default_factory=dict)

    def read(self) -> list[Line]:
        """The new lines of all functions, in order of time."""
        prefix = f"/aws/lambda/{self.stack_name}-"
        logs = self.account.client("logs")
        found = []
        for group in logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]:
            name, size = group["logGroupName"], group["storedBytes"]
            if self._sizes.get(name) != size:
                self._sizes[name] = size
                found += list(self._new_lines(logs, name, name.removeprefix(prefix)))
        return sorted(found, key=lambda line: line.at)

    def _new_lines(self, logs: Any, group: str, function: str) -> Iterator[Line]:
        newest = self._newest.get(group, 0)
        since = max(self.since_milliseconds, newest - OVERLAP_MILLISECONDS)
        shown, read = self._shown.get(group, set()), set()
        for page in logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=since
        ):
            for event in page["events"]:
                at, text = event["timestamp"], event["message"].rstrip()
                identity = (event["logStreamName"], at, text)
                read.add(identity)
                newest = max(newest, at)
                if text and identity not in shown and not NOISE.match(text):
                    yield Line.of(function, at, text)
        self._newest[group], self._shown[group] = newest, read


def now_milliseconds() -> int:
    """The present, as CloudWatch Logs counts."""
    return int(time.time() * 1000)


def _brief(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
