"""A merchant's rules, as the payments of a test meet them."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.fraud.rule_document import read_rules
from farthing.fraud.rule_row import in_force_key, publish_writes, rules_of
from farthing.store import TenantScope
from tests.support.lambdas import MERCHANT

ALL = {"amount_cents": {"eur": 0, "usd": 0, "gbp": 0}}
TENANT = TenantScope(MERCHANT, "test")


def publish(*rules: dict[str, Any], tenant: TenantScope = TENANT, **more: Any) -> None:
    """Put these rules in force, and no others."""
    store = runtime.store(tenant)
    before = rules_of(store.get(in_force_key(tenant)))
    rule_set = read_rules({"rules": list(rules), **more}, before.version + 1)
    store.write(*publish_writes(tenant, rule_set, runtime.clock().now()))


def rule(action: str, *when: dict[str, Any], id: str = "a_rule") -> dict[str, Any]:
    """An active rule; without conditions, one for every payment in a currency that tests use."""
    always = {"field": "amount_cents", "operator": "gt", "value": ALL["amount_cents"]}
    return {
        "id": id,
        "type": "CUSTOM",
        "status": "ACTIVE",
        "action": action,
        "reason": "the test says so",
        "when": list(when) or [always],
    }
