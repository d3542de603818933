"""The idempotency row: one key, one effect, one answer.

    OPEN ── outcome known ──► DONE      replayed for 24 hours, counted from then
      │                         ▲
      ├──── to be looked at ─► HELD     until a person has looked
      │
      └──── nothing was sent ─► RELEASED   the same key may try again

An OPEN row never expires: while nobody knows what happened to the money, the key stays taken. So
does a HELD one, while nobody has said whether the money is to be taken.
The row is written in the same transaction as what it protects, never before or after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from farthing.clock import epoch_seconds, later, to_text
from farthing.errors import IDEMPOTENCY_KEY_REUSED, FarthingError, FieldProblem
from farthing.http.idempotency_key import IdempotentRequest
from farthing.http.response import Response
from farthing.payments.conditions import key_free
from farthing.store import Item, Key, Put, TenantScope

KEY_LIFETIME_SECONDS = 24 * 60 * 60
TTL_GRACE = timedelta(hours=1)
REPLAYED = "Idempotent-Replayed"

OPEN, HELD, DONE, RELEASED = "OPEN", "HELD", "DONE", "RELEASED"


def row_key(tenant: TenantScope, row_id: str) -> Key:
    """Where the row of a key is."""
    return Key("payments", tenant.pk("IDEM", row_id), "IDEM")


@dataclass(frozen=True)
class Earlier:
    """What an earlier request under this key left, if anything that still counts.

    `answer` is set if it is done. Otherwise `intent_id` and `operation_id` say what it is about;
    `released` that it sent nothing and may be tried again; `held` that its payment waits for its
    review.
    """

    answer: Response | None = None
    intent_id: str | None = None
    operation_id: str | None = None
    released: bool = False
    held: bool = False

    @property
    def is_new(self) -> bool:
        """Whether the key is free for a first try, or for another after one that sent nothing."""
        if self.held:
            return False
        return self.released or (self.answer is None and self.operation_id is None)


def examine(item: Mapping[str, Any] | None, request: IdempotentRequest, now: datetime) -> Earlier:
    """What the row means for this request.

    Raises FarthingError (422, naming the fields) if the key was used with other parameters.
    """
    if item is None or item.get("expires_at", "9999") < to_text(now):
        return Earlier()
    if differing := request.differing_fields(item["fields"]):
        raise FarthingError(
            IDEMPOTENCY_KEY_REUSED,
            "this key was used with other values of " + ", ".join(differing),
            fields=[FieldProblem(name, "differs from the first request") for name in differing],
        )
    if item["state"] == DONE:
        return Earlier(answer=stored_answer(item))
    return Earlier(
        intent_id=item["intent_id"],
        operation_id=item["operation_id"],
        released=item["state"] == RELEASED,
        held=item["state"] == HELD,
    )


def stored_answer(item: Mapping[str, Any]) -> Response:
    """The answer of a DONE row, marked as a replay."""
    return Response(item["status"], item["body"], item["content_type"], {REPLAYED: "true"})


def taken(
    tenant: TenantScope,
    request: IdempotentRequest,
    now: datetime,
    *,
    intent_id: str | None,
    operation_id: str | None,
) -> Put:
    """The key, taken for an operation whose outcome is not known yet."""
    item = _row(request, now) | {
        "state": OPEN,
        "intent_id": intent_id,
        "operation_id": operation_id,
    }
    return Put(row_key(tenant, request.row_id), item, key_free(to_text(now)))


def used(tenant: TenantScope, request: IdempotentRequest, now: datetime, answer: Response) -> Put:
    """The key, taken and done at once: the answer is known with the write itself."""
    item = _row(request, now) | {"intent_id": None, "operation_id": None} | done(answer, now)
    return Put(row_key(tenant, request.row_id), item, key_free(to_text(now)))


def waits(tenant: TenantScope, request: IdempotentRequest, now: datetime, intent_id: str) -> Put:
    """The key, taken, and held at once: its payment waits for its review, and nothing was sent."""
    item = _row(request, now) | {"intent_id": intent_id, "operation_id": None} | held()
    return Put(row_key(tenant, request.row_id), item, key_free(to_text(now)))


def held() -> Item:
    """What a row gets when its payment waits for a person."""
    return {"state": HELD}


def done(answer: Response, now: datetime) -> Item:
    """What a row gets when the outcome is known: the answer, and the end of its life."""
    return {
        "state": DONE,
        "status": answer.status,
        "body": answer.body,
        "content_type": answer.content_type,
        **_life(now),
    }


def released(now: datetime) -> Item:
    """What a row gets when nothing was sent."""
    return {"state": RELEASED, **_life(now)}


def _life(now: datetime) -> Item:
    end = now + timedelta(seconds=KEY_LIFETIME_SECONDS)
    return {
        "expires_at": later(now, seconds=KEY_LIFETIME_SECONDS),
        "ttl": epoch_seconds(end + TTL_GRACE),
    }


def _row(request: IdempotentRequest, now: datetime) -> Item:
    return {
        "entity": "idempotency",
        "method": request.method,
        "path": request.path,
        "fields": dict(request.fields),
        "created_at": to_text(now),
    }
