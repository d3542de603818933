"""After a restore from backup: the acquirer's books against ours, transaction by transaction.

Minutes are lost. What the acquirer did in them is in its books, under references that are made
from our operations' ids, so each lost operation can be written again, as one of unknown outcome,
and goes the way of all those: looked up and adopted. A charge whose payment is lost as a whole
cannot be adopted: nobody knows any more who asked for it, and whoever did may ask again. It is
undone, and the payment is written again, FAILED, so that the merchant is told. What fits neither
is reported, and changes nothing.

Read them oldest first, and with nobody else at work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from farthing.acquiring.port import Books, Kind, Transaction
from farthing.clock import to_text
from farthing.ids import is_id
from farthing.payments import states
from farthing.payments.address import Address
from farthing.payments.conclusion import intent_update
from farthing.payments.conditions import same_version
from farthing.payments.fallback import fallback_writes, found_after_it
from farthing.payments.intent import CaptureMethod, Intent, intent_key
from farthing.payments.judged import MOVED, Judged, Verdict, compare
from farthing.payments.names import is_reversal, operation_id_of, tenant_of_reference
from farthing.payments.operation import Operation, OperationState
from farthing.payments.refund import Refund
from farthing.payments.resolve import read_operation, resolve
from farthing.payments.review import ReviewStatus, ReviewStep
from farthing.payments.services import Services
from farthing.payments.states import Status
from farthing.store import NOT_CREATED, ConditionFailed, Put, StoreBusy, TenantScope, Write

BY = "restore"
"""Who closed a review whose answer is known from the acquirer's books alone."""


@dataclass(frozen=True)
class Missing:
    """What has to be written so that a lost operation can be resolved."""

    operation: Operation
    writes: list[Write]
    verdict: Verdict


def restore_page(
    books: Books,
    since: str,
    after: str | None,
    services_of: Callable[[TenantScope], Services],
    *,
    apply: bool,
) -> tuple[list[Judged], str | None]:
    """One page of the acquirer's books, each transaction judged, and where the next page begins.

    Without `apply` nothing is written. Raises LookUpFailed if the books cannot be read.
    """
    reader = services_of(TenantScope("restore", books.mode))
    page = reader.sender.transactions(books, since, after)
    judged = [judge(one, books, services_of, apply=apply) for one in page.transactions]
    return judged, page.next


def judge(
    transaction: Transaction,
    books: Books,
    services_of: Callable[[TenantScope], Services],
    *,
    apply: bool,
) -> Judged:
    """Compare one transaction with our books, and mend them if that is safe."""
    tenant = _whose(transaction, books.mode)
    if isinstance(tenant, str):
        return Judged(transaction, Verdict.REPORTED, tenant)
    if is_reversal(transaction.reference):
        return Judged(transaction, Verdict.MATCHED, "a reversal of ours", tenant)
    services = services_of(tenant)
    address = Address(tenant, transaction.order_id, operation_id_of(transaction))
    item = services.store.get(address.key)
    if item is not None:
        verdict, why = compare(Operation.from_item(item), transaction, services, apply=apply)
        return Judged(transaction, verdict, why, tenant)
    if transaction.status not in MOVED:
        return Judged(transaction, Verdict.MATCHED, "no money moved", tenant)
    missing = _missing(transaction, address, books.connector, services)
    if isinstance(missing, str):
        return Judged(transaction, Verdict.REPORTED, missing, tenant)
    if not apply:
        return Judged(transaction, missing.verdict, "the operation is lost", tenant)
    verdict, why = _bring_back(missing, services)
    return Judged(transaction, verdict, why, tenant)


def _whose(transaction: Transaction, mode: str) -> TenantScope | str:
    """The merchant that it names; or why it is nobody's."""
    try:
        tenant = tenant_of_reference(transaction.merchant_reference or "")
    except ValueError:
        return "it names no merchant of ours"
    if tenant.mode != mode:
        return "it is of another mode"
    return tenant if is_id("pi", transaction.order_id) else "it names no payment of ours"


def _missing(
    transaction: Transaction, address: Address, connector: str, services: Services
) -> Missing | str:
    """What to write for an operation that is lost; or why it is for a person."""
    item = services.store.get(intent_key(address.tenant, address.intent_id))
    operation = replace(_operation(transaction, address, services), connector=connector)
    if item is None:
        if transaction.kind is not Kind.AUTHORIZE:
            return "its payment is lost, and what it belongs to is not its own"
        return _orphan(transaction, operation, services)
    intent = Intent.from_item(item)
    if intent.amount_cents < transaction.amount_cents or intent.currency != operation.currency:
        return f"the payment is of {intent.amount_cents} {intent.currency}"
    if transaction.kind is Kind.REFUND:
        return _lost_refund(intent, operation)
    authorizes = transaction.kind is Kind.AUTHORIZE
    if fallen := _fallen_back(intent, operation, services):
        return fallen
    held = intent.is_under_review and (intent.authorization is None) == authorizes
    wanted = states.NEW if authorizes else states.AUTHORIZED
    if intent.state != (states.HELD if held else wanted) or intent.open_operation is not None:
        return f"the payment is {intent.status} {intent.status_detail or ''}".strip()
    if authorizes and intent.amount_cents != transaction.amount_cents:
        return f"the payment is of {intent.amount_cents} {intent.currency}"
    return _lost_operation(
        intent, replace(operation, review=_review_of(operation, intent, services))
    )


def _review_of(operation: Operation, intent: Intent, services: Services) -> ReviewStep | None:
    """What the lost operation meant for the payment's review: it answers the one that is open; or
    it held what was to be taken at once, and then somebody is to look again."""
    if intent.is_under_review:
        kept = operation.kind is not Kind.VOID
        return ReviewStep(ReviewStatus.APPROVED if kept else ReviewStatus.CANCELLED, by=BY)
    at_once = intent.capture_method is CaptureMethod.AUTOMATIC
    if operation.kind is Kind.AUTHORIZE and at_once and not operation.capture:
        return ReviewStep(ReviewStatus.OPEN, days=services.fraud.rules(None).reviews.days)
    return None


def _fallen_back(intent: Intent, operation: Operation, services: Services) -> Missing | None:
    """The payment waits for the operation whose place this one took."""
    if intent.open_operation is None:
        return None
    first = Address(intent.tenant, intent.intent_id, intent.open_operation)
    item = services.store.get(first.key)
    if item is None:
        return None
    now, second_id = services.now(), operation.operation_id
    fallen = found_after_it(intent, Operation.from_item(item), second_id, now)
    if fallen is None:
        return None
    return Missing(fallen.second, fallback_writes(fallen), Verdict.WOULD_ADOPT)


def _lost_operation(intent: Intent, operation: Operation) -> Missing:
    instrument = intent.instrument
    if instrument is not None and operation.kind is Kind.AUTHORIZE:
        operation = replace(
            operation,
            token=instrument.token,
            method_id=instrument.method_id,
            method_type=instrument.type,
        )
    waiting = intent.moved(
        states.IN_FLIGHT, open_operation=operation.operation_id, connector=operation.connector
    )
    writes = [*intent_update(intent, waiting, same_version(intent.version)), _put(operation)]
    return Missing(operation, writes, _would(operation))


def _lost_refund(intent: Intent, operation: Operation) -> Missing | str:
    """A refund that is not in our books. Its debit's return may be restored before it and have
    taken all that was left: what the payer then has twice is overdrawn, as when both are in time.
    """
    gone = intent.amount_returned + intent.amount_disputed - intent.amount_overdrawn
    room = intent.amount_refundable + gone
    if intent.status is not Status.SUCCEEDED or room < operation.amount_cents:
        return f"the payment has {room} left to refund"
    taken = min(intent.amount_refundable, operation.amount_cents)
    refund = Refund(
        tenant=operation.tenant,
        refund_id=operation.operation_id,
        intent_id=operation.intent_id,
        amount_cents=operation.amount_cents,
        currency=operation.currency,
        created_at=operation.created_at,
    )
    held = replace(
        intent,
        amount_refundable=intent.amount_refundable - taken,
        amount_overdrawn=intent.amount_overdrawn + operation.amount_cents - taken,
        open_refunds=intent.open_refunds + 1,
        version=intent.version + 1,
    )
    writes: list[Write] = [
        *intent_update(intent, held, same_version(intent.version)),
        Put(refund.key, refund.to_item(), NOT_CREATED),
        _put(operation),
    ]
    return Missing(operation, writes, _would(operation))


def _orphan(transaction: Transaction, operation: Operation, services: Services) -> Missing:
    """A charge without a payment: both are written, and that it is to be undone."""
    new = Intent(
        tenant=operation.tenant,
        intent_id=operation.intent_id,
        amount_cents=operation.amount_cents,
        currency=operation.currency,
        capture_method=CaptureMethod.AUTOMATIC if transaction.capture else CaptureMethod.MANUAL,
        created_at=operation.created_at,
        connector=operation.connector,
    )
    undo = replace(operation, reversal_at=to_text(services.now()))
    waiting = new.moved(states.IN_FLIGHT, open_operation=undo.operation_id)
    writes: list[Write] = [Put(waiting.key, waiting.to_item(), NOT_CREATED), _put(undo)]
    return Missing(undo, writes, _would(undo))


def _bring_back(missing: Missing, services: Services) -> tuple[Verdict, str]:
    try:
        services.store.write(*missing.writes)
    except (ConditionFailed, StoreBusy):
        return Verdict.REPORTED, "somebody else changed the payment: run it again"
    resolve(missing.operation, services)
    after = read_operation(missing.operation.address, services)
    match after.state:
        case OperationState.APPROVED | OperationState.PENDING:
            return Verdict.ADOPTED, "the operation was lost, and is written again"
        case OperationState.ABSENT:
            return Verdict.VOIDED, "the payment was lost, and its charge is undone"
    return Verdict.REPORTED, f"it is written again, and is {after.state}"


def _would(operation: Operation) -> Verdict:
    return Verdict.WOULD_VOID if operation.reversal_at else Verdict.WOULD_ADOPT


def _operation(transaction: Transaction, address: Address, services: Services) -> Operation:
    """The lost operation as it would be found: unknown, and nobody at it."""
    now = to_text(services.now())
    return Operation(
        tenant=address.tenant,
        intent_id=address.intent_id,
        operation_id=address.operation_id,
        kind=transaction.kind,
        amount_cents=transaction.amount_cents,
        currency=transaction.currency.lower(),
        created_at=transaction.created_at,
        lease_until=now,
        idempotency_row="",
        success_status=200,
        request_id="restore",
        capture=transaction.capture,
        original_reference=transaction.original_reference,
        acquirer_id=transaction.acquirer_id,
        method_type=transaction.method,
        state=OperationState.UNKNOWN,
        due_at=now,
    )


def _put(operation: Operation) -> Put:
    return Put(operation.address.key, operation.to_item(), NOT_CREATED)
