"""moto without most of its copying: it does the same, sooner.

A transaction of moto's copies every table that it writes, with its stream, once for each write;
here it copies the items of each once. And what an answer shows of an item is in the wire's form
already: moto looks for each of ten types under several names in every value of it.
"""

from __future__ import annotations

import copy
from contextvars import ContextVar
from typing import Any

from moto.core.serialize import AttributePicker, AttributePickerContext
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table
from moto.kms import models as kms

_copies: ContextVar[dict[str, Table] | None] = ContextVar("copies", default=None)
"""Of the transaction that is at work: its tables as they were."""

_write = DynamoDBBackend.transact_write_items
_pick = AttributePicker.__call__
_private_key: Any = kms.generate_private_key
_private_keys: dict[str, Any] = {}


def _transact_write_items(backend: DynamoDBBackend, items: list[dict[str, Any]]) -> None:
    token = _copies.set({})
    try:
        _write(backend, items)
    finally:
        _copies.reset(token)


def _copied(table: Table, memo: dict[int, Any]) -> Table:
    """The table as it is now, to be put back if the transaction fails."""
    known = _copies.get()
    if known is not None and table.name in known:
        return known[table.name]
    made = copy.copy(table)
    made.items = copy.deepcopy(table.items, memo)
    if table.stream_shard is not None:
        made.stream_shard = copy.copy(table.stream_shard)
        made.stream_shard.items = list(table.stream_shard.items)
        made.stream_shard.table = made
    if known is not None:
        known[table.name] = made
    return made


def _picked(picker: AttributePicker, context: AttributePickerContext) -> Any:
    of = getattr(context.shape, "parent", None)
    if of is not None and of.name == "AttributeValue" and isinstance(context.obj, dict):
        return context.obj.get(context.key)
    return _pick(picker, context)


def _generated(key_spec: str) -> Any:
    """One private key for each kind: nothing here signs, and moto makes one for every key."""
    if key_spec not in _private_keys:
        _private_keys[key_spec] = _private_key(key_spec)
    return _private_keys[key_spec]


def install() -> None:
    """From now on, in this process."""
    DynamoDBBackend.transact_write_items = _transact_write_items  # type: ignore[method-assign]
    Table.__deepcopy__ = _copied  # type: ignore[attr-defined]
    AttributePicker.__call__ = _picked  # type: ignore[method-assign]
    kms.generate_private_key = _generated
