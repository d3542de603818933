"""What a merchant does about a dispute: collect evidence, send it, or accept.

Tx-1   key taken · evidence kept · answer written · dispute waits for it
send   `charge` is told the answer's address
Tx-2   answer's end · the dispute's step · stored response
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from farthing.acquiring.answer import Outcome
from farthing.acquiring.dispute import NOT_ANSWERED, AnswerKind, Stage
from farthing.clock import later, to_text
from farthing.disputes.answer import (
    LEASE_SECONDS,
    PREFIX,
    AnswerAddress,
    AnswerState,
    DisputeAnswer,
)
from farthing.disputes.conditions import answerable, same_evidence
from farthing.disputes.dispute import Dispute, key_of, show_dispute
from farthing.disputes.evidence import (
    Evidence,
    GivenFile,
    evidence_key,
    merged,
    show_evidence,
)
from farthing.disputes.services import Services
from farthing.disputes.settle_answer import (
    conclude,
    not_answerable,
    response_of,
    settle_open_answer,
)
from farthing.disputes.writes import dispute_writes
from farthing.errors import (
    CONFLICT,
    DISPUTE_NOT_ANSWERABLE,
    OPERATION_IN_PROGRESS,
    FarthingError,
    invalid,
    not_found,
)
from farthing.http.idempotency_key import IdempotentRequest
from farthing.http.response import Response, accepted, ok
from farthing.payments import idempotency
from farthing.payments.answers import RETRY_AFTER_SECONDS, not_sent
from farthing.payments.guarded import Guarded, commit
from farthing.payments.idempotency import DONE, REPLAYED, Earlier
from farthing.payments.replay import in_progress
from farthing.payments.services import SEND_SECONDS
from farthing.store import NOT_CREATED, Check, Item, Put, StoreBusy


@dataclass(frozen=True)
class Given:
    """Evidence as it came. An empty text takes its field away."""

    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: tuple[GivenFile, ...] = ()


@dataclass(frozen=True)
class Asked:
    """The request behind an answer."""

    request: IdempotentRequest
    request_id: str


def keep_evidence(
    dispute_id: str, given: Given, asked: Asked, services: Services, *, submit: bool
) -> Response:
    """Keep evidence, and with `submit` send all of it: then it is final. Raises FarthingError."""
    found = _read(dispute_id, asked, services)
    if isinstance(found, Response):
        return found
    dispute, before = found
    takes_files = services.capabilities(dispute.connector).evidence_files
    evidence = merged(before, given.texts, given.files, takes_files=takes_files)
    if submit and evidence.is_empty:
        raise invalid("body", "there is no evidence to submit")
    for one in given.files:
        key = one.stored().key(services.tenant, dispute_id)
        services.files().put(key, one.content, one.content_type)
    kept = Put(
        evidence_key(services.tenant, dispute_id),
        evidence.to_item(services.tenant, dispute_id),
        same_evidence(before.version),
    )
    guarded = Guarded(kept, _changed_meanwhile)
    if submit:
        return _send(dispute, AnswerKind.EVIDENCE, asked, services, [guarded])
    answer = ok(show_dispute(dispute) | {"evidence": show_evidence(evidence)})
    used = idempotency.used(services.tenant, asked.request, services.now(), answer)
    waits = Check(dispute.key, answerable(dispute.version))
    writes = [
        Guarded(used, lambda item: _replay(_earlier(item, asked, services), services)),
        Guarded(waits, _changed_meanwhile),
        guarded,
    ]
    return commit(services.store, writes) or answer


def accept(dispute_id: str, asked: Asked, services: Services) -> Response:
    """Give in: the payer keeps the money. Raises FarthingError."""
    found = _read(dispute_id, asked, services)
    if isinstance(found, Response):
        return found
    dispute, _ = found
    if dispute.stage is Stage.INQUIRY:
        raise FarthingError(
            DISPUTE_NOT_ANSWERABLE,
            "an inquiry is answered by evidence, or by a refund of the payment",
            extensions={"dispute": show_dispute(dispute)},
        )
    return _send(dispute, AnswerKind.ACCEPTANCE, asked, services, [])


def _read(dispute_id: str, asked: Asked, services: Services) -> tuple[Dispute, Evidence] | Response:
    """The dispute, to which an answer may be given, and its evidence; or an earlier answer to this
    very request."""
    row = idempotency.row_key(services.tenant, asked.request.row_id)
    key, of_evidence = (
        key_of(services.tenant, dispute_id),
        evidence_key(services.tenant, dispute_id),
    )
    found = services.store.batch_get([row, key, of_evidence])
    earlier = idempotency.examine(found.get(row), asked.request, services.now())
    if not earlier.is_new:
        return _replay(earlier, services)
    if key not in found:
        raise not_found("dispute", dispute_id)
    dispute = settle_open_answer(Dispute.from_item(found[key]), services)
    if dispute.open_answer is not None:
        raise FarthingError(
            OPERATION_IN_PROGRESS,
            "an answer to this dispute is on its way: wait for what becomes of it",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )
    late = dispute.due_by is not None and dispute.due_by <= to_text(services.now())
    if not dispute.waits_for_answer or late:
        raise not_answerable(dispute)
    return dispute, Evidence.from_item(found.get(of_evidence))


def _send(
    dispute: Dispute,
    kind: AnswerKind,
    asked: Asked,
    services: Services,
    also: list[Guarded],
) -> Response:
    """Write the answer, send it, write what became of it."""
    if services.seconds_left() < SEND_SECONDS:
        raise not_sent()
    now = services.now()
    address = AnswerAddress(services.tenant, dispute.dispute_id, services.new_id(PREFIX))
    answer = DisputeAnswer(
        address=address,
        kind=kind,
        connector=dispute.connector,
        case_reference=dispute.reference,
        created_at=to_text(now),
        lease_until=later(now, seconds=LEASE_SECONDS),
        idempotency_row=asked.request.row_id,
        request_id=asked.request_id,
    )
    waiting = replace(dispute, open_answer=address.answer_id, version=dispute.version + 1)
    refused = commit(services.store, [*_begun(dispute, waiting, answer, asked, services), *also])
    if refused is not None:
        return refused
    enough = services.seconds_left() >= SEND_SECONDS
    answered = services.desk.answer_dispute(address) if enough else NOT_ANSWERED
    try:
        after = conclude(waiting, answer, answered, services)
    except StoreBusy:
        return accepted(show_dispute(waiting))
    if answered.outcome is Outcome.UNKNOWN:
        return accepted(show_dispute(after))
    return response_of(after, answer, _ended_as(answer, services))


def _begun(
    dispute: Dispute,
    waiting: Dispute,
    answer: DisputeAnswer,
    asked: Asked,
    services: Services,
) -> list[Guarded]:
    """Tx-1 of an answer: key, answer, and that the dispute waits for it and for no other."""
    now, answer_id = services.now(), answer.address.answer_id
    taken = idempotency.taken(
        services.tenant,
        asked.request,
        now,
        intent_id=dispute.dispute_id,
        operation_id=answer_id,
    )

    def refuse(item: Item | None) -> Response | None:
        earlier = _earlier(item, asked, services)
        return None if earlier.operation_id == answer_id else _replay(earlier, services)

    (update,) = dispute_writes(dispute, waiting, now, answerable(dispute.version))
    return [
        Guarded(taken, refuse),
        Guarded(update, _changed_meanwhile),
        Guarded(Put(answer.address.key, answer.to_item(), NOT_CREATED), _impossible),
    ]


def _ended_as(answer: DisputeAnswer, services: Services) -> AnswerState:
    item = services.store.get(answer.address.key)
    return DisputeAnswer.from_item(item).state if item is not None else answer.state


def _earlier(item: Item | None, asked: Asked, services: Services) -> Earlier:
    return idempotency.examine(item, asked.request, services.now())


def _replay(earlier: Earlier, services: Services) -> Response:
    """The answer of an earlier request with this key.

    Raises FarthingError (409) while that request may still be at work.
    """
    if earlier.answer is not None:
        return earlier.answer
    if earlier.intent_id is None or earlier.operation_id is None or earlier.released:
        raise in_progress()
    address = AnswerAddress(services.tenant, earlier.intent_id, earlier.operation_id)
    item = services.store.get(address.key)
    if item is None:
        raise in_progress()
    answer = DisputeAnswer.from_item(item)
    if answer.state is AnswerState.OPEN and not answer.may_be_taken_over(services.now()):
        raise in_progress()
    row = services.store.get(key_of(services.tenant, address.dispute_id))
    if row is None:
        raise in_progress()
    dispute = settle_open_answer(Dispute.from_item(row), services)
    stored = services.store.get(idempotency.row_key(services.tenant, answer.idempotency_row))
    if stored is not None and stored["state"] == DONE:
        return idempotency.stored_answer(stored)
    return accepted(show_dispute(dispute)).with_headers(**{REPLAYED: "true"})


def _changed_meanwhile(item: Item | None) -> Response:
    raise FarthingError(CONFLICT, "the dispute changed meanwhile", retry_after_seconds=1)


def _impossible(item: object) -> Response:
    raise AssertionError("a new answer was there already")
