"""What an acquirer told us, followed up: a hint at an operation, a notice that is kept, or nothing.

A notice is something that no operation of ours explains, such as a dispute. It is kept in a row of
its own, once however often it comes, until there is somebody who understands it.
"""

from __future__ import annotations

from collections.abc import Callable

from farthing.acquiring.port import Kind
from farthing.acquiring.stripe import messages
from farthing.acquiring.stripe.messages import Hint, Notice
from farthing.acquiring.webhooks import Message, NotAHint, operation_named
from farthing.ids import is_id
from farthing.payments.address import Address
from farthing.payments.hint import follow_up
from farthing.payments.names import tenant_of_reference
from farthing.payments.operation import Operation
from farthing.payments.services import Services
from farthing.store import NOT_CREATED, ConditionFailed, Item, Key, Put, TenantScope

NOTICE = "acquirer_notice"

ServicesOf = Callable[[TenantScope], Services]


def follow(message: Message, services_of: ServicesOf) -> Operation | None:
    """What the message led to. Raises NotAHint, LookupError, or what following up raises."""
    if message.account is None:
        address = operation_named(message)
        return follow_up(address, services_of(address.tenant))
    tenant = tenant_of_reference(message.account)
    try:
        told = messages.read(message.body)
    except ValueError as error:
        raise NotAHint(message.acquirer) from error
    match told:
        case Hint():
            return follow_up(_address(told, tenant), services_of(tenant), told.approved)
        case Notice():
            keep(told, message, tenant, services_of(tenant))
    return None


def keep(notice: Notice, message: Message, tenant: TenantScope, services: Services) -> None:
    """Put the notice's row, unless it is there."""
    item: Item = {
        "entity": NOTICE,
        "merchant_id": tenant.merchant_id,
        "mode": tenant.mode,
        "acquirer": message.acquirer,
        "event_id": notice.event_id,
        "type": notice.type,
        "facts": dict(notice.facts),
        "received_at": message.received_at,
        "list_pk": tenant.pk("LIST", "NOTICE", "0"),
        "list_sk": f"{message.received_at}#{notice.event_id}",
    }
    try:
        services.store.write(
            Put(notice_key(tenant, message.acquirer, notice.event_id), item, NOT_CREATED)
        )
    except ConditionFailed:
        return


def notice_key(tenant: TenantScope, acquirer: str, event_id: str) -> Key:
    """Where a notice is."""
    return Key("payments", tenant.pk("NOTICE", acquirer, event_id), "NOTICE")


def _address(hint: Hint, tenant: TenantScope) -> Address:
    """The operation, if it is the account's own. Raises NotAHint."""
    prefix = "re" if hint.kind is Kind.REFUND else "op"
    operation_id = f"{prefix}_{hint.reference.lower()}"
    ours = hint.merchant_reference == f"{tenant.merchant_id}:{tenant.mode}"
    if not (ours and is_id("pi", hint.order_id) and is_id(prefix, operation_id)):
        raise NotAHint(hint.reference)
    return Address(tenant, hint.order_id, operation_id)
