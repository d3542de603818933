"""The table of merchants and keys of one stack, as its operator sees it."""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from farthing.access.account import Account as Merchant
from farthing.access.keys import ENTROPY_BYTES as KEY_ENTROPY_BYTES
from farthing.access.keys import NewKey, merchant_row, new_key
from farthing.access.principal import KeyKind, Mode
from farthing.ids import ENTROPY_BYTES, make_id
from farthing.store.item import Item, Key, item_from_wire
from farthing.store.scope import SystemScope
from farthing.store.table import DynamoStore
from farthing_cli import state
from farthing_cli.aws import Account, own_client
from farthing_cli.clock import TestClock
from farthing_cli.failure import Failure

OUTPUT = "AccessTable"


@dataclass(frozen=True)
class AccessTable:
    """One stack's. `ahead` is how far its test clock is moved."""

    client: Any
    name: str
    ahead: timedelta = timedelta()

    @classmethod
    def of(cls, stack_name: str | None) -> AccessTable:
        """That of a stack in AWS, or of the running local one. Raises Failure if there is none."""
        if stack_name is not None:
            name = _output(own_client("cloudformation"), stack_name)
            return cls(own_client("dynamodb"), name)
        running = state.running()
        account = Account.of(running)
        name = _output(account.client("cloudformation"), running.stack_name)
        ahead = timedelta(seconds=TestClock(account, running.stack_name).offset_seconds())
        return cls(account.client("dynamodb"), name, ahead)

    @property
    def store(self) -> DynamoStore:
        """The table as the functions write it."""
        return DynamoStore(
            self.client,
            {"access": self.name},
            SystemScope(),
            sleep=time.sleep,
            chance=random.random,
            new_token=lambda: uuid.uuid4().hex,
        )

    def now(self) -> datetime:
        """The present, as the functions see it."""
        return datetime.now(UTC) + self.ahead

    def new_id(self, prefix: str) -> str:
        """An id of this moment."""
        return make_id(prefix, self.now(), os.urandom(ENTROPY_BYTES))

    def new_key(self, merchant_id: str, mode: Mode, kind: KeyKind) -> NewKey:
        """A key that is not written yet."""
        entropy = os.urandom(KEY_ENTROPY_BYTES)
        return new_key(self.new_id("key"), merchant_id, mode, kind, entropy)

    def merchants(self) -> Iterator[tuple[str, Merchant]]:
        """Every merchant, in the order in which they came."""
        start: Item | None = None
        while True:
            page = self.store.query("access", merchant_row("").pk, start=start)
            for item in page.items:
                yield item["sk"], Merchant.from_item(item)
            if page.next_start is None:
                return
            start = page.next_start

    def merchant(self, merchant_id: str) -> Item:
        """One merchant's row. Raises Failure if there is none."""
        item = self.store.get(merchant_row(merchant_id))
        if item is None:
            raise Failure(f"There is no merchant {merchant_id}.")
        return item

    def keys(self, attribute: str, value: str) -> list[tuple[Key, Item]]:
        """The keys of which an attribute says this, oldest first.

        A key is found by its text alone, so this reads the whole table: for people, and rare.
        """
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.name,
            ConsistentRead=True,
            FilterExpression="#entity = :entity AND #attribute = :value",
            ExpressionAttributeNames={"#entity": "entity", "#attribute": attribute},
            ExpressionAttributeValues={":entity": {"S": "api_key"}, ":value": {"S": value}},
        )
        items = [item_from_wire(wire) for page in pages for wire in page["Items"]]
        found = [(Key("access", item["pk"], item["sk"]), item) for item in items]
        return sorted(found, key=lambda pair: str(pair[1]["key_id"]))


def _output(cloudformation: Any, stack_name: str) -> str:
    try:
        stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
    except (BotoCoreError, ClientError) as error:
        raise Failure(" ".join(str(error).split())) from None
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
    if OUTPUT not in outputs:
        raise Failure(f"{stack_name} has no {OUTPUT}: is it Farthing's?")
    return str(outputs[OUTPUT])
