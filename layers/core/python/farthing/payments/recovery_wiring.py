"""What `resolve_unknown` does for each kind of event, with its ports filled with AWS."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from farthing import runtime
from farthing.acquiring.port import Books, LookUpFailed
from farthing.checkout.expire import end_if_due
from farthing.clock import from_text, to_text
from farthing.network_tokens.on_file import MethodAddress
from farthing.network_tokens.tend import tend
from farthing.observe import logger
from farthing.payments import decision, due, restore
from farthing.payments.address import Address
from farthing.payments.expiry import expire
from farthing.payments.follow import follow
from farthing.payments.judged import shown
from farthing.payments.operation import Operation
from farthing.payments.resolve import read_operation
from farthing.payments.services import Services
from farthing.payments.wiring import due_services, services_of
from farthing.store import TenantScope

LISTED_MAX = 500
ENDS: Mapping[str, Callable[[str, Services], None]] = {
    "expiry": expire,
    "session": end_if_due,
    "method": lambda method_id, services: tend_to(MethodAddress(services.tenant, method_id)),
}
"""What comes to its time, by its name in a message: a hold, a session, a method's network token."""


def tick() -> dict[str, Any]:
    """The minute's tick."""
    seen = due.tick(due_services())
    logger().info("looked for unknown outcomes", extra={"count": seen.queued})
    return vars(seen)


def from_queue(record: Mapping[str, Any]) -> None:
    """One message: an operation to look into, or something else whose time has come."""
    body = json.loads(record["body"])
    for name, end in ENDS.items():
        if name in body:
            merchant_id, mode, id_ = body[name].split("/")
            end(id_, services_of(TenantScope(merchant_id, mode)))
            return
    look_into(Address.parse(body["operation"]))


def tend_to(method: MethodAddress) -> None:
    """One method's network token, seen to if it is to be."""
    status = tend(method, services_of(method.tenant))
    logger().info(
        "saw to a network token",
        extra={
            "merchant_id": method.tenant.merchant_id,
            "method_id": method.method_id,
            "status": status.value if status else "NONE",
        },
    )


def look_into(address: Address) -> Operation:
    """One operation, looked into if it is to be."""
    services = services_of(address.tenant)
    operation = follow(address, services)
    logger().info(
        "looked into",
        extra={
            "merchant_id": address.tenant.merchant_id,
            "intent_id": address.intent_id,
            "operation_id": address.operation_id,
            "outcome": operation.state.value,
            "fence": operation.fence,
        },
    )
    return operation


def _look(event: Mapping[str, Any]) -> dict[str, Any]:
    return _with_its_decision(look_into(Address.parse(event["operation"])))


def _show(event: Mapping[str, Any]) -> dict[str, Any]:
    address = Address.parse(event["show"])
    try:
        return _with_its_decision(read_operation(address, services_of(address.tenant)))
    except LookupError:
        return {"error": f"there is no operation {address}"}


def _list(event: Mapping[str, Any]) -> dict[str, Any]:
    found = list(due.unresolved(runtime.system_store()))[:LISTED_MAX]
    return {"rows": [show(operation) for operation in found]}


def _decide(event: Mapping[str, Any]) -> dict[str, Any]:
    asked = event["decide"]
    address = Address.parse(asked["operation"])
    try:
        decided = decision.Decision(address, asked["outcome"], asked["by"], asked["reason"])
        operation = decision.decide(decided, services_of(address.tenant))
    except (decision.NotForAPerson, ValueError, LookupError) as refused:
        return {"error": str(refused)}
    return _with_its_decision(operation)


def _restore(event: Mapping[str, Any]) -> dict[str, Any]:
    books = Books(
        event.get("connector", "sandbox"), event.get("mode", "test"), event.get("merchant_id")
    )
    try:
        since = to_text(from_text(event["since"]))
        judged, following = restore.restore_page(
            books, since, event.get("after"), services_of, apply=event.get("apply") is True
        )
    except (ValueError, LookUpFailed) as refused:
        return {"error": str(refused) or "the acquirer's books could not be read"}
    return {"rows": list(shown(judged)), "next": following}


def _with_its_decision(operation: Operation) -> dict[str, Any]:
    """An operation, and who decided about it and why, if a person did."""
    key = decision.decision_key(operation.address, operation.fence)
    item = services_of(operation.tenant).store.get(key)
    names = ("decided_by", "reason", "decided_at", "outcome")
    return show(operation) | {"decision": {name: item[name] for name in names} if item else None}


def show(operation: Operation) -> dict[str, Any]:
    """An operation as the operator's tools take it."""
    return {
        "operation": str(operation.address),
        "operation_id": operation.operation_id,
        "reference": operation.reference,
        "kind": operation.kind.value,
        "amount_cents": operation.amount_cents,
        "currency": operation.currency,
        "state": operation.state.value,
        "requires_decision": operation.requires_decision,
        "created_at": operation.created_at,
        "due_at": operation.due_at,
    }


BY_HAND: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "operation": _look,
    "show": _show,
    "list": _list,
    "decide": _decide,
    "since": _restore,
}
"""What an event's key asks for."""
