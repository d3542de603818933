"""Roles, asked from inside: a probe runs under a function's own role and tries what others may."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.stack.live import Live

PROBE = '''
import base64, boto3

def handler(calls, context):
    """Try each call; give the error code of each, or None if it was allowed."""
    said, blob = {}, b""
    for name, service, operation, arguments in calls:
        if "CiphertextBlob" in arguments:
            arguments["CiphertextBlob"] = base64.b64decode(arguments["CiphertextBlob"])
        client = boto3.client(service)
        try:
            blob = getattr(client, operation)(**arguments).get("CiphertextBlob", b"")
            said[name] = None
        except client.exceptions.ClientError as error:
            said[name] = error.response["Error"]["Code"]
    return {"said": said, "ciphertext": base64.b64encode(blob).decode()}
'''


class Probe:
    """A function of our own that borrows another's role."""

    def __init__(self, live: Live) -> None:
        self._lambda = live.aws("lambda")
        self.stack_name = live.dev["stack_name"]
        self._made: list[str] = []

    def environment(self, function: str) -> dict[str, str]:
        variables: dict[str, str] = self._of(function)["Environment"]["Variables"]
        return variables

    def as_(self, function: str, calls: list[Any]) -> dict[str, Any]:
        """What the role of `function` is told for each call."""
        name = f"probe-{function}-{len(self._made)}"
        deployed = self._of(function)
        self._lambda.create_function(
            FunctionName=name,
            Runtime=deployed["Runtime"],
            Role=deployed["Role"],
            Handler="app.handler",
            Timeout=30,
            Code={"ZipFile": package(PROBE)},
        )
        self._made.append(name)
        answer = self._lambda.invoke(FunctionName=name, Payload=json.dumps(calls).encode())
        result: dict[str, Any] = json.load(answer["Payload"])
        assert "FunctionError" not in answer, result
        return result

    def remove(self) -> None:
        for name in self._made:
            self._lambda.delete_function(FunctionName=name)

    def _of(self, function: str) -> dict[str, Any]:
        found: dict[str, Any] = self._lambda.get_function_configuration(
            FunctionName=f"{self.stack_name}-{function}"
        )
        return found


def package(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", text)
    return buffer.getvalue()


@pytest.fixture
def probe(live: Live) -> Iterator[Probe]:
    made = Probe(live)
    yield made
    made.remove()


def test_the_vaults_key_encrypts_for_tokens_and_charge_and_decrypts_for_charge_alone(
    probe: Probe,
) -> None:
    # Given: a data key, made as `tokens`
    key_id = probe.environment("tokens")["VAULT_KEY_ID"]
    make = ("make", "kms", "generate_data_key", {"KeyId": key_id, "KeySpec": "AES_256"})
    made = probe.as_("tokens", [make])
    assert made["said"] == {"make": None}
    # When, Then
    data_key = {"KeyId": key_id, "CiphertextBlob": made["ciphertext"]}
    decrypt = ("decrypt", "kms", "decrypt", data_key)
    assert probe.as_("charge", [decrypt])["said"] == {"decrypt": None}
    others = ("tokens", "payment_intents", "refunds", "settle", "sandbox_acquirer")
    for function in (*others, "resolve_unknown", "acquirer_events"):
        said = probe.as_(function, [decrypt])["said"]
        assert said == {"decrypt": "AccessDeniedException"}, function
    # And who opens a card may seal it anew; nobody else but `tokens` seals one
    assert probe.as_("charge", [make])["said"] == {"make": None}
    for function in others[1:]:
        assert probe.as_(function, [make])["said"] == {"make": "AccessDeniedException"}, function


def test_what_is_not_granted_is_refused(probe: Probe) -> None:
    # Given
    vault = probe.environment("charge")["VAULT_TABLE"]
    secret = probe.environment("charge")["ACQUIRER_SECRET_ID"]
    card = {"TableName": vault, "Key": {"pk": {"S": "x"}, "sk": {"S": "CARD"}}}
    read_card = ("read a card", "dynamodb", "get_item", card)
    read_secret = ("read the secret", "secretsmanager", "get_secret_value", {"SecretId": secret})
    # When, Then
    allowed = probe.as_("charge", [read_card, read_secret])["said"]
    assert allowed == {"read a card": None, "read the secret": None}
    others = ("tokens", "fields", "payment_intents", "settle", "resolve_unknown")
    others += ("acquirer_webhooks",)
    for function in others:
        said = probe.as_(function, [read_card, read_secret])["said"]
        assert set(said.values()) == {"AccessDeniedException"}, function


def test_what_signs_an_acquirers_webhook_is_read_by_who_checks_it_and_by_the_sandbox(
    probe: Probe,
) -> None:
    # Given
    secret = probe.environment("acquirer_webhooks")["ACQUIRER_WEBHOOK_SECRET_ID"]
    payments = probe.environment("acquirer_events")["PAYMENTS_TABLE"]
    row = {"TableName": payments, "Key": {"pk": {"S": "x"}, "sk": {"S": "INTENT"}}}
    read_secret = ("read the secret", "secretsmanager", "get_secret_value", {"SecretId": secret})
    read_payment = ("read a payment", "dynamodb", "get_item", row)
    # When, Then
    for function in ("acquirer_webhooks", "sandbox_acquirer"):
        said = probe.as_(function, [read_secret, read_payment])["said"]
        assert said == {"read the secret": None, "read a payment": "AccessDeniedException"}
    for function in ("acquirer_events", "resolve_unknown", "charge"):
        said = probe.as_(function, [read_secret, read_payment])["said"]
        assert said == {"read the secret": "AccessDeniedException", "read a payment": None}
