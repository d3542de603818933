"""What is to be paid, and what is written of it whether it is sent, held or blocked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from farthing.errors import invalid
from farthing.http.idempotency_key import IdempotentRequest
from farthing.http.response import Response
from farthing.payments import begin, states
from farthing.payments.begin import Asking
from farthing.payments.conclusion import intent_update
from farthing.payments.conditions import confirmable
from farthing.payments.event import event_put
from farthing.payments.guarded import Guarded
from farthing.payments.intent import Instrument, Intent
from farthing.payments.perform import impossible
from farthing.payments.review import ReviewStep, Waiting
from farthing.payments.services import Services
from farthing.payments.views import show_intent
from farthing.store import NOT_CREATED, Item, Put


@dataclass(frozen=True)
class PaymentRequest:
    """A request that asks for an operation: its key, and how success is answered."""

    request: IdempotentRequest
    request_id: str
    success_status: int

    @property
    def waiting(self) -> Waiting:
        """The same, for the review that its payment waits for."""
        return Waiting(self.request.row_id, self.success_status, self.request_id)

    def asking(
        self, operation_id: str, services: Services, review: ReviewStep | None = None
    ) -> Asking:
        """The same, for the operation that it is to begin."""
        return Asking(
            self.request.row_id,
            self.success_status,
            self.request_id,
            operation_id,
            services.now(),
            review,
            services.fees,
        )


@dataclass(frozen=True)
class Payable:
    """An intent that is to be paid. `before` is its row as it was read, None if it has none yet.

    `also` goes with it, whatever becomes of the payment: its checkout session's write.
    """

    intent: Intent
    before: Intent | None = None
    also: tuple[Guarded, ...] = ()

    @property
    def instrument(self) -> Instrument:
        """What pays it. Raises FarthingError if nothing was named."""
        if self.intent.instrument is None:
            raise invalid("token", "or payment_method_id is needed to confirm")
        return self.intent.instrument

    def paid_by(self, instrument: Instrument) -> Payable:
        """The same with what pays as it is now."""
        return replace(self, intent=replace(self.intent, instrument=instrument))

    def written_as(self, after: Intent) -> Guarded:
        """The intent's write of a transaction: created, or moved on from what was read."""
        if self.before is None:
            return Guarded(Put(after.key, after.to_item(), NOT_CREATED), impossible)
        (write,) = intent_update(self.before, after, confirmable(self.before.version))
        return Guarded(write, refuse_state("confirmed", states.NEW))

    def told_of(self, services: Services) -> list[Guarded]:
        """What else is written: its session, and the event of its creation if it is created now."""
        created = [] if self.before is not None else [creation_event(self.intent, services)]
        return [*self.also, *created]


def creation_event(intent: Intent, services: Services) -> Guarded:
    """`payment_intent.created`, the first event of every payment."""
    return state_event(intent, "payment_intent.created", services)


def state_event(intent: Intent, type_: str, services: Services) -> Guarded:
    """The event that `intent.event_sequence` numbers, showing the intent as it is then."""
    event_id, shown = services.new_id("evt"), show_intent(intent)
    return Guarded(event_put(intent, event_id, type_, shown, services.now()), impossible)


def refuse_state(done: str, wanted: states.State) -> Any:
    """The refusal of a write to an intent that moved on since it was read."""

    def refuse(item: Item | None) -> Response:
        if item is None:
            raise LookupError("an intent vanished")
        begin.require(Intent.from_item(item), wanted, done)
        raise begin.in_progress()

    return refuse
