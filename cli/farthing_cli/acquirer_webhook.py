"""Tells the sandbox's acquirer and token service where to post what happens later, as one would in
their dashboards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import urllib3

from farthing_cli.aws import Account
from farthing_cli.failure import Failure
from farthing_cli.state import Dev

TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Teller:
    """Who tells: its API below the sandbox's, its connector's name here, the output of the stack
    that names the secret of its client."""

    name: str
    api: str
    connector: str
    secret_output: str


TELLERS = (
    Teller("acquirer", "/v1", "sandbox", "AcquirerSecretId"),
    Teller("token service", "/token_service/v1", "sandbox_tokens", "TokenServiceSecretId"),
)


def register(dev: Dev, account: Account, outputs: Mapping[str, str]) -> None:
    """Set the addresses. Raises Failure if the sandbox refuses one."""
    for teller in TELLERS:
        _register(teller, dev, account, outputs[teller.secret_output])


def _register(teller: Teller, dev: Dev, account: Account, secret_id: str) -> None:
    secrets = account.client("secretsmanager")
    secret = secrets.get_secret_value(SecretId=secret_id)["SecretString"]
    url = f"{dev.api_url}/v1/acquirer_webhooks/{teller.connector}"
    try:
        answer = urllib3.PoolManager(retries=False, timeout=TIMEOUT_SECONDS).request(
            "PUT",
            f"{dev.acquirer_url}{teller.api}/webhook_endpoint",
            headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
            body=json.dumps({"url": url}).encode(),
        )
    except urllib3.exceptions.HTTPError as error:
        raise Failure(
            f"The sandbox's {teller.name} does not answer: {type(error).__name__}"
        ) from None
    if answer.status >= 300:
        raise Failure(
            f"The sandbox's {teller.name} did not take its webhook's address: {answer.status} "
            f"{answer.data.decode(errors='replace')}"
        )
