"""The vault's two KMS keys inside the test process, and cards put into it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from farthing import runtime
from farthing.access.issue import open_account
from farthing.access.keys import merchant_row
from farthing.access.principal import KeyKind, Mode, Principal
from farthing.vault import kms
from farthing.vault.envelope import DATA_KEY_BYTES, DataKey, EnvelopeRefused, TokenRef
from farthing.vault.open import open_source
from farthing.vault.pan import Pan
from farthing.vault.rotation import account_of, give_to_merchant
from farthing.vault.rows import card_key
from farthing.vault.tokenise import tokenise
from farthing.vault.typed_card import TypedCard
from farthing.vault.wiring import token_ports

NUMBER = "4242424242424242"


def card(**changes: Any) -> dict[str, Any]:
    """A body of POST /v1/tokens; None leaves a field out."""
    body = {"number": NUMBER, "exp_month": 12, "exp_year": 2040, "cvc": "123"} | changes
    return {name: value for name, value in body.items() if value is not None}


def make_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make both keys in moto's KMS and tell the functions of them."""
    kms = boto3.client("kms")
    for variable, arguments in {
        "VAULT_KEY_ID": {},
        "FINGERPRINT_KEY_ID": {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
    }.items():
        monkeypatch.setenv(variable, kms.create_key(**arguments)["KeyMetadata"]["KeyId"])


@dataclass
class KeyRing:
    """KMS in a dict: a wrapped key opens with the context that it was made with."""

    made: dict[bytes, tuple[bytes, dict[str, str]]] = field(default_factory=dict)

    def generate(self, context: Mapping[str, str]) -> DataKey:
        wrapped, key = os.urandom(16), os.urandom(DATA_KEY_BYTES)
        self.made[wrapped] = key, dict(context)
        return DataKey(key, wrapped, "ring")

    def unwrap(self, wrapped: bytes, context: Mapping[str, str], wrapped_by: str) -> bytes:
        key, made_with = self.made.get(wrapped, (b"", {}))
        if not key or made_with != dict(context):
            raise EnvelopeRefused("another context")
        return key


def new_key() -> str:
    """Another key in moto's KMS: its ARN."""
    arn: str = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    return arn


def merchant(merchant_id: str, *, key: str | None = None) -> Principal:
    """A merchant that is there, with a key of its own or without. Its requests know it."""
    store, now = runtime.system_store(), runtime.clock().now()
    if store.get(merchant_row(merchant_id)) is None:
        open_account(store, merchant_id, "A", [], now)
    if key is not None:
        give_to_merchant(store, merchant_id, key, now)
    account = account_of(store, merchant_id)
    settings = account.settings(Mode.TEST)
    return Principal(merchant_id, Mode.TEST, KeyKind.SECRET, "key_a", frozenset("*"), settings)


def new_token(principal: Principal, **changes: Any) -> TokenRef:
    """A card of this merchant in the vault, typed now."""
    body = card(**changes)
    typed = TypedCard(Pan(body["number"]), body["exp_month"], body["exp_year"], body.get("cvc"))
    now = runtime.clock().now()
    face = tokenise(principal, typed, "203.0.113.7", now, token_ports(principal))
    return TokenRef(principal.tenant, face.token)


def opened(ref: TokenRef) -> str:
    """The number of a card, as `charge` opens it."""
    store, keys = runtime.system_store(), kms.unwrapper(ref.tenant)
    return open_source(store, keys, ref, runtime.clock().now()).number.reveal()


def row_of(ref: TokenRef) -> dict[str, Any]:
    """A card's row."""
    item = runtime.system_store().get(card_key(ref))
    assert item is not None
    return item


def key_of(ref: TokenRef) -> str:
    """The key that a card's row names."""
    named: str = row_of(ref)["envelope"]["wrapped_by"]
    return named


def calls(monkeypatch: pytest.MonkeyPatch, *, parameters: bool = False) -> list[Any]:
    """The names of the AWS calls from now on, with their parameters if wanted."""
    real, made = BaseClient._make_api_call, list[Any]()

    def call(client: Any, name: str, arguments: dict[str, Any]) -> Any:
        made.append((name, arguments) if parameters else name)
        return real(client, name, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    return made
