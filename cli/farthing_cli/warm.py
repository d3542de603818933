"""Calls each function once, so that the user's first request does not wait for cold starts."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import urllib3

from farthing_cli.aws import Account
from farthing_cli.state import Dev

AT_ONCE = 2
TIMEOUT_SECONDS = 30

LISTS = (
    "customers",
    "payment_methods",
    "payment_intents",
    "refunds",
    "events",
    "webhook_endpoints",
    "settlements",
)
EVENTS: dict[str, dict[str, object]] = {
    "charge": {"operation_id": "none"},
    "outbox": {"Records": []},
    "deliver_webhooks": {"Records": []},
    "redeliver_due": {},
    "settle": {},
}
"""What a function that no API reaches can be asked without an effect on an empty stack."""


def warm(dev: Dev, account: Account) -> list[str]:
    """Wake every function. Gives the names of those that failed."""
    http = urllib3.PoolManager(retries=False, timeout=TIMEOUT_SECONDS)
    key = {"Authorization": f"Bearer {dev.secret_key}"}
    publishable = {"Authorization": f"Bearer {dev.publishable_key}"}

    def ask(method: str, url: str, headers: dict[str, str]) -> bool:
        body = b"{}" if method == "POST" else None
        return http.request(method, url, headers=headers, body=body).status < 500

    def invoke(name: str, event: dict[str, object]) -> bool:
        answer = account.client("lambda").invoke(
            FunctionName=f"{dev.stack_name}-{name}", Payload=json.dumps(event).encode()
        )
        return "FunctionError" not in answer

    calls: dict[str, Callable[[], bool]] = {
        name: lambda name=name: ask("GET", f"{dev.api_url}/v1/{name}?limit=1", key)  # type: ignore[misc]
        for name in LISTS
    }
    calls["tokens"] = lambda: ask("POST", f"{dev.tokens_url}/v1/tokens", publishable)
    calls["sandbox_acquirer"] = lambda: ask(
        "GET", f"{dev.acquirer_url}/transactions?order_id=none", {}
    )
    for name, event in EVENTS.items():
        calls[name] = lambda name=name, event=event: invoke(name, event)  # type: ignore[misc]
    calls.pop(LISTS[0])()  # the authorizer wakes here, before many ask for it at once
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = {name: pool.submit(_safely, call) for name, call in calls.items()}
        return [name for name, result in results.items() if not result.result()]


def _safely(call: Callable[[], bool]) -> bool:
    try:
        return call()
    except urllib3.exceptions.HTTPError:
        return False
