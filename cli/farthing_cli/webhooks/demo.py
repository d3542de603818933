"""The demo merchant of the local stack as its own program acts: real calls, real test cards."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from farthing_cli.api import Api, in_words, part
from farthing_cli.aws import Account
from farthing_cli.clock import TestClock
from farthing_cli.failure import Failure
from farthing_cli.state import Dev

Document = dict[str, Any]

PAYMENTS = "/v1/payment_intents"
EXPIRES = {"exp_month": 12, "exp_year": 2035}
CVC, CVC_AMERICAN_EXPRESS = "123", "1234"
AMERICAN_EXPRESS = ("34", "37")


@dataclass(frozen=True)
class Demo:
    """What a scenario may do. Every method raises Failure if the stack refuses."""

    dev: Dev

    @property
    def api(self) -> Api:
        """The API, with the secret key."""
        return Api(self.dev.api_url, self.dev.secret_key)

    def card(self, number: str) -> str:
        """A token of a test card."""
        cvc = CVC_AMERICAN_EXPRESS if number.startswith(AMERICAN_EXPRESS) else CVC
        typed = {"number": number, "cvc": cvc, **EXPIRES}
        return self._token(typed, self.dev.publishable_key)

    def account(self, iban: str) -> str:
        """A token of a test bank account, whose owner agreed to it now."""
        mandate = {
            "accepted_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "ip_address": "203.0.113.9",
        }
        typed = {"type": "BANK", "iban": iban, "holder_name": "Ada Lovelace", "mandate": mandate}
        return self._token(typed, self.dev.secret_key)

    def pay(self, given: Mapping[str, Any], **more: Any) -> Document:
        """A payment, created and confirmed, whatever becomes of it.

        A decline is an outcome too: then it is the payment that the problem holds.
        """
        asked = {name: given[name] for name in ("amount_cents", "currency")}
        status, answer = self.api.ask("POST", PAYMENTS, asked | {"confirm": True} | more, _key())
        payment = answer.get("payment_intent", answer)
        if "intent_id" not in payment:
            raise Failure(in_words(status, answer))
        return dict(payment)

    def act(self, intent_id: str, verb: str, body: Document | None = None) -> Document:
        """Capture or cancel a payment."""
        return self.api.post(f"{PAYMENTS}/{part(intent_id)}/{verb}", body, key=_key())

    def payment(self, intent_id: str) -> Document:
        """A payment as it is now; reading it has the acquirer asked, where that is due."""
        return self.api.get(f"{PAYMENTS}/{part(intent_id)}")

    def post(self, path: str, body: Document) -> Document:
        """Any other write, each time a new one."""
        return self.api.post(path, body, key=_key())

    def advance(self, seconds: int) -> None:
        """Move the clock of every function on."""
        TestClock(Account.of(self.dev), self.dev.stack_name).advance(seconds)

    def tick(self) -> None:
        """Do now what the schedule does every minute: look into what is unknown or due."""
        client = Account.of(self.dev).client("lambda")
        name = f"{self.dev.stack_name}-resolve_unknown"
        answer = client.invoke(FunctionName=name, Payload=b"{}")
        if "FunctionError" in answer:
            raise Failure(f"resolve_unknown failed: {json.load(answer['Payload'])}")

    def _token(self, typed: Document, key: str) -> str:
        return str(Api(self.dev.tokens_url, key).post("/v1/tokens", typed)["token"])


def _key() -> str:
    return secrets.token_hex(16)
