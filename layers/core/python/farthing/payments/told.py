"""What an acquirer told us, followed up: a hint at an operation, at a dispute or at a network
token, a notice that is kept, or nothing.

An item names whose it is. It may name those of the account whose secret signed it, or, of an
acquirer with one secret for all merchants, those of its mode.

A notice is something that nothing of ours explains, such as an early warning. It is kept in a row
of its own, once however often it comes, until there is somebody who understands it.
"""

from __future__ import annotations

from collections.abc import Callable

from farthing.acquiring.adapters import ADAPTERS, CONNECTORS, MODES
from farthing.acquiring.inbound import (
    DisputeHint,
    Hint,
    NotAHint,
    Notice,
    NotYet,
    TokenHint,
)
from farthing.acquiring.inbox import ItemAddress, Kept
from farthing.acquiring.port import Kind
from farthing.disputes.dispute import Dispute
from farthing.ids import is_id
from farthing.network_tokens.on_file import MethodAddress
from farthing.payments.address import Address
from farthing.payments.hint import follow_up
from farthing.payments.names import tenant_of_reference
from farthing.payments.operation import Operation
from farthing.payments.resolve import NoSuchOperation
from farthing.payments.services import Services
from farthing.store import NOT_CREATED, ConditionFailed, Item, Key, Put, TenantScope

NOTICE = "acquirer_notice"
MERCHANT_PREFIX, INTENT_PREFIX, OPERATION_PREFIX, REFUND_PREFIX = "mer", "pi", "op", "re"

ServicesOf = Callable[[TenantScope], Services]
Tend = Callable[[MethodAddress], None]
HearOf = Callable[[TenantScope, str, str], Dispute | None]
"""Has a dispute looked at: whose, by which connector, and its reference. None if it is nobody's."""


def follow(kept: Kept, services_of: ServicesOf, tend: Tend, hear_of: HearOf) -> Operation | None:
    """The operation that an item led to, if it led to one.

    Raises NotAHint, NotYet if there is no such operation, or what following up raises.
    """
    told = ADAPTERS[kept.address.acquirer].subject(kept.body)
    match told:
        case Hint():
            return _look(operation_named(told, kept.address), services_of, told.approved)
        case TokenHint():
            tend(method_named(told, kept.address))
        case DisputeHint():
            _hear(told, kept, services_of, hear_of)
        case Notice():
            tenant = tenant_of_reference(kept.address.account)
            keep(told, kept, tenant, services_of(tenant))
    return None


def operation_named(hint: Hint, address: ItemAddress) -> Address:
    """The operation that an item is about. Raises NotAHint if it may not name that one."""
    prefix = REFUND_PREFIX if hint.kind is Kind.REFUND else OPERATION_PREFIX
    tenant = _tenant_named(hint.merchant_reference, address)
    try:
        operation_id = f"{prefix}_{hint.reference.lower()}"
        known = is_id(INTENT_PREFIX, hint.order_id) and is_id(prefix, operation_id)
    except (AttributeError, TypeError) as error:
        raise NotAHint(str(address)) from error
    if not known:
        raise NotAHint(str(address))
    return Address(tenant, hint.order_id, operation_id)


def method_named(hint: TokenHint, address: ItemAddress) -> MethodAddress:
    """The method whose token an item is about. Raises NotAHint if it may not name that one."""
    tenant = _tenant_named(hint.merchant_reference, address)
    try:
        return MethodAddress.of_reference(tenant, hint.reference)
    except (AttributeError, TypeError, ValueError) as error:
        raise NotAHint(str(address)) from error


def keep(notice: Notice, kept: Kept, tenant: TenantScope, services: Services) -> None:
    """Put the notice's row, unless it is there."""
    acquirer, received_at = kept.address.acquirer, kept.received_at
    item: Item = {
        "entity": NOTICE,
        "merchant_id": tenant.merchant_id,
        "mode": tenant.mode,
        "acquirer": acquirer,
        "event_id": notice.event_id,
        "type": notice.type,
        "facts": dict(notice.facts),
        "received_at": received_at,
        "list_pk": tenant.pk("LIST", "NOTICE", "0"),
        "list_sk": f"{received_at}#{notice.event_id}",
    }
    try:
        services.store.write(Put(notice_key(tenant, acquirer, notice.event_id), item, NOT_CREATED))
    except ConditionFailed:
        return


def notice_key(tenant: TenantScope, acquirer: str, event_id: str) -> Key:
    """Where a notice is."""
    return Key("payments", tenant.pk("NOTICE", acquirer, event_id), "NOTICE")


def _hear(hint: DisputeHint, kept: Kept, services_of: ServicesOf, hear_of: HearOf) -> None:
    """Have a dispute looked at. That of a payment which was made without us is kept as a notice."""
    address = kept.address
    tenant = _tenant_named(hint.merchant_reference or address.account, address)
    dispute = hear_of(tenant, CONNECTORS[address.acquirer], hint.reference)
    if dispute is None and hint.notice is not None:
        keep(hint.notice, kept, tenant, services_of(tenant))


def _look(address: Address, services_of: ServicesOf, approved: bool | None) -> Operation:
    try:
        return follow_up(address, services_of(address.tenant), approved)
    except NoSuchOperation as error:
        raise NotYet(str(address)) from error


def _tenant_named(merchant_reference: str, address: ItemAddress) -> TenantScope:
    """Whose payment an item names, if whoever signed it may name theirs. Raises NotAHint."""
    try:
        tenant = tenant_of_reference(merchant_reference)
        known = is_id(MERCHANT_PREFIX, tenant.merchant_id)
    except (AttributeError, TypeError, ValueError) as error:
        raise NotAHint(str(address)) from error
    own = merchant_reference == address.account
    ours = tenant.mode == MODES[address.acquirer] if address.acquirer in MODES else own
    if not (known and ours):
        raise NotAHint(str(address))
    return tenant
