"""What happens without anybody asking: refunds end, banks decide, issuers act, and the client is
told.

This acquirer sends itself a message that arrives when something's time has come.
Messages come at least once and so does the webhook; the thing happens once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from farthing_sandbox import (
    batch,
    bodies,
    dispute_books,
    dispute_notices,
    maturity,
    notices,
    token_bodies,
    token_books,
)
from farthing_sandbox.acquirer import NotBooked
from farthing_sandbox.notices import Undelivered

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from farthing_sandbox.acquirer import Acquirer
    from farthing_sandbox.asks import Due, IssuerActs
    from farthing_sandbox.notices import Notice
    from farthing_sandbox.token_service import TokenService


class Services(Protocol):
    """What a message needs of its surroundings."""

    @property
    def acquirer(self) -> Acquirer: ...
    @property
    def tokens(self) -> TokenService: ...
    def webhook_secret(self) -> bytes: ...
    def token_webhook_secret(self) -> bytes: ...
    def now(self) -> datetime: ...
    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None: ...
    def complain(self, what: str, **ids: str) -> None: ...


def work_off(event: Mapping[str, Any], services: Services) -> dict[str, Any]:
    """Do what the messages of an SQS event ask for. Those that failed come again."""
    failed = [record["messageId"] for record in event["Records"] if not done(record, services)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def done(record: Mapping[str, Any], services: Services) -> bool:
    """Whether a message is dealt with."""
    try:
        acts = token_bodies.issuer_acts(record["body"])
        if acts is not None:
            issuer_acts(acts, services)
            return True
        due = bodies.due(record["body"])
        WHAT_IS_DUE[due.what](due, services)
    except (NotBooked, Undelivered, bodies.Malformed, dispute_books.BusyDispute) as error:
        services.complain(f"a message could not be dealt with: {type(error).__name__}: {error}")
        return False
    return True


def end_refund(due: Due, services: Services) -> None:
    """Approve one pending refund, and tell. Raises NotBooked, Undelivered."""
    refund = services.acquirer.end_refund(due, services.now())
    if refund is not None:
        tell_client([notices.refund_updated(refund)], services)


def debit_due(due: Due, services: Services) -> None:
    """Tell what a bank has done by now, and come again for what it will do.

    Raises NotBooked, Undelivered.
    """
    debit = services.acquirer.debit(due, services.now())
    if debit is None:
        return
    services.acquirer.defer_debit(due, debit, services.now())
    facts = []
    if due.what == "DECISION" and debit["told"] and "ended_at" in debit:
        facts.append(notices.debit_updated(debit, "updated"))
    if "returned_at" in debit:
        facts.append(notices.debit_updated(debit, "returned"))
    tell_client(facts, services)


def refund_comes_back(due: Due, services: Services) -> None:
    """Tell that a refund came back, if its bank sent it. Raises NotBooked, Undelivered."""
    books = services.acquirer.books
    refund = maturity.mature_refund(books, due.order_id, due.entry, services.now())
    if refund is None:
        if books.operation(due.reference) is None:
            raise NotBooked(due.reference)
        return
    if "returned_at" in refund:
        tell_client([dispute_notices.refund_returned(refund)], services)


def dispute_due(due: Due, services: Services) -> None:
    """Tell what became of a charge's dispute by now, and come again for what will.

    Raises NotBooked, Undelivered, BusyDispute.
    """
    books, now = services.acquirer.books, services.now()
    dispute = dispute_books.open_if_due(books, due.order_id, due.entry, now)
    if dispute is None:
        if books.operation(due.reference) is None:
            raise NotBooked(due.reference)
        return
    if dispute.next_at is not None:
        dispute_notices.put_off(dispute, services.acquirer, now)
    tell_client(dispute_notices.told_of(dispute), services)
    dispute_books.note_told(books, dispute)


WHAT_IS_DUE: Mapping[str, Callable[[Due, Services], None]] = {
    "REFUND": end_refund,
    "DECISION": debit_due,
    "RETURN": debit_due,
    "REFUND_RETURN": refund_comes_back,
    "DISPUTE": dispute_due,
}


def issuer_acts(due: IssuerActs, services: Services) -> None:
    """Do what an issuer does to a token's card, and tell. Raises Undelivered."""
    token = services.tokens.issuer_acts(due)
    if token is None:
        return
    url = token_books.endpoint(services.tokens.books)
    tell(notices.token_updated(token, due.act), url, services.token_webhook_secret, services)


def tell_client(facts: Sequence[Notice], services: Services) -> None:
    """Post notices of the acquirer's, one by one or in a batch. Raises Undelivered."""
    at = notices.endpoint(services.acquirer.books)
    if at is not None and at.batches and facts:
        body = batch.body_of(facts, services.webhook_secret())
        services.post(at.url, body, {"Content-Type": "application/json"})
        return
    for notice in facts:
        tell(notice, at.url if at else None, services.webhook_secret, services)


def tell(notice: Notice, url: str | None, secret: Callable[[], bytes], services: Services) -> None:
    """Post a notice, if somebody has said where. Raises Undelivered."""
    if url is None:
        services.complain("nobody has said where to post webhooks", reference=notice.notice_id)
        return
    services.post(url, notice.body.encode(), notice.headers(secret(), services.now()))
