"""Logs: ids by an allow-list, and a last guard against card numbers.

Never bodies, headers, tokens, names. Whoever wants a new field in the log adds it here, where a
reviewer sees it.
"""

from __future__ import annotations

import logging
import os
import traceback
from functools import cache
from typing import TYPE_CHECKING, Any

from farthing.cards import mask

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

METRICS_NAMESPACE = "Farthing"

ALLOWED_FIELDS = frozenset(
    {
        "merchant_id",
        "intent_id",
        "session_id",
        "operation_id",
        "refund_id",
        "dispute_id",
        "event_id",
        "endpoint_id",
        "entry_id",
        "delivery_id",
        "recovery_id",
        "settlement_id",
        "transaction_id",
        "account",
        "token_id",
        "method_id",
        "customer_id",
        "kind",
        "outcome",
        "status",
        "reason_code",
        "attempt",
        "count",
        "error_type",
        "duration_ms",
        "day",
        "currency",
        "fence",
        "key_id",
        "where",
        "method",
        "route",
    }
)


class AllowListFilter(logging.Filter):
    """Drops extra fields that are not allowed, and masks whatever looks like a card number."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name in set(vars(record)) - _STANDARD:
            if name not in ALLOWED_FIELDS:
                delattr(record, name)
            elif isinstance(value := getattr(record, name), str):
                setattr(record, name, mask(value))
        record.msg = mask(record.getMessage())
        record.args = None
        return True


_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


@cache
def logger() -> Logger:
    """The function's logger, one JSON object a line."""
    from aws_lambda_powertools import Logger

    made = Logger()
    made.addFilter(AllowListFilter())
    return made


def log_unhandled(error: Exception) -> None:
    """An error of ours: its type and where, without its text, which may hold what came in."""
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{frame.filename.rsplit('/farthing/')[-1]}:{frame.lineno}" for frame in frames]
    logger().error("unhandled", extra={"error_type": type(error).__name__, "where": where})


def count(metric: str) -> None:
    """One more of `metric` of this function. Written to the log, where CloudWatch counts it."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    with single_metric(metric, MetricUnit.Count, 1, namespace=METRICS_NAMESPACE) as one:
        one.add_dimension("function_name", os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local"))


def gauge(metric: str, value: int) -> None:
    """How much of `metric` there is now."""
    from aws_lambda_powertools.metrics import MetricUnit, single_metric

    with single_metric(metric, MetricUnit.Count, value, namespace=METRICS_NAMESPACE) as one:
        one.add_dimension("function_name", os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local"))


def bind(context: Any, request_id: str | None = None) -> None:
    """Start an invocation: its request id in each line, nothing left of the one before.

    `request_id` is the gateway's, which the caller was told; without one it is the invocation's.
    """
    made = logger()
    made.clear_state()
    made.set_correlation_id(request_id or getattr(context, "aws_request_id", None))
