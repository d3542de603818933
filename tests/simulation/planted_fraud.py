"""Planted bugs of counters and reviews: who is let in, what is counted, what a person decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from farthing.acquiring.answer import Answer, Outcome
from farthing.fraud import counter_row, window
from farthing.fraud.counter_row import card_key, counter_of, counter_write
from farthing.fraud.signals import Decision
from farthing.fraud.window import Attempt, Counted
from farthing.http.response import Response
from farthing.payments import (
    begin,
    conclude,
    conclusion,
    conditions,
    confirm,
    counted,
    expiry,
    held,
    intent,
    replay,
    resolve,
    reviews,
)
from farthing.payments import checkout as payments_checkout
from farthing.payments.intent import Intent
from farthing.payments.operation import Operation
from farthing.payments.review import ReviewStatus
from farthing.payments.scoring import CounterMoved, Scoring
from farthing.payments.services import Services
from farthing.store import Check, Condition
from farthing.vault import retention
from tests.simulation import profiles
from tests.simulation.planted import Bug, Patches, Plant
from tests.simulation.profiles import Profile

BUGS_OF_FRAUD: list[Bug] = []
ANYTHING = Condition("ANYTHING", "attribute_exists(#pk) OR attribute_not_exists(#pk)")


def bug(what: str, invariant: int, profile: Profile, limit: int = 30) -> Callable[[Plant], Plant]:
    """Put a bug on the list, under the name of its function."""

    def listed(plant: Plant) -> Plant:
        name = plant.__name__.replace("_", " ")
        BUGS_OF_FRAUD.append(Bug(name, what, invariant, limit, plant, profile))
        return plant

    return listed


# --- who is let in, and what is counted ----------------------------------------------------------


@bug("an attempt is sent, and no counter says so", 13, profiles.TRIED_AT_ONCE)
def attempt_not_marked(patch: Patches) -> None:
    patch.attribute(Scoring, "marks", lambda self, counters, operation_id: [])


@bug("what is in flight is not counted: only failures are", 13, profiles.TRIED_AT_ONCE)
def attempts_in_flight_not_counted(patch: Patches) -> None:
    patch.attribute(Counted, "total", property(lambda self: len(self.failed)))


@bug("who loses a race for a counter keeps the decision", 13, profiles.TRIED_AT_ONCE)
def lost_race_not_decided_anew(patch: Patches) -> None:
    real, decide = Scoring.with_row, Scoring.decide

    def with_row(self: Scoring, moved: CounterMoved) -> Scoring:
        after = real(self, moved)
        object.__setattr__(after, "first", vars(self).get("first", self))
        return after

    def as_before(self: Scoring, now: datetime) -> Decision:
        return decide(vars(self).get("first", self), now)

    patch.attribute(Scoring, "with_row", with_row)
    patch.attribute(Scoring, "decide", as_before)


@bug("a counter is written whatever was counted since it was read", 13, profiles.TRIED_AT_ONCE)
def counter_without_version(patch: Patches) -> None:
    patch.attribute(counter_row, "counter_as_read", lambda version: ANYTHING)


@bug("the outcome of an approval is told to no counter", 13, profiles.TRIED_FROM_AN_ADDRESS)
def approval_stays_in_flight(patch: Patches) -> None:
    patch.attribute(counted, "_TELLING", counted._TELLING - {Outcome.APPROVED})


@bug("no answer from the acquirer counts as a failure", 13, profiles.TRIED_BADLY)
def unknown_counted_as_failed(patch: Patches) -> None:
    real = counted.is_failure

    def is_failure(operation: Operation) -> bool:
        answer = operation.answer
        return real(operation) or (answer is not None and answer.outcome is Outcome.UNKNOWN)

    patch.attribute(counted, "_TELLING", frozenset(Outcome))
    patch.attribute(counted, "is_failure", is_failure)


@bug("what we block ourselves counts as a failure of the card", 13, profiles.TRIED_AT_ONCE)
def block_is_counted(patch: Patches) -> None:
    real = held.block

    def block(
        payable: Any, decision_id: str, decision: Decision, asked: Any, services: Services
    ) -> Response:
        answer = real(payable, decision_id, decision, asked, services)
        key = card_key(services.tenant, payable.instrument.fingerprint)
        before = counter_of(services.store.get(key))
        failed = before.failed_with(Attempt.of(services.new_id("op")))
        if (write := counter_write(key, before, failed)) is not None:
            services.store.write(write)
        return answer

    patch.attribute(confirm, "block", block)


@bug("the first two failures are kept, and not the newest four", 13, profiles.TRIED_AT_ONCE)
def oldest_failures_kept(patch: Patches) -> None:
    def with_(self: window.Counter, failed: Any, in_flight: Any) -> window.Counter:
        return replace(
            self, failed=tuple(sorted(failed)[:2]), in_flight=tuple(sorted(in_flight)[-16:])
        )

    patch.attribute(window.Counter, "_with", with_)


@bug("what a person lets in goes to no counter", 13, profiles.TOKEN_UNDER_REVIEW)
def approved_and_not_counted(patch: Patches) -> None:
    patch.attribute(reviews, "counters_of", lambda *_: [])


# --- what a person decides -----------------------------------------------------------------------


@bug("a review is closed by an answer of unknown outcome", 7, profiles.REVIEW_SILENT)
def review_closed_before_its_outcome(patch: Patches) -> None:
    real = conclusion.reviewed

    def reviewed(concluded: Any, now: datetime) -> Intent:
        step, before = concluded.operation.review, concluded.before
        if concluded.resolved or step is None or not before.is_under_review:
            return real(concluded, now)
        return replace(concluded.intent, review=step.closed(before.review, begin.to_text(now)))

    patch.attribute(conclusion, "reviewed", reviewed)


@bug("an answer is taken whoever has answered since", 3, profiles.RACE_FOR_A_REVIEW, 50)
def answer_without_condition(patch: Patches) -> None:
    patch.everywhere(conditions.reviewable, lambda version: ANYTHING)


@bug("the end of a review's time begins whatever was answered", 3, profiles.REVIEW_LAST_MOMENT, 240)
def expiry_of_what_was_approved(patch: Patches) -> None:
    patch.attribute(expiry, "reviewable", lambda version: ANYTHING)


@bug("a review has no place in the due index", 9, profiles.REVIEW_UNANSWERED)
def review_without_an_end(patch: Patches) -> None:
    real = vars(Intent)["holds_until"]

    def holds_until(self: Intent) -> str | None:
        until: str | None = real.fget(replace(self, review=None))
        return until

    patch.attribute(intent.Intent, "holds_until", property(holds_until))


@bug("the key of the payment is forgotten when its review is closed", 7, profiles.RACE_FOR_A_REVIEW)
def held_key_never_answered(patch: Patches) -> None:
    patch.attribute(conclusion, "waiting_writes", lambda after, now: [])


@bug("the key is done when the payment is held", 7, profiles.RACE_FOR_A_REVIEW)
def key_done_before_its_review(patch: Patches) -> None:
    """With it goes the condition of its last answer, which no key of a held payment fulfils."""
    patch.attribute(conclusion.idempotency, "held", lambda: {"state": "DONE"})
    patch.attribute(conclusion, "KEY_WAITS", ANYTHING)


@bug(
    "a key that was read while it waited is told what its payment is now",
    7,
    profiles.REVIEW_ASKED_AGAIN,
)
def held_key_told_the_present(patch: Patches) -> None:
    patch.attribute(replay, "DONE", "never")


@bug("a session is paid by what a person has still to look at", 4, profiles.CHECKOUT_REVIEWED)
def session_paid_under_review(patch: Patches) -> None:
    real, status = payments_checkout.attempt_status, payments_checkout.SessionStatus

    def attempt_status(one: Intent) -> Any:
        return status.PAID if one.authorization is not None else real(one)

    patch.everywhere(real, attempt_status)


@bug("what is held unsent does not keep its token", 7, profiles.TOKEN_UNDER_REVIEW)
def held_token_pays_something_else(patch: Patches) -> None:
    """The other net goes, too: that it is still kept for it is not asked when it is sent."""
    real = held.claim

    def claim(instrument: Any, intent_id: str, services: Services) -> Any:
        guarded = real(instrument, intent_id, services)
        return replace(guarded, write=Check(guarded.write.key, ANYTHING))

    patch.attribute(held, "claim", claim)
    patch.everywhere(conditions.kept_for, lambda intent_id: ANYTHING)


@bug("who looks into an authorization forgets its review", 14, profiles.REVIEW_SILENT)
def found_without_its_review(patch: Patches) -> None:
    def conclude_(before: Intent, operation: Operation, answer: Answer) -> Any:
        return conclude.conclude(before, replace(operation, review=None), answer)

    patch.attribute(resolve, "conclude", conclude_)


@bug("the money is taken at once, and then somebody looks", 14, profiles.RACE_FOR_A_REVIEW)
def money_taken_before_the_review(patch: Patches) -> None:
    real = begin._operation

    def operation(one: Intent, *more: Any, **how: Any) -> Operation:
        begun = real(one, *more, **how)
        opens = begun.review is not None and begun.review.status is ReviewStatus.OPEN
        return replace(begun, capture=True) if opens else begun

    patch.attribute(begin, "_operation", operation)


@bug("what is to be looked at is sent at once", 14, profiles.RACE_FOR_A_REVIEW)
def review_is_no_hold(patch: Patches) -> None:
    patch.attribute(Scoring, "review_of", lambda self, decision: None)


@bug("a decline is answered, and the money stays held", 14, profiles.RACE_FOR_A_REVIEW, 40)
def declined_without_a_void(patch: Patches) -> None:
    def refuse(one: Intent, step: Any, asked: Any, services: Services) -> Response:
        return reviews._without_sending(
            one, reviews.states.CANCELLED, "payment_intent.cancelled", step, asked, services
        )

    patch.attribute(reviews, "refuse", refuse)


@bug("a card goes while its payment waits for a person", 11, profiles.REVIEW_PURGED)
def purge_of_what_waits_for_a_review(patch: Patches) -> None:
    real = retention._needs_card

    def needs_card(one: Any) -> bool:
        return one.get("status_detail") != "REQUIRES_REVIEW" and real(one)

    patch.attribute(retention, "_needs_card", needs_card)
    patch.attribute(retention, "NEEDS_NO_CARD", ANYTHING)


@bug("what is blocked is sent all the same", 14, profiles.TRIED_AT_ONCE)
def blocked_and_sent(patch: Patches) -> None:
    patch.attribute(confirm, "Action", _NothingBlocks)


class _NothingBlocks:
    BLOCK = None
