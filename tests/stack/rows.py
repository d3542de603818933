"""What the tables hold, read past the API: whoever reads a payment there has it looked into."""

from __future__ import annotations

from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from farthing.payments.address import Address
from farthing.payments.names import reference_of
from farthing.payments.refund import refund_key
from farthing.store import TenantScope
from farthing.vault.rows import audit_key
from tests.stack.live import Live

Row = dict[str, Any]
Wire = dict[str, Any]
UNRESOLVED = {"OPEN", "UNKNOWN"}


class Rows:
    """The demo merchant's rows."""

    def __init__(self, live: Live) -> None:
        self._dynamo = live.aws("dynamodb")
        self._tenant = TenantScope(live.dev["merchant_id"], "test")
        charge = live.aws("lambda").get_function_configuration(
            FunctionName=f"{live.dev['stack_name']}-charge"
        )
        variables = charge["Environment"]["Variables"]
        self.payments, self.vault = variables["PAYMENTS_TABLE"], variables["VAULT_TABLE"]

    def intent(self, intent_id: str) -> Row:
        return self._payment(intent_id, "INTENT")[0]

    def operations(self, intent_id: str) -> list[Row]:
        """Every request to the acquirer for a payment, the first one first."""
        rows = self._payment(intent_id, "OP#")
        return sorted(rows, key=lambda row: str(row["created_at"]))

    def is_unresolved(self, intent_id: str) -> bool:
        return any(row["state"] in UNRESOLVED for row in self.operations(intent_id))

    def was_looked_for(self, intent_id: str) -> bool:
        """Whether the acquirer was asked for the payment's last operation."""
        return self.operations(intent_id)[-1].get("quiet_since") is not None

    def asks_a_person(self, intent_id: str) -> bool:
        return bool(self.operations(intent_id)[-1].get("requires_decision"))

    def refund(self, refund_id: str) -> Row:
        key = refund_key(self._tenant, refund_id)
        found = self._dynamo.get_item(
            TableName=self.payments,
            Key={"pk": {"S": key.pk}, "sk": {"S": key.sk}},
            ConsistentRead=True,
        )
        return plain(found["Item"])

    def was_sent(self, intent_id: str) -> bool:
        """Whether `charge` took the claim to send the payment's last operation."""
        operations = self.operations(intent_id)
        if not operations:
            return False
        key = audit_key(self._tenant, reference_of(operations[-1]["operation_id"]), 1)
        wire = {"pk": {"S": key.pk}, "sk": {"S": key.sk}}
        return "Item" in self._dynamo.get_item(TableName=self.vault, Key=wire, ConsistentRead=True)

    def address(self, intent_id: str) -> str:
        """Of the payment's last operation."""
        last = self.operations(intent_id)[-1]
        return str(Address(self._tenant, intent_id, last["operation_id"]))

    def backup(self) -> dict[tuple[str, str], Wire]:
        """The whole table of payments, as it is."""
        pages = self._dynamo.get_paginator("scan").paginate(
            TableName=self.payments, ConsistentRead=True
        )
        return {
            (item["pk"]["S"], item["sk"]["S"]): item for page in pages for item in page["Items"]
        }

    def restore(self, backup: dict[tuple[str, str], Wire]) -> None:
        """Make the table what it was: rows of later are gone, changed ones are as before."""
        now = self.backup()
        for pk, sk in now.keys() - backup.keys():
            self._dynamo.delete_item(
                TableName=self.payments, Key={"pk": {"S": pk}, "sk": {"S": sk}}
            )
        for key, item in backup.items():
            if now.get(key) != item:
                self._dynamo.put_item(TableName=self.payments, Item=item)

    def _payment(self, intent_id: str, sk: str) -> list[Row]:
        found = self._dynamo.query(
            TableName=self.payments,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={
                ":pk": {"S": self._tenant.pk("PI", intent_id)},
                ":sk": {"S": sk},
            },
            ConsistentRead=True,
        )
        return [plain(item) for item in found["Items"]]


def plain(item: Wire) -> Row:
    read = TypeDeserializer()
    return {name: read.deserialize(value) for name, value in item.items()}
