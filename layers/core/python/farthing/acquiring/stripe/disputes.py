"""Disputes at Stripe: one read as a case of ours, and answered.

    needs_response, under_review, won, lost            a chargeback: the money is withdrawn at once
    warning_needs_response, …_under_review, …_closed   an inquiry: no money moves
    prevented                                          it ended before it was a chargeback

Sources: docs.stripe.com/api/disputes/object, …/update, …/close and docs.stripe.com/disputes. A
dispute has no metadata of ours until it is answered: whose payment it is says its PaymentIntent.
The mark of an answer counts from when Stripe waits for none any more: it is set before an
acceptance, which can carry none itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from farthing.acquiring.answer import Outcome
from farthing.acquiring.dispute import (
    NOT_ANSWERED,
    PERHAPS_ANSWERED,
    Answered,
    AnswerKind,
    Case,
    CaseAnswer,
    Stage,
    Standing,
    State,
)
from farthing.acquiring.exchange import NoByteSent, NoUsableAnswer
from farthing.acquiring.stripe.api import Api, Deadline, NotExecuted, OutOfTime, Refusal
from farthing.acquiring.stripe.form import Fields
from farthing.acquiring.stripe.payment import MERCHANT, ORDER, instant
from farthing.acquiring.stripe.units import NotRepresentable, from_stripe
from farthing.money import EXPONENTS

DISPUTES = "/v1/disputes"
ANSWER = "farthing_answer"
EXPANDED: Fields = {"expand": ["payment_intent"]}
_INQUIRY, _CHARGEBACK = Stage.INQUIRY, Stage.CHARGEBACK
STATES: Mapping[str, State] = {
    "warning_needs_response": (_INQUIRY, Standing.NEEDS_RESPONSE),
    "warning_under_review": (_INQUIRY, Standing.UNDER_REVIEW),
    "warning_closed": (_INQUIRY, Standing.CLOSED),
    "prevented": (_INQUIRY, Standing.CLOSED),
    "needs_response": (_CHARGEBACK, Standing.NEEDS_RESPONSE),
    "under_review": (_CHARGEBACK, Standing.UNDER_REVIEW),
    "won": (_CHARGEBACK, Standing.WON),
    "lost": (_CHARGEBACK, Standing.LOST),
}
AS_TEXT = "uncategorized_text"
OWN_FIELDS = frozenset({"customer_communication"})
"""Texts of ours for which Stripe takes a document: there they are in its text for everything."""


def find(api: Api, id_: str) -> Case | None:
    """The dispute as it is now; None if the account has none. Raises what a request raises."""
    try:
        reply = api.get(f"{DISPUTES}/{id_}", EXPANDED)
    except Refusal as refusal:
        if refusal.error.get("code") == "resource_missing":
            return None
        raise
    case = read_case(reply.document)
    if case.reference != id_:
        raise NoUsableAnswer("another dispute")
    return case


def answer(api: Api, said: CaseAnswer) -> Answered:
    """Answer it, once for the reference. Never raises for anything that the network does."""
    deadline = api.begin()
    path = f"{DISPUTES}/{said.case_reference}"
    mark = {"metadata": {ANSWER: said.reference}}
    try:
        if said.kind is AnswerKind.ACCEPTANCE:
            deadline.prepare(path, {**mark, "submit": False}, f"{said.reference}-mark")
            path, fields = f"{path}/close", EXPANDED
        else:
            fields = {"evidence": evidence(said.texts), **mark, "submit": True, **EXPANDED}
    except Refusal:
        return Answered(Outcome.DECLINED)
    except (NoByteSent, NoUsableAnswer, NotExecuted, OutOfTime):
        return NOT_ANSWERED
    return _sent(deadline, path, fields, said)


def evidence(texts: Mapping[str, str]) -> dict[str, str]:
    """Our texts under Stripe's names."""
    theirs = {name: text for name, text in texts.items() if name not in OWN_FIELDS}
    more = [text for name, text in sorted(texts.items()) if name in OWN_FIELDS]
    everything = [text for text in (theirs.get(AS_TEXT), *more) if text]
    return theirs | ({AS_TEXT: "\n\n".join(everything)} if everything else {})


def read_case(document: Any) -> Case:
    """A dispute. Raises NoUsableAnswer for anything else."""
    try:
        if document["object"] != "dispute":
            raise ValueError("no dispute")
        stage, standing = STATES[document["status"]]
        currency = document["currency"]
        if currency not in EXPONENTS:
            raise ValueError("no currency")
        marks = _marks(document.get("payment_intent"))
        details = document.get("evidence_details") or {}
        waits = standing is Standing.NEEDS_RESPONSE
        due_by = details.get("due_by")
        answered = (document.get("metadata") or {}).get(ANSWER)
        return Case(
            reference=str(document["id"]),
            order_id=marks.get(ORDER),
            merchant_reference=marks.get(MERCHANT),
            stage=stage,
            standing=standing,
            amount_cents=from_stripe(_whole(document["amount"]), currency),
            fee_cents=_fee(document.get("balance_transactions") or [], currency),
            currency=currency,
            reason=str(document["reason"]),
            opened_at=instant(_whole(document["created"])),
            due_by=instant(_whole(due_by)) if waits and due_by is not None else None,
            answered_by=(str(answered),) if answered and not waits else (),
        )
    except (AttributeError, KeyError, NotRepresentable, TypeError, ValueError) as error:
        raise NoUsableAnswer("no dispute") from error


def _sent(deadline: Deadline, path: str, fields: Fields, said: CaseAnswer) -> Answered:
    try:
        case = read_case(deadline.move(path, fields, said.reference).document)
    except Refusal:
        return Answered(Outcome.DECLINED)
    except (NoByteSent, NotExecuted, OutOfTime):
        return NOT_ANSWERED
    except NoUsableAnswer:
        return PERHAPS_ANSWERED
    if case.reference != said.case_reference or said.reference not in case.answered_by:
        return PERHAPS_ANSWERED
    return Answered(Outcome.APPROVED, case)


def _marks(payment: Any) -> Mapping[str, str]:
    """Our marks on the payment, if it was made by us."""
    metadata = payment.get("metadata") if isinstance(payment, Mapping) else None
    return metadata if isinstance(metadata, Mapping) else {}


def _fee(transactions: list[Any], currency: str) -> int:
    """What Stripe charges for it, if it charges in the dispute's currency: it is on the line that
    takes the money."""
    for one in transactions:
        if _whole(one["amount"]) < 0:
            fee = _whole(one["fee"]) if one["currency"] == currency else 0
            return from_stripe(max(0, fee), currency)
    return 0


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("no whole number")
    return value
