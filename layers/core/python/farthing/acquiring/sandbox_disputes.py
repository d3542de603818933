"""Disputes at the sandbox acquirer: its documents, read and written. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from farthing.acquiring.dispute import AnswerKind, Case, CaseAnswer, Stage, Standing
from farthing.acquiring.sandbox_answers import instant


def path_of(reference: str) -> str:
    """Where a dispute is read."""
    return f"/v1/disputes/{reference}"


def answer_request(answer: CaseAnswer) -> tuple[str, dict[str, Any]]:
    """Path and body of an answer."""
    path, body = path_of(answer.case_reference), {"reference": answer.reference}
    if answer.kind is AnswerKind.ACCEPTANCE:
        return f"{path}/acceptance", body
    files = [
        {
            "field": one.purpose,
            "name": one.name,
            "content_type": one.content_type,
            "content": base64.b64encode(one.content).decode(),
        }
        for one in answer.files
    ]
    return f"{path}/evidence", {**body, "text": dict(answer.texts), "files": files}


def read_case(document: Mapping[str, Any], reference: str) -> Case | None:
    """The case of a document; None for an answer to another question, or for nonsense."""
    try:
        opened_at = instant(document["opened_at"])
        if document["reference"] != reference or opened_at is None:
            return None
        due_by = document["due_by"]
        return Case(
            reference=reference,
            order_id=_text_or_none(document["order_id"]),
            merchant_reference=_text_or_none(document["merchant_reference"]),
            stage=Stage(document["stage"]),
            standing=Standing(document["status"]),
            amount_cents=_whole(document["amount_cents"]),
            fee_cents=_whole(document["fee_cents"]),
            currency=str(document["currency"]).lower(),
            reason=str(document["reason"]),
            opened_at=opened_at,
            due_by=None if due_by is None else _instant(due_by),
            answered_by=tuple(map(str, document["answered_by"])),
            arbitration_reference=_text_or_none(document["pre_arbitration_reference"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _instant(value: Any) -> str:
    at = instant(value)
    if at is None:
        raise ValueError("no instant")
    return at


def _text_or_none(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError("no text")


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError("no amount")
    return value
