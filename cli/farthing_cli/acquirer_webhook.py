"""Tells the sandbox acquirer where to post what happens later, as one would in its dashboard."""

from __future__ import annotations

import json

import urllib3

from farthing_cli.aws import Account
from farthing_cli.failure import Failure
from farthing_cli.state import Dev

TIMEOUT_SECONDS = 30


def register(dev: Dev, account: Account, secret_id: str) -> None:
    """Set the address. Raises Failure if the sandbox refuses it."""
    secrets = account.client("secretsmanager")
    secret = secrets.get_secret_value(SecretId=secret_id)["SecretString"]
    url = f"{dev.api_url}/v1/acquirer_webhooks/sandbox"
    try:
        answer = urllib3.PoolManager(retries=False, timeout=TIMEOUT_SECONDS).request(
            "PUT",
            f"{dev.acquirer_url}/v1/webhook_endpoint",
            headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
            body=json.dumps({"url": url}).encode(),
        )
    except urllib3.exceptions.HTTPError as error:
        raise Failure(f"The sandbox acquirer does not answer: {type(error).__name__}") from None
    if answer.status >= 300:
        raise Failure(
            f"The sandbox acquirer did not take its webhook's address: {answer.status} "
            f"{answer.data.decode(errors='replace')}"
        )
