"""What became of one transaction of the acquirer's books after a restore, and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from farthing.acquiring.port import LookUpFailed, Transaction
from farthing.payments import refund_returns
from farthing.payments.follow import follow
from farthing.payments.intent import Intent, intent_key
from farthing.payments.operation import UNRESOLVED, Operation, OperationState
from farthing.payments.refund_returns import may_come_back
from farthing.payments.resolve import resolve
from farthing.payments.returned import return_key
from farthing.payments.services import Services
from farthing.payments.states import Status
from farthing.store import StoreBusy, TenantScope

MOVED = frozenset({"APPROVED", "PENDING"})
"""What an acquirer's row says if it moved or holds money, or will."""


class Verdict(StrEnum):
    """What became of one transaction."""

    MATCHED = "MATCHED"
    ADOPTED = "ADOPTED"
    VOIDED = "VOIDED"
    WOULD_ADOPT = "WOULD_ADOPT"
    WOULD_VOID = "WOULD_VOID"
    REPORTED = "REPORTED"


@dataclass(frozen=True)
class Judged:
    """A transaction and what became of it, and why."""

    transaction: Transaction
    verdict: Verdict
    why: str
    tenant: TenantScope | None = None


def compare(
    ours: Operation, theirs: Transaction, services: Services, *, apply: bool
) -> tuple[Verdict, str]:
    """An operation that both books have."""
    if ours.amount_cents != theirs.amount_cents or ours.currency != theirs.currency.lower():
        return Verdict.REPORTED, f"ours is of {ours.amount_cents} {ours.currency}"
    if ours.state is OperationState.PENDING and theirs.status == "PENDING":
        return Verdict.MATCHED, "the bank has still to decide"
    if ours.state in UNRESOLVED:
        return _of_unknown_outcome(ours, services, apply=apply)
    if theirs.returned and (ours.may_be_returned or may_come_back(ours)):
        return _returned(ours, services, apply=apply)
    wrong = theirs.status == "DECLINED" or (
        theirs.status == "REVERSED" and not _was_given_back(ours, services)
    )
    if ours.state is not OperationState.APPROVED:
        wrong = theirs.status in MOVED
    if wrong:
        return Verdict.REPORTED, f"ours is {ours.state}, theirs {theirs.status}"
    return Verdict.MATCHED, f"ours is {ours.state}"


def _of_unknown_outcome(ours: Operation, services: Services, *, apply: bool) -> tuple[Verdict, str]:
    if not apply:
        return Verdict.WOULD_ADOPT, "its outcome was not known"
    after = resolve(ours, services)
    if after.state in UNRESOLVED and after.state is not OperationState.PENDING:
        return Verdict.REPORTED, "its outcome is still not known"
    return Verdict.ADOPTED, f"it is {after.state}"


def _returned(ours: Operation, services: Services, *, apply: bool) -> tuple[Verdict, str]:
    """A debit or a refund that went back, a fact of its own: it may be lost by itself."""
    if _knows_of_return(ours, services):
        return Verdict.MATCHED, "ours went back too"
    if not apply:
        return Verdict.WOULD_ADOPT, "that it went back is lost"
    if may_come_back(ours):
        with suppress(LookUpFailed, StoreBusy):
            refund_returns.look(ours, services)
    else:
        follow(ours.address, services)
    if _knows_of_return(ours, services):
        return Verdict.ADOPTED, "that it went back was lost, and is written again"
    return Verdict.REPORTED, "it went back, and that could not be written"


def _knows_of_return(ours: Operation, services: Services) -> bool:
    return services.store.get(return_key(ours)) is not None


def _was_given_back(ours: Operation, services: Services) -> bool:
    """Whether our books know that what was held is held no more."""
    item = services.store.get(intent_key(ours.tenant, ours.intent_id))
    return item is not None and Intent.from_item(item).status is Status.CANCELLED


def shown(judged: list[Judged]) -> Iterator[dict[str, object]]:
    """The rows as the operator's tool takes them."""
    for one in judged:
        yield {
            "reference": one.transaction.reference,
            "operation": one.transaction.kind.value,
            "intent_id": one.transaction.order_id,
            "merchant_id": one.tenant.merchant_id if one.tenant else None,
            "amount_cents": one.transaction.amount_cents,
            "currency": one.transaction.currency,
            "verdict": one.verdict.value,
            "why": one.why,
        }
