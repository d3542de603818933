"""The rules that guard disputes, as the database sees them."""

from __future__ import annotations

from farthing.acquiring.dispute import Standing
from farthing.disputes.answer import AnswerState
from farthing.store import Condition


def as_read(version: int) -> Condition:
    """AS_READ: what was read of the dispute is what is there: no step is taken twice, nobody is
    reminded twice, nor of what was answered meanwhile."""
    return Condition("AS_READ", "#version = :version", {"version": version})


def answerable(version: int) -> Condition:
    """ANSWERABLE: the acquirer waits for an answer, and none is on its way."""
    return as_read(version) & Condition(
        "ANSWERABLE",
        "#status = :waits AND attribute_not_exists(#open_answer)",
        {"waits": Standing.NEEDS_RESPONSE.value},
    )


def same_evidence(version: int) -> Condition:
    """SAME_EVIDENCE: nobody has changed what was read of the evidence."""
    if version == 0:
        return Condition("SAME_EVIDENCE", "attribute_not_exists(#pk)")
    return Condition("SAME_EVIDENCE", "#version = :version", {"version": version})


def still_out() -> Condition:
    """STILL_OUT: nobody has said what became of the answer."""
    return Condition(
        "STILL_OUT",
        "#state IN (:open, :unknown)",
        {"open": AnswerState.OPEN.value, "unknown": AnswerState.UNKNOWN.value},
    )


def abandoned_answer(lease_until: str, now: str) -> Condition:
    """ABANDONED_ANSWER: still out, its lease has run out, and nobody else took it over first."""
    return still_out() & Condition(
        "ABANDONED_ANSWER",
        "#lease_until = :lease AND #lease_until <= :now",
        {"lease": lease_until, "now": now},
    )
