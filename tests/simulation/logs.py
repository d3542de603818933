"""Where the product's log lines and metrics go in a simulation.

Writing them costs more than a payment, so mostly they are only counted. A run that is to be scanned
(for card numbers: invariant 8) gets the real logger, filter and formatter included, into memory.
What the product calls unhandled is kept always: it is an error of ours, unless a fault explains it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import aws_lambda_powertools
import aws_lambda_powertools.metrics as powertools_metrics

from farthing import observe

OURS = frozenset(
    {
        "AssertionError",
        "AttributeError",
        "IndexError",
        "KeyError",
        "NameError",
        "NotImplementedError",
        "RecursionError",
        "TypeError",
        "UnboundLocalError",
        "ValidationError",
        "ZeroDivisionError",
    }
)
"""Errors that no fault of the world explains: the code is wrong."""


class Sink:
    """Stands in for the logger of Powertools."""

    def __init__(self) -> None:
        self.unhandled: list[tuple[str, str]] = []
        """Type and place of each error that the product logged as unhandled."""
        self.metrics: list[tuple[str, float]] = []
        self.stream: io.StringIO | None = None
        self._real: Any = None

    @property
    def lines(self) -> list[str]:
        """The lines of a run that is scanned."""
        return self.stream.getvalue().splitlines() if self.stream else []

    def begin(self, *, scanned: bool) -> None:
        """A new run."""
        self.unhandled, self.metrics = [], []
        self.stream = io.StringIO() if scanned else None
        self._real = _real_logger(self.stream) if self.stream else None

    def _log(self, level: str, message: str, extra: Mapping[str, Any] | None) -> None:
        if message == "unhandled" and extra:
            self.unhandled.append((str(extra["error_type"]), str(extra["where"][-1])))
        if self._real is not None:
            getattr(self._real, level)(message, extra=dict(extra or {}))

    def info(self, message: str, extra: Mapping[str, Any] | None = None) -> None:
        self._log("info", message, extra)

    def warning(self, message: str, extra: Mapping[str, Any] | None = None) -> None:
        self._log("warning", message, extra)

    def error(self, message: str, extra: Mapping[str, Any] | None = None) -> None:
        self._log("error", message, extra)

    def clear_state(self) -> None:
        if self._real is not None:
            self._real.clear_state()

    def set_correlation_id(self, value: str | None) -> None:
        if self._real is not None:
            self._real.set_correlation_id(value)

    def addFilter(self, _: object) -> None:
        """The real logger has it; nothing else is written."""


SINK = Sink()
_REAL_METRIC = powertools_metrics.single_metric


def install() -> Sink:
    """Take the product's logger and metrics. Costs nothing if it was done before."""
    if powertools_metrics.single_metric is not _metric:
        powertools_metrics.single_metric = _metric
        observe.logger.cache_clear()
        with _powertools_logger(lambda: SINK):
            observe.logger()
    return SINK


def uninstall() -> None:
    """Give them back, to whoever tests them in the same process."""
    powertools_metrics.single_metric = _REAL_METRIC
    observe.logger.cache_clear()


class _Metric:
    def __init__(self) -> None:
        self.dimensions: dict[str, str] = {}

    def add_dimension(self, name: str, value: str) -> None:
        self.dimensions[name] = value


@contextmanager
def _metric(name: str, unit: Any, value: float, **_: Any) -> Iterator[_Metric]:
    SINK.metrics.append((name, value))
    yield _Metric()


def _real_logger(stream: io.StringIO) -> Any:
    made = aws_lambda_powertools.Logger(service="simulation", level="INFO", stream=stream)
    for handler in made.handlers:
        handler.setStream(stream)
    if not any(isinstance(each, observe.AllowListFilter) for each in made._logger.filters):
        made.addFilter(observe.AllowListFilter())
    return made


@contextmanager
def _powertools_logger(stand_in: Any) -> Iterator[None]:
    real = aws_lambda_powertools.Logger
    aws_lambda_powertools.Logger = stand_in
    try:
        yield
    finally:
        aws_lambda_powertools.Logger = real
