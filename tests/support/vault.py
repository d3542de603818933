"""The vault's two KMS keys inside the test process, and cards put into it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from farthing.vault.envelope import DATA_KEY_BYTES, DataKey, EnvelopeRefused

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

    def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        key, made_with = self.made.get(wrapped, (b"", {}))
        if not key or made_with != dict(context):
            raise EnvelopeRefused("another context")
        return key
