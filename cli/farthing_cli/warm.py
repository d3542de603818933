"""Calls each function once, so that the user's first request does not wait for cold starts."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import urllib3

from farthing_cli.aws import Account
from farthing_cli.state import Dev

AT_ONCE = 4
TIMEOUT_SECONDS = 30

LISTS = (
    "customers",
    "payment_methods",
    "payment_intents",
    "reviews",
    "checkout_sessions",
    "refunds",
    "events",
    "webhook_endpoints",
    "settlements",
    "breaks",
    "ledger_transactions",
    "fraud/list_entries",
)


def warm(dev: Dev, account: Account) -> list[str]:
    """Wake every function. Gives the names of those that failed."""
    pool = urllib3.PoolManager(retries=False, timeout=TIMEOUT_SECONDS)
    first, *others = _calls(dev, account, pool)
    first[1]()  # wakes the authorizer too, before several calls ask for it at once
    with ThreadPoolExecutor(AT_ONCE) as threads:
        awake = list(threads.map(_safely, [call for _, call in others]))
    return [name for (name, _), ok in zip(others, awake, strict=True) if not ok]


def _calls(
    dev: Dev, account: Account, pool: urllib3.PoolManager
) -> list[tuple[str, Callable[[], bool]]]:
    def ask(method: str, url: str, key: str = "") -> Callable[[], bool]:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        body = b"{}" if method == "POST" else None
        return lambda: pool.request(method, url, headers=headers, body=body).status < 500

    def invoke(name: str, event: dict[str, Any]) -> Callable[[], bool]:
        client, function = account.client("lambda"), f"{dev.stack_name}-{name}"
        payload = json.dumps(event).encode()
        return lambda: "FunctionError" not in client.invoke(FunctionName=function, Payload=payload)

    lists = [
        (name, ask("GET", f"{dev.api_url}/v1/{name}?limit=1", dev.secret_key)) for name in LISTS
    ]
    nothing_to_look_up = {
        "task": "LOOK_UP",
        "operation": f"{dev.merchant_id}/test/pi_none/op_none",
    }
    return [
        *lists,
        ("tokens", ask("POST", f"{dev.tokens_url}/v1/tokens", dev.publishable_key)),
        ("fields", ask("GET", f"{dev.tokens_url}/fields/v1/frame?key={dev.publishable_key}")),
        ("checkout_page", ask("GET", f"{dev.checkout_url}/cs_none")),
        ("sandbox_acquirer", ask("GET", f"{dev.acquirer_url}/transactions?order_id=none")),
        ("charge", invoke("charge", nothing_to_look_up)),
        ("resolve_unknown", invoke("resolve_unknown", {})),
        ("acquirer_webhooks", ask("POST", f"{dev.api_url}/v1/acquirer_webhooks/sandbox")),
        ("acquirer_events", invoke("acquirer_events", {"Records": []})),
        ("outbox", invoke("outbox", {"Records": []})),
        ("project_balances", invoke("project_balances", {"Records": []})),
        ("deliver_webhooks", invoke("deliver_webhooks", {"Records": []})),
        ("redeliver_due", invoke("redeliver_due", {})),
        ("settle", invoke("settle", {"run": "none"})),
        ("settle_batch", invoke("settle_batch", {"Records": []})),
        ("reconcile", invoke("reconcile", {"Records": []})),
    ]


def _safely(call: Callable[[], bool]) -> bool:
    try:
        return call()
    except urllib3.exceptions.HTTPError:
        return False
