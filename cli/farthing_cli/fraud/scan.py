"""All rows of a stack's payments table that say something of a decision, page by page.

There is no index of decisions, so this reads the whole table: for operators, and rare.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from farthing.acquiring.port import Kind
from farthing.disputes.dispute import ENTITY as DISPUTE
from farthing.payments.told import NOTICE
from farthing.store.item import Item, item_from_wire
from farthing_cli.failure import Failure
from farthing_cli.place import one_line

DECISION, REVIEW = "fraud_decision", "review"
ENTITIES = ("operation", "intent", "refund", DISPUTE, NOTICE, DECISION, REVIEW)
TRIES_MAX = 6
PAUSE_SECONDS_MAX = 8.0


@dataclass(frozen=True)
class Page:
    """Some rows, and how many were read for them."""

    read: int
    items: list[Item]


@dataclass(frozen=True)
class PaymentsTable:
    """One stack's. A page that is throttled is asked again."""

    client: Any
    name: str
    sleep: Callable[[float], None] = time.sleep

    def rows(self) -> int:
        """About how many there are: DynamoDB counts them every six hours."""
        return int(self.client.describe_table(TableName=self.name)["Table"]["ItemCount"])

    def pages(self, merchant_id: str | None, mode: str) -> Iterator[Page]:
        """The rows of a merchant, or of all, in one mode. Raises Failure if it does not get on."""
        asked = _asked(merchant_id, mode)
        while True:
            answer = self._page(asked)
            yield Page(answer["ScannedCount"], [item_from_wire(one) for one in answer["Items"]])
            if "LastEvaluatedKey" not in answer:
                return
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _page(self, asked: dict[str, Any]) -> dict[str, Any]:
        for tried in range(1, TRIES_MAX + 1):
            try:
                answer: dict[str, Any] = self.client.scan(TableName=self.name, **asked)
                return answer
            except (BotoCoreError, ClientError) as error:
                if tried == TRIES_MAX or not _passes(error):
                    raise Failure(f"{self.name} cannot be read: {one_line(error)}") from None
            self.sleep(min(2.0**tried / 4, PAUSE_SECONDS_MAX))
        raise AssertionError("the last try returns or raises")


def _asked(merchant_id: str | None, mode: str) -> dict[str, Any]:
    """An operation counts if it is an authorization. A partition key begins with its tenant."""
    entities = {f":entity{number}": {"S": name} for number, name in enumerate(ENTITIES)}
    tenant = f"{merchant_id}#{mode}#" if merchant_id else f"#{mode}#"
    of_tenant = "begins_with(#pk, :tenant)" if merchant_id else "contains(#pk, :tenant)"
    return {
        "ConsistentRead": True,
        "FilterExpression": f"#entity IN ({', '.join(entities)}) AND {of_tenant} "
        "AND (attribute_not_exists(#kind) OR #kind = :authorize)",
        "ExpressionAttributeNames": {"#entity": "entity", "#pk": "pk", "#kind": "kind"},
        "ExpressionAttributeValues": {
            **entities,
            ":tenant": {"S": tenant},
            ":authorize": {"S": Kind.AUTHORIZE.value},
        },
    }


def _passes(error: BotoCoreError | ClientError) -> bool:
    """Whether it may be over in a moment: throttled, busy, or the line was bad."""
    if not isinstance(error, ClientError):
        return True
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response["Error"]["Code"]
    return status >= 500 or "Throttl" in code or "Throughput" in code
