"""The connector to Stripe.

    AUTHORIZE   open the PaymentIntent · (a saved card: to its customer) · confirm it
    CAPTURE     capture it, the mark of the capture with it
    VOID        mark it, cancel it
    REFUND      refund it

All but the last request move nothing: if one of them fails, nothing was sent that could. Only the
last one leaves an outcome open, and the PaymentIntent's own state tells it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from farthing.acquiring.answer import NOT_SENT, Answer, Outcome
from farthing.acquiring.dispute import Answered, Case, CaseAnswer
from farthing.acquiring.exchange import NoByteSent, NoUsableAnswer
from farthing.acquiring.port import (
    Capabilities,
    Found,
    Instruction,
    Kind,
    LookUp,
    LookUpFailed,
    Reversal,
    TransactionPage,
    Undone,
)
from farthing.acquiring.stripe import books, disputes, find, saved, standing
from farthing.acquiring.stripe.api import Api, Deadline, NotExecuted, OutOfTime, Refusal, Reply
from farthing.acquiring.stripe.declines import NOT_PERMITTED, decline_of
from farthing.acquiring.stripe.find import PAYMENTS, REFUNDS, NothingThere
from farthing.acquiring.stripe.form import Fields
from farthing.acquiring.stripe.guarantees import CAPABILITIES
from farthing.acquiring.stripe.payment import (
    MARK_OF,
    ORIGINAL,
    REVERSAL,
    Payment,
    Refunded,
    marks_of,
    read_payment,
    read_refund,
    require_asked,
    require_original,
    units,
)
from farthing.vault.source import AcquirerToken, Source

NAME = "stripe"
WRONG_STATE = frozenset({"payment_intent_unexpected_state", "charge_already_captured"})
_NOTHING_PROVED = (NoByteSent, NoUsableAnswer, NotExecuted)
_NO_ANSWER = (*_NOTHING_PROVED, Refusal)


@dataclass(frozen=True)
class Move:
    """The request that moves money, and the PaymentIntent that it is about."""

    path: str
    fields: Fields
    payment_id: str


@dataclass(frozen=True)
class StripeAcquirer:
    """One merchant's Stripe account. `now` is our clock: it says how to ask, never what is so."""

    api: Api
    now: Callable[[], datetime]
    merchant_reference: str
    capabilities: Capabilities = CAPABILITIES

    def send(self, instruction: Instruction, source: Source | None) -> Answer:
        """Ask once."""
        deadline = self.api.begin()
        try:
            move = self._prepared(deadline, instruction, source)
        except Refusal as refusal:
            return NOT_SENT if instruction.sent_before else _refused(refusal)
        except (*_NOTHING_PROVED, OutOfTime, NothingThere):
            return NOT_SENT
        if move is None:
            return NOT_SENT
        unknown = Answer(Outcome.UNKNOWN, acquirer_id=move.payment_id)
        try:
            return _answered(deadline, move, instruction)
        except (NoByteSent, NotExecuted, OutOfTime):
            return NOT_SENT
        except NoUsableAnswer:
            return unknown

    def look_up(self, instruction: Instruction) -> LookUp:
        """What became of the reference. Raises LookUpFailed."""
        try:
            id_ = find.payment_id(self.api, instruction, self.now())
            if instruction.kind is Kind.REFUND:
                found, reply = self._refund_standing(instruction, id_)
            else:
                found, reply = self._payment_standing(instruction, id_)
            return LookUp(found[0], _as_of(reply.as_of), found[1])
        except NothingThere as nothing:
            return LookUp(Found.NOT_FOUND, _as_of(nothing.as_of))
        except _NO_ANSWER as error:
            raise LookUpFailed from error

    def reverse(self, instruction: Instruction, reference: str) -> Reversal:
        """Undo an authorization, or a combined charge, and keep it from ever arriving."""
        try:
            id_ = find.payment_id(self.api, instruction, self.now())
            payment, reply = find.payment_of(self.api, id_)
            require_asked(payment, instruction)
            undone = self._undo(instruction, payment, reference)
            known = undone is not Undone.UNKNOWN and reply.as_of is not None
            return Reversal(undone, reply.as_of) if known else Reversal(Undone.UNKNOWN)
        except NothingThere as nothing:
            return Reversal(Undone.NOT_FOUND, nothing.as_of)
        except (*_NO_ANSWER, OutOfTime):
            return Reversal(Undone.UNKNOWN)

    def transactions(self, since: str, after: str | None) -> TransactionPage:
        """What the account did for this merchant since an instant. Raises LookUpFailed."""
        try:
            return books.read(self.api, self.merchant_reference, since, after)
        except (*_NO_ANSWER, ValueError) as error:
            raise LookUpFailed from error

    def find_dispute(self, reference: str) -> Case | None:
        """A dispute of the account. Raises LookUpFailed."""
        try:
            return disputes.find(self.api, reference)
        except _NO_ANSWER as error:
            raise LookUpFailed from error

    def answer_dispute(self, answer: CaseAnswer) -> Answered:
        """Send evidence, or that it is accepted. Documents are refused before they come here."""
        return disputes.answer(self.api, answer)

    def _prepared(
        self, deadline: Deadline, asked: Instruction, source: Source | None
    ) -> Move | None:
        """All that comes before the request that counts. None if this source cannot pay here."""
        if asked.kind is Kind.AUTHORIZE:
            return self._confirmation(deadline, asked, source)
        id_ = find.payment_id(self.api, asked, self.now())
        if asked.kind is Kind.REFUND:
            marks = {**marks_of(asked), ORIGINAL: asked.original_reference}
            refund = {"payment_intent": id_, "amount": units(asked), "metadata": marks}
            return Move(REFUNDS, refund, id_)
        mark = {"metadata": {MARK_OF[asked.kind]: asked.reference}}
        if asked.kind is Kind.CAPTURE:
            fields = {"amount_to_capture": units(asked), **mark, **find.EXPANDED}
            return Move(f"{PAYMENTS}/{id_}/capture", fields, id_)
        with suppress(Refusal):  # it is cancelled already, perhaps by Stripe: cancelling will say
            deadline.prepare(f"{PAYMENTS}/{id_}", mark, f"{asked.reference}-mark")
        return Move(f"{PAYMENTS}/{id_}/cancel", find.EXPANDED, id_)

    def _confirmation(
        self, deadline: Deadline, asked: Instruction, source: Source | None
    ) -> Move | None:
        if not isinstance(source, AcquirerToken) or source.connector != NAME:
            return None
        id_ = asked.acquirer_id
        if id_ is None:
            if not find.may_open(asked, self.now()):
                return None
            id_ = find.open_payment(deadline, asked)
        if saved.is_used_again(asked):
            saved.give_to_customer(deadline, asked, source, id_)
        return Move(f"{PAYMENTS}/{id_}/confirm", saved.confirmation(asked, source), id_)

    def _payment_standing(self, asked: Instruction, id_: str) -> tuple[standing.Standing, Reply]:
        payment, reply = find.payment_of(self.api, id_)
        if asked.kind is not Kind.AUTHORIZE:
            return standing.of_following(payment, asked), reply
        require_asked(payment, asked)
        return standing.of_authorization(payment, asked, self._reversals(asked, payment)), reply

    def _refund_standing(self, asked: Instruction, id_: str) -> tuple[standing.Standing, Reply]:
        refunds, reply = find.refunds_of(self.api, id_)
        wanted = marks_of(asked)
        for refund in refunds:
            if wanted.items() <= refund.metadata.items():
                return standing.of_refund(refund, asked, id_), reply
        return standing.NOT_THERE, reply

    def _reversals(self, asked: Instruction, payment: Payment) -> list[Refunded]:
        if not asked.capture or not payment.amount_refunded:
            return []
        refunds, _ = find.refunds_of(self.api, payment.acquirer_id)
        return standing.reversals_among(refunds, asked.reference)

    def _undo(self, asked: Instruction, payment: Payment, reference: str) -> Undone:
        """Undo what the PaymentIntent stands for now."""
        if payment.status in standing.IDLE and payment.error is not None:
            return Undone.REFUSED
        if payment.status in standing.IDLE or payment.status == standing.HELD:
            path = f"{PAYMENTS}/{payment.acquirer_id}/cancel"
            cancelled = read_payment(self.api.begin().move(path, {}, reference).document)
            require_asked(cancelled, asked)
            ended = cancelled.status == standing.ENDED
            return Undone.REVERSED if ended else Undone.UNKNOWN
        if payment.status == standing.ENDED:
            return Undone.REVERSED
        if payment.status == standing.TAKEN:
            return self._give_back(asked, payment, reference)
        return Undone.UNKNOWN

    def _give_back(self, asked: Instruction, payment: Payment, reference: str) -> Undone:
        """Refund a charge as a whole, unless somebody gave back a part of it already."""
        refunds, _ = find.refunds_of(self.api, payment.acquirer_id)
        ours = standing.reversals_among(refunds, asked.reference)
        if standing.is_given_back(payment, ours):
            certain = all(refund.status == "succeeded" for refund in ours)
            return Undone.REVERSED if certain else Undone.UNKNOWN
        others = [r for r in refunds if r not in ours and r.status not in {"failed", "canceled"}]
        if others or not asked.capture:
            return Undone.REFUSED
        fields = {
            "payment_intent": payment.acquirer_id,
            "amount": payment.amount_received,
            "metadata": marks_of(asked, REVERSAL),
        }
        refund = read_refund(self.api.begin().move(REFUNDS, fields, reference).document)
        mine = standing.reversals_among([refund], asked.reference)
        done = standing.is_given_back(payment, mine) and refund.status == "succeeded"
        return Undone.REVERSED if done else Undone.UNKNOWN


def _answered(deadline: Deadline, move: Move, asked: Instruction) -> Answer:
    """What the request that moves money came to. Raises what proves nothing."""
    try:
        reply = deadline.move(move.path, move.fields, asked.reference)
    except Refusal as refusal:
        return _refusal_of(refusal, move, asked)
    if asked.kind is Kind.REFUND:
        found = standing.of_refund(read_refund(reply.document), asked, move.payment_id)
    else:
        found = _payment_found(read_payment(reply.document), move, asked)
    return found[1] or Answer(Outcome.UNKNOWN, acquirer_id=move.payment_id)


def _payment_found(payment: Payment, move: Move, asked: Instruction) -> standing.Standing:
    if payment.acquirer_id != move.payment_id:
        raise NoUsableAnswer("another PaymentIntent")
    if asked.kind is not Kind.AUTHORIZE:
        return standing.of_following(payment, asked)
    require_asked(payment, asked)
    return standing.of_authorization(payment, asked)


def _refusal_of(refusal: Refusal, move: Move, asked: Instruction) -> Answer:
    """A definite no to the request that counts, if it is one to this very question."""
    told = refusal.error.get("payment_intent")
    payment = read_payment(told) if told is not None else None
    if payment is not None and payment.acquirer_id != move.payment_id:
        raise NoUsableAnswer("another PaymentIntent")
    if refusal.error.get("code") in WRONG_STATE and asked.kind is not Kind.REFUND:
        if asked.kind is Kind.AUTHORIZE or payment is None:
            raise NoUsableAnswer("it was confirmed before, or cancelled")
        return standing.refused_by_state(payment, asked)
    if asked.kind is Kind.AUTHORIZE and refusal.status == 402:
        if payment is None:
            raise NoUsableAnswer("a decline of nobody knows what")
        require_asked(payment, asked)
        _, answer = standing.of_authorization(payment, asked)
        if answer is None or answer.outcome is not Outcome.DECLINED:
            raise NoUsableAnswer("a decline after which the payment is not declined")
        return answer
    if payment is not None and asked.kind is not Kind.AUTHORIZE:
        require_original(payment, asked)
    return _refused(refusal, move.payment_id)


def _refused(refusal: Refusal, payment_id: str | None = None) -> Answer:
    otherwise = "OTHER" if refusal.status == 402 else NOT_PERMITTED
    decline = decline_of(refusal.error, otherwise)
    return Answer(Outcome.DECLINED, decline=decline, acquirer_id=payment_id)


def _as_of(instant: str | None) -> str:
    """The acquirer's clock. Raises NoUsableAnswer for an answer without one."""
    if instant is None:
        raise NoUsableAnswer("no date")
    return instant
