"""What `charge` does about disputes: look at one, and send an answer to one.

An answer is told by its address alone; what it says comes from its row, the evidence beside it, and
the documents. It is taken once for its reference, so it needs no claim: one that is sent twice is
one. The documents pass through as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from farthing.acquiring.charge import SEND_RESERVE_SECONDS, CannotSend
from farthing.acquiring.dispute import (
    NOT_ANSWERED,
    PERHAPS_ANSWERED,
    Answered,
    AnswerKind,
    Case,
    CaseAnswer,
    EvidenceFile,
)
from farthing.acquiring.port import Acquirer, LookUpFailed
from farthing.disputes.answer import AnswerAddress, DisputeAnswer
from farthing.disputes.evidence import Evidence, evidence_key
from farthing.store import Item, Key


@dataclass(frozen=True)
class DisputeServices:
    """What answering needs. All may raise CannotSend."""

    read: Callable[[Key], Item | None]
    file: Callable[[str], bytes]
    acquirer: Callable[[str], Acquirer]
    now: Callable[[], datetime]
    seconds_left: Callable[[], float]


def find(acquirer: Callable[[], Acquirer], reference: str) -> Case | None:
    """A dispute as its acquirer has it; None if it has none. Raises LookUpFailed."""
    try:
        return acquirer().find_dispute(reference)
    except CannotSend as error:
        raise LookUpFailed from error


def answer(address: AnswerAddress, services: DisputeServices) -> Answered:
    """Send the answer at `address`, if it is still to be sent and there is time.

    Where it is not to be sent any more, somebody else may have sent it: then nobody knows.
    """
    try:
        row = services.read(address.key)
        said = DisputeAnswer.from_item(row) if row is not None else None
        if said is None or not said.may_be_sent(services.now()):
            return PERHAPS_ANSWERED
        case_answer = _with_evidence(said, services)
        acquirer = services.acquirer(said.connector)
    except CannotSend:
        return NOT_ANSWERED
    if services.seconds_left() < acquirer.capabilities.timeout_seconds + SEND_RESERVE_SECONDS:
        return NOT_ANSWERED
    return acquirer.answer_dispute(case_answer)


def _with_evidence(said: DisputeAnswer, services: DisputeServices) -> CaseAnswer:
    bare = CaseAnswer(said.kind, said.reference, said.case_reference)
    if said.kind is AnswerKind.ACCEPTANCE:
        return bare
    tenant, dispute_id = said.address.tenant, said.address.dispute_id
    evidence = Evidence.from_item(services.read(evidence_key(tenant, dispute_id)))
    files = tuple(
        EvidenceFile(
            one.purpose,
            one.name,
            one.content_type,
            services.file(one.key(tenant, dispute_id)),
        )
        for one in evidence.files
    )
    return CaseAnswer(said.kind, said.reference, said.case_reference, evidence.texts, files)
