"""Batches from a stream or a queue: each record by itself, and which of them are to come again.

An error in one record is logged by its type. A message of a queue fails alone. A stream goes on
from its first failed record, so a failed record comes again with all that follows it and holds up
its shard, until it succeeds or the stream gives it up. That is right for trouble that passes. A
record that can never succeed is logged and acknowledged: the sweep finds its event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from farthing.observe import log_unhandled
from farthing.runtime import platform

Record = Mapping[str, Any]
BatchAnswer = dict[str, list[dict[str, str]]]

AT_ONCE_MAX = 10
NO_RETRY_HEALS = (KeyError, TypeError, ValueError)
"""The record itself is wrong, or our code is."""


def one_by_one(
    records: Sequence[Record], name: Callable[[Record], str], work: Callable[[Record], object]
) -> BatchAnswer:
    """In their order, as a stream wants it. What no retry heals is done with."""
    done = [_done(work, record, given_up=NO_RETRY_HEALS) for record in records]
    return _failures(records, name, done)


def all_at_once(
    records: Sequence[Record], name: Callable[[Record], str], work: Callable[[Record], object]
) -> BatchAnswer:
    """In threads, so that a slow receiver does not delay the others of its batch."""
    done = platform().at_once(lambda record: _done(work, record), records, AT_ONCE_MAX)
    return _failures(records, name, done)


def stream_position(record: Record) -> str:
    """What names a record of a DynamoDB stream."""
    return str(record["dynamodb"]["SequenceNumber"])


def message_id(record: Record) -> str:
    """What names a message of SQS."""
    return str(record["messageId"])


def _done(
    work: Callable[[Record], object],
    record: Record,
    given_up: tuple[type[Exception], ...] = (),
) -> bool:
    try:
        work(record)
    except Exception as error:  # noqa: BLE001 - the entry of each record
        log_unhandled(error)
        return isinstance(error, given_up)
    return True


def _failures(
    records: Sequence[Record], name: Callable[[Record], str], done: Sequence[bool]
) -> BatchAnswer:
    failed = [record for record, well in zip(records, done, strict=True) if not well]
    return {"batchItemFailures": [{"itemIdentifier": name(record)} for record in failed]}
