"""Customers with cards, on moto, and what the API says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from farthing import runtime
from farthing.clock import later, to_text
from farthing.store import NOT_CREATED, Put
from farthing.vault.card_face import CardFace, card_face_key
from tests.support import lambdas
from tests.support.lambdas import Answer


@dataclass(frozen=True)
class Shop:
    """A merchant who calls the API."""

    merchant_id: str = lambdas.MERCHANT

    def call(self, function: str, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        return lambdas.call(function, method, path, body, merchant_id=self.merchant_id, **more)

    def customer(self, **fields: Any) -> str:
        made: str = self.call("customers", "POST", "/v1/customers", fields).body["customer_id"]
        return made

    def customer_of(self, customer_id: str) -> dict[str, Any]:
        return self.call("customers", "GET", f"/v1/customers/{customer_id}").body

    def token(self, last_four: str = "4242", life_seconds: int = 900) -> str:
        """A card face as `tokens` writes it."""
        tenant, now = lambdas.principal(self.merchant_id).tenant, runtime.clock().now()
        token = runtime.new_id("tok")
        face = CardFace(
            token=token,
            last_four=last_four,
            card_brand="visa",
            bin="424242",
            fingerprint="f" * 26,
            exp_month=12,
            exp_year=2040,
            name="Ada",
            billing_address={"city": "Dublin"},
            created_at=to_text(now),
            expires_at=later(now, seconds=life_seconds),
        )
        store = runtime.system_store()
        store.write(Put(card_face_key(tenant, token), face.to_item(), NOT_CREATED))
        return token

    def save(self, customer: str, **fields: Any) -> Answer:
        body = {"customer_id": customer, "type": "CARD", "token": None} | fields
        body["token"] = body["token"] or self.token()
        return self.call("payment_methods", "POST", "/v1/payment_methods", body)

    def method(self, customer: str, **fields: Any) -> str:
        made: str = self.save(customer, **fields).body["method_id"]
        return made

    def get(self, method_id: str) -> Answer:
        return self.call("payment_methods", "GET", f"/v1/payment_methods/{method_id}")

    def delete(self, method_id: str) -> Answer:
        return self.call("payment_methods", "DELETE", f"/v1/payment_methods/{method_id}")

    def prefer(self, method_id: str) -> Answer:
        return self.call("payment_methods", "POST", f"/v1/payment_methods/{method_id}/default")

    def methods(self, **query: str) -> Answer:
        return self.call("payment_methods", "GET", "/v1/payment_methods", query=query)

    def defaults(self, customer_id: str) -> tuple[list[str], list[str]]:
        """The customer's methods, and those that say they are the default."""
        listed = self.methods(customer_id=customer_id, limit="100").body["data"]
        ids = [method["method_id"] for method in listed]
        return ids, [method["method_id"] for method in listed if method["is_default"]]


@pytest.fixture
def shop(aws: None) -> Shop:
    return Shop()


@pytest.fixture
def other_shop(aws: None) -> Shop:
    return Shop(lambdas.OTHER_MERCHANT)
