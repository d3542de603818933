"""The bugs of the gate: mistakes that money has been lost to elsewhere, and those that we fear.

Each function is what somebody might have written instead. `invariant` is the number of the
invariant that it breaks (tests/simulation/invariants.py, quiescence.py), `limit` seven times the
mean number of seeds that it takes. A change of the product deals all seeds anew; with that limit
it makes a bug be missed about one time in a thousand.

Some mistakes break nothing by themselves, because the product has a second net under them. Where
that is so, the net goes with them, and the text says which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from farthing import runtime
from farthing.acquiring import charge, connectors, sandbox
from farthing.acquiring.answer import ABSENT, NOT_SENT, Answer, Outcome
from farthing.acquiring.decline import decline
from farthing.acquiring.port import Found, Kind, LookUp
from farthing.checkout import conditions as session_conditions
from farthing.checkout import expire as session_end
from farthing.checkout import pay as session_pay
from farthing.clock import epoch_seconds, later, to_text
from farthing.http import api
from farthing.http.idempotency_key import IdempotentRequest
from farthing.http.response import Response, dump
from farthing.ledger import posting
from farthing.observe import log_unhandled
from farthing.payments import (
    answers,
    begin,
    conclusion,
    conditions,
    event,
    expiry,
    hint,
    idempotency,
    operation,
    perform,
    read,
    recovery,
    refund,
    refund_outcome,
    refunds,
    resolve,
)
from farthing.payments import checkout as payments_checkout
from farthing.payments.operation import Operation, OperationState
from farthing.payments.recovery import Plan, Step
from farthing.settlement import entry
from farthing.store import Condition, Put, StoreBusy, Update
from farthing.store import table as store_table
from farthing.store.errors import ConditionFailed
from farthing.store.scope import SystemScope
from farthing.store.table import DynamoStore
from farthing.vault import claim as vault_claim
from farthing.vault import (
    kms,
    reencrypt,
    register,
    retention,
    rotation,
    sealed,
)
from farthing.webhooks import delivery, delivery_row, feed, outbox
from farthing.webhooks.outbox import Outbox
from tests.simulation import profiles
from tests.simulation.planted import Bug, Patches, Plant
from tests.simulation.planted_debits import BUGS_OF_DEBITS
from tests.simulation.planted_fraud import BUGS_OF_FRAUD
from tests.simulation.planted_webhooks import BUGS_OF_WEBHOOKS
from tests.simulation.profiles import DRAWN, Profile

BUGS: list[Bug] = [*BUGS_OF_DEBITS, *BUGS_OF_FRAUD, *BUGS_OF_WEBHOOKS]

ANYTHING = Condition("ANYTHING", "attribute_exists(#pk) OR attribute_not_exists(#pk)")


def bug(
    what: str, *, invariant: int, limit: int = 30, profile: Profile = DRAWN
) -> Callable[[Plant], Plant]:
    """Put a bug on the list, under the name of its function."""

    def listed(plant: Plant) -> Plant:
        name = plant.__name__.replace("_", " ")
        BUGS.append(Bug(name, what, invariant, limit, plant, profile))
        return plant

    return listed


def no_condition(*_: Any) -> Condition:
    """What a rule becomes when nobody thought of it."""
    return ANYTHING


# --- one operation, one reference --------------------------------------------------------------


@bug("a resend goes out under a reference of its own", invariant=6)
def new_reference_on_retry(patch: Patches) -> None:
    def reference(self: Operation) -> str:
        name = operation.reference_of(self.operation_id)
        return name if self.fence == operation.FIRST_FENCE else f"{name}F{self.fence}"

    patch.attribute(Operation, "reference", property(reference))


@bug("a payment's refunds share a reference", invariant=7, profile=profiles.RACE_OF_REFUNDS)
def two_refunds_under_one_reference(patch: Patches) -> None:
    def reference(self: Operation) -> str:
        named = self.intent_id if self.kind is Kind.REFUND else self.operation_id
        return operation.reference_of(named)

    patch.attribute(Operation, "reference", property(reference))


# --- what an answer means ----------------------------------------------------------------------


@bug("no answer in time is taken for a decline", invariant=1, profile=profiles.SILENT)
def timeout_read_as_decline(patch: Patches) -> None:
    real = sandbox.SandboxAcquirer.send

    def send(self: Any, *asked: Any) -> Answer:
        answer = real(self, *asked)
        if answer.outcome is not Outcome.UNKNOWN:
            return answer
        return Answer(Outcome.DECLINED, decline=decline("PROCESSING_ERROR", "96"))

    patch.attribute(sandbox.SandboxAcquirer, "send", send)


@bug("the SDK sends the invoke of `charge` again", invariant=1, profile=profiles.LOST_INVOKES)
def invoke_that_the_sdk_retries(patch: Patches) -> None:
    real = runtime.client

    def client(service: str, read_timeout_seconds: int = 5, attempts_max: int = 3) -> Any:
        return real(service, read_timeout_seconds, 3)

    patch.attribute(runtime, "client", client)


@bug(
    "the answer's reference, amount, currency and operation are not compared",
    invariant=1,
    profile=profiles.WRONG_ANSWERS,
)
def answer_to_another_question_accepted(patch: Patches) -> None:
    real = sandbox.read_answer

    def read_answer(document: Mapping[str, Any], asked: Any) -> Answer:
        as_asked = {
            "reference": asked.reference,
            "order_id": asked.order_id,
            "operation": asked.kind.value,
            "amount_cents": asked.amount_cents,
            "currency": asked.currency,
        }
        return real({**document, **as_asked}, asked)

    patch.attribute(sandbox, "read_answer", read_answer)


@bug("the signature of an answer is not checked", invariant=1, profile=profiles.FORGED_ANSWERS)
def unsigned_answer_believed(patch: Patches) -> None:
    def document(self: Any, raw: bytes, signature: str) -> Mapping[str, Any]:
        import json

        try:
            found: Mapping[str, Any] = json.loads(raw)
        except ValueError as error:
            raise sandbox.NoUsableAnswer from error
        return found

    patch.attribute(sandbox.SandboxAcquirer, "_document", document)


@bug('a look-up that fails is read as "not found"', invariant=1, profile=profiles.BLIND)
def silence_read_as_not_found(patch: Patches) -> None:
    real = resolve.look_up

    def look_up(ours: Operation, services: Any) -> LookUp:
        return real(ours, services) or LookUp(Found.NOT_FOUND, to_text(services.now()))

    patch.everywhere(real, look_up)


@bug("a payment of unknown outcome is answered as done", invariant=7)
def unknown_answered_as_done(patch: Patches) -> None:
    real = answers.answer_of

    def answer_of(about: Operation, shown: Mapping[str, Any], name: str) -> Response:
        if about.answer is None or about.answer.outcome is Outcome.UNKNOWN:
            return Response(about.success_status, dump(shown))
        return real(about, shown, name)

    patch.everywhere(real, answer_of)


# --- Tx-1 and Tx-2 -----------------------------------------------------------------------------


@bug(
    "an outcome is written whatever was written meanwhile",
    invariant=3,
    limit=210,
    profile=profiles.FREEZING,
)
def terminal_write_without_condition(patch: Patches) -> None:
    patch.everywhere(conditions.held_under_fence, no_condition)
    patch.everywhere(conditions.holds_operation, no_condition)


@bug("the event is a write of its own, after the state", invariant=4)
def event_written_after_the_state(patch: Patches) -> None:
    real = DynamoStore.write

    def write(self: DynamoStore, *writes: Any) -> None:
        events = [w for w in writes if isinstance(w, Put) and w.item.get("entity") == "event"]
        rest = [w for w in writes if w not in events]
        if rest:
            real(self, *rest)
        if events:
            real(self, *events)

    patch.attribute(DynamoStore, "write", write)


@bug("an operation of unknown outcome leaves the due index", invariant=9)
def due_marker_removed_too_early(patch: Patches) -> None:
    real = conclusion.operation_update

    def operation_update(of: Operation, now: Any) -> Update:
        update = real(of, now)
        sets = {name: value for name, value in update.set.items() if name != "due_at"}
        return replace(update, set=sets, remove=["due_pk", "due_at"])

    patch.everywhere(real, operation_update)


@bug(
    "a lease of 5 s, and nothing else that bounds when `charge` sends",
    invariant=1,
    limit=200,
    profile=profiles.LATE_AND_STALLED,
)
def lease_shorter_than_the_function(patch: Patches) -> None:
    """The lease alone harms nobody: `is_quiet` allows for the whole of `charge` once more, and
    `charge` looks at the clock before a byte leaves. So those go with it."""
    for module in (operation, begin, refund, perform, refunds):
        patch.attribute(module, "LEASE_SECONDS", 5)
    patch.attribute(connectors, "CHARGE_SECONDS", 0)
    patch.attribute(charge, "SEND_RESERVE_SECONDS", -sandbox.ANSWER_TIMEOUT_SECONDS)


@bug("two requests may claim one single-use token", invariant=7, profile=profiles.RACE_FOR_A_TOKEN)
def token_claimed_by_two(patch: Patches) -> None:
    patch.everywhere(conditions.token_pays, no_condition)


@bug(
    "a capture is begun whoever else is at the payment",
    invariant=3,
    limit=60,
    profile=profiles.RACE_FOR_A_HOLD,
)
def capture_without_condition(patch: Patches) -> None:
    def enough_left(amount_cents: int, version: int) -> Condition:
        return Condition("ENOUGH_LEFT", "#amount_capturable >= :amount", {"amount": amount_cents})

    patch.everywhere(conditions.enough_left_to_capture, enough_left)


@bug(
    "an expiry's void is begun whoever else is at the payment",
    invariant=3,
    limit=140,
    profile=profiles.LAST_MOMENT,
)
def expiry_voids_during_a_capture(patch: Patches) -> None:
    patch.attribute(expiry, "voidable", no_condition)


# --- keys --------------------------------------------------------------------------------------


@bug("a key lives 24 hours from its first use, whatever is known", invariant=7)
def key_that_expires_while_unknown(patch: Patches) -> None:
    real = idempotency.taken

    def taken(tenant: Any, request: Any, now: Any, **about: Any) -> Put:
        put = real(tenant, request, now, **about)
        day = {"expires_at": later(now, seconds=idempotency.KEY_LIFETIME_SECONDS)}
        return replace(put, item=put.item | day)

    patch.attribute(idempotency, "taken", taken)


@bug("a key in progress has a time to live", invariant=7)
def ttl_deletes_a_key_in_progress(patch: Patches) -> None:
    real = idempotency.taken

    def taken(tenant: Any, request: Any, now: Any, **about: Any) -> Put:
        put = real(tenant, request, now, **about)
        return replace(put, item=put.item | {"ttl": epoch_seconds(now) + 3600})

    patch.attribute(idempotency, "taken", taken)


@bug(
    "the key is read eventually consistent, and that read decides",
    invariant=7,
    profile=profiles.STALE,
)
def stale_idempotency_read(patch: Patches) -> None:
    real = store_table.batch_request

    def batch_request(*asked: Any) -> dict[str, Any]:
        return {name: {**table, "ConsistentRead": False} for name, table in real(*asked).items()}

    patch.attribute(store_table, "batch_request", batch_request)
    patch.everywhere(conditions.key_free, no_condition)


@bug("a key is answered whatever is sent with it", invariant=7, profile=profiles.TWO_BODIES)
def other_body_answered_as_the_first(patch: Patches) -> None:
    patch.attribute(IdempotentRequest, "differing_fields", lambda self, fields: [])


@bug(
    "a key is free again when it is proved that nothing happened",
    invariant=7,
    limit=50,
    profile=profiles.ASKED_AGAIN,
)
def key_free_after_a_reversal(patch: Patches) -> None:
    real = conclusion.key_writes

    def key_writes(of: Operation, after: Any, answer: Response, now: Any) -> list[Any]:
        writes = real(of, after, answer, now)
        if of.answer is None or of.answer.outcome is not Outcome.ABSENT:
            return writes
        return [replace(write, set=idempotency.released(now)) for write in writes]

    patch.everywhere(real, key_writes)


@bug(
    "that a resend was not sent is taken for the end of the operation",
    invariant=1,
    profile=profiles.LATE_THEN_REFUSED,
)
def not_sent_of_a_resend_releases_the_key(patch: Patches) -> None:
    def send_again(ours: Operation, services: Any) -> None:
        again = ours.opened_again(services.now())
        opened = {"state": again.state.value, "lease_until": again.lease_until}
        when = conditions.held_under_fence(again.fence)
        try:
            services.store.write(Update(again.address.key, when, set=opened))
        except (ConditionFailed, StoreBusy):
            return
        answer = services.sender.send(again.address)
        if answer.outcome is not Outcome.UNKNOWN:
            resolve.adopt(again, answer, services)
        else:
            resolve.wait(again, services)

    patch.attribute(resolve, "_send_again", send_again)


# --- who takes an operation over ---------------------------------------------------------------


@bug("whoever takes over leaves the fence as it was", invariant=9, profile=profiles.FREEZING)
def resolver_without_fence(patch: Patches) -> None:
    real = Operation.taken_over
    patch.attribute(
        Operation, "taken_over", lambda self, now: replace(real(self, now), fence=self.fence)
    )


@bug(
    "`charge` sends whatever became of the operation meanwhile",
    invariant=1,
    limit=320,
    profile=profiles.FROZEN_INVOKES,
)
def charge_sends_what_is_over(patch: Patches) -> None:
    """That its CVC is gone goes with it: an issuer declines without."""
    patch.attribute(Operation, "may_be_sent", lambda self, now: True)
    patch.attribute(charge, "_forget_cvc", lambda *_: None)


@bug("a claim to send is no claim", invariant=1, profile=profiles.RUN_TWICE)
def claim_to_send_without_condition(patch: Patches) -> None:
    """Each gets a row of its own, so that somebody has said who opens the card."""
    real = vault_claim.audit_key

    def audit_key(*about: Any) -> Any:
        key = real(*about)
        return replace(key, sk=f"{key.sk}#{runtime.entropy(4).hex()}")

    patch.attribute(vault_claim, "audit_key", audit_key)


@bug(
    "who does not hold the claim to send says that nothing was sent",
    invariant=1,
    profile=profiles.RUN_TWICE,
)
def not_sent_said_without_the_claim(patch: Patches) -> None:
    real = charge.send

    def send(address: Any, services: Any) -> Answer:
        def claim(ours: Operation) -> None:
            try:
                services.claim(ours)
            except vault_claim.AlreadyClaimed:
                held.append(ours)
                raise

        held: list[Operation] = []
        answer = real(address, replace(services, claim=claim))
        return NOT_SENT if held else answer

    patch.attribute(charge, "send", send)


@bug(
    "not found is sent again, to an acquirer that takes a reference twice",
    invariant=1,
    profile=profiles.LATE,
)
def look_up_then_resend_where_not_idempotent(patch: Patches) -> None:
    patch.attribute(recovery, "_takes_it_once", lambda *_: True)


@bug(
    "what was found is adopted although a reversal is on its way",
    invariant=1,
    profile=profiles.LATE,
)
def adoption_after_a_reversal_was_sent(patch: Patches) -> None:
    patch.attribute(recovery, "found", lambda ours, answer: Plan(Step.ADOPT, ours, answer))


@bug("a reversal is sent, and then written down", invariant=6, profile=profiles.LATE)
def reversal_not_written_down_first(patch: Patches) -> None:
    real = resolve._reverse

    def reverse(ours: Operation, looked: Any, services: Any) -> None:
        services.sender.reverse(ours.address)
        real(ours, looked, services)

    patch.attribute(resolve, "_reverse", reverse)
    patch.attribute(Operation, "may_be_reversed", lambda self: self.state is OperationState.UNKNOWN)


@bug(
    "whatever became of a refund at an acquirer that is not idempotent, a person is asked",
    invariant=9,
    profile=replace(
        profiles.SILENT_REFUND,
        name="refund, silent acquirer, not idempotent",
        acquirer=profiles.bad(*profiles.NO_ANSWER, of=("REFUND",), once=False),
    ),
)
def person_asked_about_each_refund(patch: Patches) -> None:
    real = recovery.plan

    def plan(op: Operation, looked: LookUp | None, declared: Any, now: Any) -> Plan:
        if op.kind is Kind.REFUND and not declared.idempotent_by_reference:
            return Plan(Step.ASK, op)
        return real(op, looked, declared, now)

    patch.attribute(recovery, "plan", plan)


@bug("nothing waits for what may still be on its way", invariant=1, limit=40, profile=profiles.LATE)
def no_waiting_for_quiet(patch: Patches) -> None:
    patch.attribute(recovery, "is_quiet", lambda *_: True)


@bug(
    "quiet is measured by the clocks of our own processes",
    invariant=1,
    limit=150,
    profile=profiles.LATE_AND_SKEWED,
)
def quiet_by_our_own_clock(patch: Patches) -> None:
    real = recovery.plan

    def plan(ours: Operation, looked: LookUp | None, declared: Any, now: Any) -> Plan:
        return real(ours, looked and replace(looked, as_of=to_text(now)), declared, now)

    patch.attribute(recovery, "plan", plan)


# --- refunds -----------------------------------------------------------------------------------


@bug(
    "what is left to refund is read, and then taken",
    invariant=2,
    limit=70,
    profile=profiles.RACE_OF_REFUNDS,
)
def refund_by_read_then_write(patch: Patches) -> None:
    patch.everywhere(conditions.enough_left_to_refund, no_condition)


@bug(
    "a refund of unknown outcome fails, and gives its reservation back",
    invariant=1,
    profile=profiles.SILENT_REFUND,
)
def unknown_refund_gives_its_reservation_back(patch: Patches) -> None:
    real = refund_outcome.decide

    def decide(intent: Any, of: Any, ours: Operation, answer: Answer) -> Any:
        return real(intent, of, ours, ABSENT if answer.outcome is Outcome.UNKNOWN else answer)

    patch.attribute(refund_outcome, "decide", decide)


@bug("a refund is posted as if it were a capture", invariant=5, profile=profiles.RACE_OF_REFUNDS)
def refund_posted_as_a_capture(patch: Patches) -> None:
    patch.attribute(posting, "refund", posting.capture)


@bug(
    "refunds that end at once overwrite each other's counters",
    invariant=4,
    limit=180,
    profile=profiles.RACE_OF_REFUNDS,
)
def refund_concluded_on_an_old_version(patch: Patches) -> None:
    """The number of the event is the second net: both would tell the same one."""
    patch.attribute(refund_outcome, "same_version", no_condition)
    patch.attribute(event, "NOT_CREATED", ANYTHING)


@bug(
    "the acquirer's message is believed, and not asked about",
    invariant=1,
    profile=profiles.PENDING_REFUND,
)
def message_of_the_acquirer_believed(patch: Patches) -> None:
    real = hint.follow_up

    def follow_up(address: Any, services: Any, approved: Any = None) -> Operation:
        ours = resolve.take_over(resolve.read_operation(address, services), services)
        if ours is not None:
            resolve.adopt(ours, Answer(Outcome.APPROVED), services)
        return resolve.read_operation(address, services)

    patch.everywhere(real, follow_up)


# --- what merchants are told -------------------------------------------------------------------


@bug("an event counts as sent on before it is", invariant=4, profile=profiles.CRASHES)
def stream_consumer_that_acknowledges_first(patch: Patches) -> None:
    real = Outbox.fan_out

    def fan_out(self: Outbox, tenant: Any, placed: Any) -> int:
        self._fanned_out(tenant, placed.event)
        return real(self, tenant, placed)

    patch.attribute(Outbox, "fan_out", fan_out)


@bug(
    "events are in the stream alone, and in no due index",
    invariant=4,
    limit=40,
    profile=profiles.STALLS,
)
def event_that_no_sweep_finds(patch: Patches) -> None:
    real = event.event_put

    def event_put(*about: Any) -> Put:
        put = real(*about)
        item = {name: value for name, value in put.item.items() if not name.startswith("due_")}
        return replace(put, item=item)

    patch.everywhere(real, event_put)


@bug("a delivery is claimed and recorded by whoever comes", invariant=3, profile=profiles.TWICE)
def delivery_claimed_without_condition(patch: Patches) -> None:
    patch.everywhere(delivery_row.nobody_else_claimed, no_condition)


@bug("a delivery that fails is not tried again", invariant=4)
def delivery_given_up_after_one_try(patch: Patches) -> None:
    patch.attribute(delivery, "delay_seconds", lambda *_: None)


@bug(
    "two events may take one place in the feed",
    invariant=3,
    limit=540,
    profile=profiles.PAYMENTS_AT_ONCE,
)
def feed_position_race(patch: Patches) -> None:
    patch.attribute(feed, "still_ends_at", no_condition)
    patch.attribute(feed, "NOT_CREATED", ANYTHING)


@bug(
    "endpoints are remembered for the life of a process, whosever they are",
    invariant=4,
    profile=profiles.TWO_PAYMENTS,
)
def endpoints_of_another_merchant(patch: Patches) -> None:
    """They get nothing: `deliver` looks for each among the payment's own merchant's."""
    real = outbox.endpoints_of
    patch.attribute(
        outbox,
        "endpoints_of",
        lambda store, tenant: runtime.once("endpoints", lambda: real(store, tenant)),
    )


@bug(
    "a payment that was read is remembered by its id alone",
    invariant=10,
    profile=profiles.READ_BY_TWO,
)
def payment_of_another_merchant(patch: Patches) -> None:
    real = read._get
    patch.attribute(
        read, "_get", lambda id_, services: runtime.once(id_, lambda: real(id_, services))
    )


@bug(
    "keys are kept with the merchant whom a process served first, and no scope stops it",
    invariant=10,
    profile=profiles.TWO_PAYMENTS,
)
def key_kept_with_another_merchant(patch: Patches) -> None:
    """The scope of the store goes with it: it would refuse."""
    real_key, real_store = idempotency.row_key, runtime.store
    patch.attribute(
        idempotency,
        "row_key",
        lambda tenant, row_id: real_key(runtime.once("tenant", lambda: tenant), row_id),
    )
    patch.attribute(runtime, "store", lambda _: real_store(SystemScope()))


# --- settlement --------------------------------------------------------------------------------


@bug(
    "an entry is claimed whoever claimed it before",
    invariant=7,
    limit=290,
    profile=profiles.MIDNIGHT,
)
def settlement_run_twice(patch: Patches) -> None:
    patch.everywhere(entry.ENTRY_UNCLAIMED, ANYTHING)


# --- cards -------------------------------------------------------------------------------------


@bug("the answer that is stored names the card", invariant=8, profile=profiles.SEARCHED)
def card_number_in_the_answer(patch: Patches) -> None:
    real = sandbox.SandboxAcquirer.send

    def send(self: Any, asked: Any, card: Any) -> Answer:
        answer = real(self, asked, card)
        if card is None:
            return answer
        return replace(answer, authorization_code=card.reveal()["number"])

    patch.attribute(sandbox.SandboxAcquirer, "send", send)


@bug(
    "a card is brought under another key whatever became of it meanwhile",
    invariant=11,
    profile=profiles.KEYS_AMONG_PAYMENTS,
)
def rewrap_without_condition(patch: Patches) -> None:
    patch.attribute(sealed.SealedRow, "unchanged", property(no_condition))


@bug(
    "a key goes without a look at what is under it",
    invariant=11,
    limit=160,
    profile=profiles.KEYS_AMONG_PAYMENTS,
)
def key_retired_without_the_count(patch: Patches) -> None:
    patch.attribute(rotation, "require_empty", lambda *_: None)


@bug(
    "a key goes as soon as another is given and nothing is under it",
    invariant=11,
    limit=85,
    profile=profiles.TYPED_WHILE_A_KEY_GOES,
)
def key_retired_without_the_wait(patch: Patches) -> None:
    patch.attribute(rotation, "require_switched", lambda *_: None)


@bug(
    "a card is sealed anew under the key that is its merchant's, and not the one that it has",
    invariant=11,
    profile=profiles.KEYS_AMONG_PAYMENTS,
)
def sealed_anew_under_another_key(patch: Patches) -> None:
    def data_keys_like(named: str, tenant: Any) -> Any:
        return kms.data_keys(register.key_of(runtime.system_store(), tenant.merchant_id))

    patch.attribute(kms, "data_keys_like", data_keys_like)


@bug(
    "a card is opened to be sealed anew, and that is written down afterwards",
    invariant=12,
    profile=profiles.KEYS_AMONG_PAYMENTS,
)
def opened_before_it_is_written_down(patch: Patches) -> None:
    real = reencrypt._seal_anew

    def seal_anew(row: Any, services: Any) -> Any:
        later_ = NoWrites(services.store)
        done = real(row, replace(services, store=later_))
        services.store.write(*later_.held)
        return done

    patch.attribute(reencrypt, "_seal_anew", seal_anew)


class NoWrites:
    """A store that keeps audit rows back."""

    def __init__(self, store: Any) -> None:
        self._store, self.held = store, list[Any]()

    def write(self, write: Any) -> None:
        if isinstance(write, Put):
            self.held.append(write)
        else:
            self._store.write(write)


@bug(
    "a card goes with its token's time, whatever becomes of its payment",
    invariant=11,
    profile=profiles.PURGES_AMONG_PAYMENTS,
)
def purge_of_what_is_in_flight(patch: Patches) -> None:
    patch.attribute(retention, "_needs_card", lambda intent: False)
    patch.attribute(retention, "NEEDS_NO_CARD", ANYTHING)


@bug(
    "a deleted method's card goes at once",
    invariant=11,
    profile=profiles.PURGES_AMONG_PAYMENTS,
)
def purge_of_what_may_be_sent_again(patch: Patches) -> None:
    patch.attribute(retention, "SENDABLE_SECONDS", 0)


# --- checkout sessions -------------------------------------------------------------------------


@bug(
    "an attempt begins whatever has begun since the session was read",
    invariant=7,
    profile=profiles.TWO_TABS,
)
def two_attempts_of_a_session(patch: Patches) -> None:
    patch.everywhere(session_conditions.no_other_attempt, lambda version: ANYTHING)


@bug(
    "a session ends whatever has begun since it was read",
    invariant=4,
    profile=profiles.CHECKOUT_ENDED,
)
def session_ended_while_it_is_paid(patch: Patches) -> None:
    patch.attribute(session_end, "no_other_attempt", lambda version: ANYTHING)


@bug("nobody is told that a session was paid", invariant=4, profile=profiles.TWO_TABS)
def paid_session_untold(patch: Patches) -> None:
    patch.attribute(conclusion, "session_writes", lambda *_: [])


@bug(
    "a session whose merchant gave the money back is open again",
    invariant=7,
    profile=profiles.CHECKOUT_HELD,
)
def session_paid_again(patch: Patches) -> None:
    status = payments_checkout.SessionStatus

    def by_status(intent: Any) -> Any:
        over = intent.status.value in {"FAILED", "CANCELLED", "CREATED"}
        return status.OPEN if over else real(intent)

    real = payments_checkout.attempt_status
    patch.everywhere(real, by_status)


@bug(
    "a payment is confirmed past its session, and the session's time is asked of nobody",
    invariant=3,
    profile=profiles.CHECKOUT_LAST_SECOND,
)
def session_paid_after_its_end(patch: Patches) -> None:
    """Both nets go: the version, which its end moves on, and the time."""
    patch.everywhere(session_conditions.no_other_attempt, lambda version: ANYTHING)
    patch.everywhere(session_conditions.not_expired, lambda now: ANYTHING)
    patch.attribute(session_pay, "require_payable", lambda *_: None)


# --- the code itself ---------------------------------------------------------------------------


@bug("something breaks after each request was answered", invariant=9)
def error_after_the_answer(patch: Patches) -> None:
    """It harms nobody: the entry catches it, and the answer is what it was."""
    real = api.answer_and_log

    def answer_and_log(event: Any, *more: Any) -> Response:
        response = real(event, *more)
        try:
            event["requestContext"]["no such thing"]
        except KeyError as error:
            log_unhandled(error)
        return response

    patch.attribute(api, "answer_and_log", answer_and_log)


@bug("what reads fails, whoever asks", invariant=9)
def every_read_fails(patch: Patches) -> None:
    """Merchants who never read would not be told; so all of them read at last."""
    real = api.answer

    def answer(event: Any, parse: Any, handler: Any) -> Response:
        def failing(*_: Any) -> Response:
            raise RuntimeError("no read today")

        return real(event, parse, failing if event["httpMethod"] == "GET" else handler)

    patch.attribute(api, "answer", answer)


from tests.simulation import planted_books as planted_books  # noqa: E402 - adds its own to BUGS
from tests.simulation import planted_inbox as planted_inbox  # noqa: E402 - adds its own to BUGS
from tests.simulation import planted_tokens as planted_tokens  # noqa: E402 - adds its own to BUGS
