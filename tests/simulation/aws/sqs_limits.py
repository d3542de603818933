"""What SQS refuses to take."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from tests.simulation.aws.errors import client_error

MESSAGE_BYTES_MAX = 1024 * 1024
DELAY_SECONDS_MAX = 900
BATCH_MAX = 10
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def check_batch(entries: Sequence[Mapping[str, Any]]) -> None:
    """Raises the error of a batch that is refused as a whole."""
    ids = [entry["Id"] for entry in entries]
    if not entries:
        raise _batch_error("EmptyBatchRequest", "There should be at least one entry.")
    if len(entries) > BATCH_MAX:
        raise _batch_error(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {BATCH_MAX}. You have sent {len(entries)}.",
        )
    if len(set(ids)) < len(ids):
        raise _batch_error("BatchEntryIdsNotDistinct", "Two or more batch entries have the same Id")
    if not all(_ENTRY_ID.fullmatch(one) for one in ids):
        raise _batch_error(
            "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
            "It can be at most 80 letters long.",
        )
    size = sum(len(entry["MessageBody"].encode()) for entry in entries)
    if size > MESSAGE_BYTES_MAX:
        raise _batch_error(
            "BatchRequestTooLong",
            f"Batch requests cannot be longer than {MESSAGE_BYTES_MAX} bytes. "
            f"You have sent {size} bytes.",
        )


def _batch_error(name: str, message: str) -> ClientError:
    return client_error("SendMessageBatch", name, message, code=f"AWS.SimpleQueueService.{name}")


def refusal(body: str, delay_seconds: int) -> tuple[str, str] | None:
    """Why a message is not taken: a code and a text."""
    if not 0 <= delay_seconds <= DELAY_SECONDS_MAX:
        return "InvalidParameterValue", (
            f"Value {delay_seconds} for parameter DelaySeconds is invalid. Reason: DelaySeconds "
            f"must be >= 0 and <= {DELAY_SECONDS_MAX}."
        )
    if not body:
        return "MissingParameter", "The request must contain the parameter MessageBody."
    if _FORBIDDEN.search(body):
        return "InvalidMessageContents", "The message contains characters outside the allowed set."
    if len(body.encode()) > MESSAGE_BYTES_MAX:
        return "InvalidParameterValue", (
            "One or more parameters are invalid. Reason: Message must be shorter than "
            f"{MESSAGE_BYTES_MAX} bytes."
        )
    return None
