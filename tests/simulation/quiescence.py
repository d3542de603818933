"""What must be true when everything has come to rest: section 12 of the design, the other half.

Each check gets the facts and yields what contradicts an invariant. What must be true at every
write is in invariants.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from farthing.clock import from_text
from farthing.webhooks.event_types import subscribed
from tests.simulation.acquirer import HostileAcquirer
from tests.simulation.invariants import (
    KEY_SKEW_SECONDS,
    TERMINAL,
    TERMINAL_EVENTS,
    UNRESOLVED,
    Item,
    Payment,
    Watch,
    dispute_state,
    number,
    text,
)
from tests.simulation.merchant import (
    Asked,
    Conversation,
    intent_in,
    refund_in,
    review_in,
    session_in,
    shown_in,
)
from tests.simulation.receiver import Receiver
from tests.simulation.reviews import never_ended, review_of, runs_out_at
from tests.simulation.scenarios import SHORT_SECONDS, Endpoint
from tests.simulation.sessions import overdue
from tests.simulation.settled_books import disputes_are_posted, settlement_is_posted
from tests.simulation.violation import Violation

DUE_GRACE_SECONDS = 3600.0
"""What has been due for so long, nobody looks at."""
GIVEN_UP_SECONDS = 7 * 86_400.0
LOOKED_EVERY_SECONDS = 86_400.0
"""An operation of unknown outcome is looked into every day, and after a week a person is asked."""
TRIES = 10
"""How often an event is sent to an endpoint, by the docs, before it is given up."""
FINAL_REFUSALS = frozenset({"NEVER", "NEW_KEY"})
"""What a problem document says that no other try with this key changes."""


@dataclass
class AtRest:
    """The facts. `now` is the true time, and `calm_since` when nothing of the faults was left.

    `dead_letters` are the bodies that came into each queue of failures since then; `may_be_dead`
    says which of them may. `decisions_allowed` says of an operation whether the acquirer leaves it
    to a person.
    """

    watch: Watch
    acquirer: HostileAcquirer
    receiver: Receiver
    endpoints: Sequence[Endpoint]
    conversations: Sequence[Conversation]
    now: float
    calm_since: float = float("-inf")
    settled_since: float = float("inf")
    """From when on there is nothing to wait for but a person and what the acquirer still does."""
    read_since: float = float("inf")
    """From when on nothing changes any more: what is read is what there is."""
    mistakes: Sequence[tuple[str, str]] = ()
    """Type and place of each error of the product that no fault explains."""
    dead_letters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    exhausted: Collection[tuple[str, str]] = ()
    """Delivery and the beginning of its round, of each copy in the queue of exhausted ones."""
    may_be_dead: Callable[[str, str], bool] = lambda queue, body: False
    settled: bool = True
    """Whether the daily settlement has run since."""
    tokens_known: bool = True
    """Whether nothing was lost of what became of network tokens, as in a restore."""
    fees_known: bool = True
    """Whether nothing was lost of which fee a capture was under, as in a restore."""
    purged: bool = True
    """Whether cards were purged by the schedule."""
    cards: Callable[[], Iterator[Violation]] = lambda: iter(())
    """What is wrong with the cards (vault_watch.py)."""
    items: Callable[[], Iterator[Violation]] = lambda: iter(())
    """What acquirers told us, and nothing came of it (inbox_watch.py)."""
    decisions_allowed: Callable[[Item], bool] | None = None
    erred: Collection[str] = ()
    """Payments about which a person said what is not true, and the acquirer could not be asked."""


Check = Callable[[AtRest], Iterator[Violation]]


def violations_at_rest(facts: AtRest) -> list[Violation]:
    """Everything that is wrong, by check."""
    return [violation for check in CHECKS for violation in check(facts)]


def require_rest(facts: AtRest) -> None:
    """Raises the first Violation, if there is one."""
    for check in CHECKS:
        for violation in check(facts):
            facts.watch.violations.append(violation)
            raise violation


# --- 9: the code is right --------------------------------------------------------------------


def no_mistakes(facts: AtRest) -> Iterator[Violation]:
    """No error of the product itself, also where another try made good for it."""
    for (kind, where), times in Counter(facts.mistakes).items():
        yield Violation(9, where, f"{kind}, {times} times: no fault explains it")


# --- 1: the acquirer's books are ours --------------------------------------------------------


def books_agree(facts: AtRest) -> Iterator[Violation]:
    """Per payment, to the cent: taken, given back, held."""
    books, payments = facts.acquirer.books, facts.watch.payments
    for order_id in books.orders():
        if order_id not in payments or payments[order_id].intent is None:
            rows = [(row.operation, row.status, row.amount_cents) for row in books.rows]
            yield Violation(1, order_id, f"the acquirer knows it, and we do not: {rows}")
    for intent_id, payment in payments.items():
        if payment.intent is not None and intent_id not in facts.erred:
            yield from _one_agrees(facts, intent_id, payment)


def _one_agrees(facts: AtRest, intent_id: str, payment: Payment) -> Iterator[Violation]:
    assert payment.intent is not None
    theirs = facts.acquirer.books.standing(intent_id, facts.now)
    captured = number(payment.intent, "amount_captured")
    refunded = number(payment.intent, "amount_refunded")
    returned = number(payment.intent, "amount_returned")
    more = _undecided(payment)
    where = f"{payment.status} {payment.detail}".strip()
    ours = f"{where}, captured {captured}, refunded {refunded}, undecided {dict(more)}"
    if not returned <= theirs.returned <= returned + more["CAPTURE"]:
        says = f"{ours}, returned {returned}; the bank took back {theirs.returned}"
        yield Violation(1, intent_id, f"we say {says}: {_history(facts, intent_id)}")
    if not (
        captured <= theirs.captured <= captured + more["CAPTURE"]
        and refunded <= theirs.refunded - theirs.sent_back <= refunded + more["REFUND"]
    ):
        yield Violation(
            1,
            intent_id,
            f"we say {ours}; the acquirer took {theirs.captured}, gave back {theirs.refunded} "
            f"less {theirs.sent_back}: "
            f"{_history(facts, intent_id)}",
        )
    if number(payment.intent, "amount_disputed") != theirs.disputed:
        yield Violation(1, intent_id, f"we say {ours}; out for disputes are {theirs.disputed}")
    held = number(payment.intent, "amount_capturable")
    wanted = (held,) if held else ()
    gone = not theirs.held and (payment.status == "PROCESSING" or more["VOID"] or more["CAPTURE"])
    new = not held and theirs.held in ((), (more["AUTHORIZE"],))
    if theirs.held != wanted and not (held and gone) and not new:
        yield Violation(
            1,
            intent_id,
            f"we say {ours}, held {held}; the acquirer holds {list(theirs.held)}: "
            f"{_history(facts, intent_id)}",
        )
    granted = [
        row.reference
        for row in facts.acquirer.books.rows
        if (row.order_id, row.operation, row.status) == (intent_id, "AUTHORIZE", "APPROVED")
    ]
    if len(granted) > 1:
        yield Violation(1, intent_id, f"the acquirer granted it {len(granted)} times: {granted}")
    if theirs.pending_debits:
        yield Violation(9, intent_id, f"debits of {theirs.pending_debits} are still pending")
    if theirs.pending_refunds:
        yield Violation(9, intent_id, f"refunds of {theirs.pending_refunds} are still pending")


def _undecided(payment: Payment) -> Counter[str]:
    """What of a payment waits for a person, in minor units, by what may have been done."""
    more: Counter[str] = Counter()
    for operation in filter(_asks, payment.operations.values()):
        kind, amount = text(operation, "kind"), number(operation, "amount_cents")
        at_once = kind == "AUTHORIZE" and _true(operation, "capture")
        more["CAPTURE" if at_once else kind] += amount
    return more


def _history(facts: AtRest, intent_id: str) -> str:
    rows = [row for row in facts.acquirer.books.rows if row.order_id == intent_id]
    return "; ".join(
        f"{row.operation} {row.reference} {row.amount_cents} {row.status}" for row in rows
    )


# --- network tokens --------------------------------------------------------------------------


def tokens_agree(facts: AtRest) -> Iterator[Violation]:
    """Each token at the service is of one method of ours, and is there what it is here."""
    service, methods = facts.acquirer.tokens, facts.watch.methods
    by_reference = {id_.removeprefix("pm_").upper(): id_ for id_ in methods}
    for token in service.made():
        if token.reference not in by_reference:
            yield Violation(7, token.reference, "a network token that is no method's")
    for reference, method_id in by_reference.items():
        token, row = service.tokens.get(reference), methods[method_id]
        there = token.status if token is not None and token.merchant_reference else "NONE"
        yield from _one_token(facts, method_id, row, there)
        if token is not None and there in {"ACTIVE", "SUSPENDED"} and "deleted_at" not in row:
            known = facts.tokens_known and token.was_told_of
            shown = text(row, "last_four"), number(row, "exp_year")
            if known and shown != (token.last_four, token.exp_year):
                now = f"{token.last_four} {token.exp_year}"
                yield Violation(3, method_id, f"its card is shown as {shown}, and is {now}")
            if known and text(row, "network_token") != there:
                yield Violation(3, method_id, f"{text(row, 'network_token')}, and is {there}")


def _one_token(facts: AtRest, method_id: str, row: Item, there: str) -> Iterator[Violation]:
    here, lives = text(row, "network_token"), there in {"ACTIVE", "SUSPENDED"}
    if here == "PENDING":
        yield Violation(9, method_id, f"its network token is PENDING at rest, and is {there}")
    if "deleted_at" in row and lives and facts.tokens_known:
        yield Violation(9, method_id, f"it is deleted, and its network token is {there}")
    if here == "SUSPENDED" and there != "SUSPENDED":
        yield Violation(9, method_id, f"SUSPENDED for days, and is {there}")
    sealed = any(text(row, "token") in key[0] for key in facts.watch.sealed_tokens)
    if sealed is not (here in {"ACTIVE", "SUSPENDED"}) and facts.tokens_known:
        yield Violation(9, method_id, f"its network token is {here}; in the vault: {sealed}")


def disputes_agree(facts: AtRest) -> Iterator[Violation]:
    """Each dispute is where the acquirer has it, and of the same amount and fee."""
    theirs = facts.acquirer.disputes.made
    ours = {
        text(row, "reference"): row
        for payment in facts.watch.payments.values()
        for row in payment.disputes.values()
    }
    for reference in sorted({*theirs, *ours}):
        there, row = theirs.get(reference), ours.get(reference)
        if there is None or row is None:
            known = "we do not know it" if row is None else "the acquirer does not"
            yield Violation(1, reference, f"there is a dispute, and {known}")
            continue
        told = dispute_state(row), number(row, "amount_cents"), number(row, "fee_cents")
        said = f"{there.stage} {there.status}", there.amount_cents, there.fee_cents
        if told != said:
            yield Violation(1, reference, f"we say {told}, the acquirer {said}")
        if "open_answer" in row:
            yield Violation(9, reference, "an answer is on its way at rest")
    taken = {answer for there in theirs.values() for answer in there.answers}
    for answer, row in facts.watch.answers.items():
        state = text(row, "state")
        if state in {"OPEN", "UNKNOWN"}:
            yield Violation(9, answer, f"an answer is {state} at rest")
        elif (state == "DONE") is not (answer in taken):
            known = "has it" if answer in taken else "does not have it"
            yield Violation(1, answer, f"an answer is {state}, and the acquirer {known}")


# --- 5: the ledger ---------------------------------------------------------------------------


OF_PAYMENTS = frozenset({"CAPTURE", "REFUND", "RETURN", "REFUND_RETURN"})
"""Transactions that payments explain by their amounts."""


def ledger_balances(facts: AtRest) -> Iterator[Violation]:
    """The trial balance is zero, and what the acquirer owes for payments is what they say."""
    total: Counter[str] = Counter()
    owed: Counter[str] = Counter()
    for kind, account, currency, signed in _postings(facts.watch):
        total[currency] += signed
        if account.startswith("acquirer_receivable") and kind in OF_PAYMENTS:
            owed[currency] += signed
    for currency, balance in total.items():
        if balance:
            yield Violation(5, currency, f"the trial balance is {balance}")
    taken: Counter[str] = Counter()
    for payment in facts.watch.payments.values():
        intent = payment.intent or {}
        net = number(intent, "amount_captured") - number(intent, "amount_refunded")
        net -= number(intent, "amount_returned")
        taken[text(intent, "currency")] += net
    for currency in sorted({*taken, *owed}):
        if taken[currency] != owed[currency]:
            says = f"{owed[currency]} by the ledger, {taken[currency]} by the payments"
            yield Violation(5, currency, f"the acquirer owes {says}")


def _postings(watch: Watch) -> Iterator[tuple[str, str, str, int]]:
    """Kind, account, currency, and the amount: debits positive, credits negative."""
    for transaction in watch.ledger.values():
        for wire in transaction["postings"]["L"]:
            posting = wire["M"]
            sign = 1 if text(posting, "side") == "DEBIT" else -1
            signed = sign * number(posting, "amount_cents")
            account, currency = text(posting, "account"), text(posting, "currency")
            yield text(transaction, "kind"), account, currency, signed


# --- 9: everything ends ----------------------------------------------------------------------


def payments_end(facts: AtRest) -> Iterator[Violation]:
    """Each payment is over, waits for its merchant and for nobody else, or a person is asked."""
    for intent_id, payment in facts.watch.payments.items():
        intent = payment.intent
        if intent is None or payment.status in TERMINAL:
            continue
        if payment.status == "CREATED" and "open_operation" not in intent:
            continue
        if payment.detail == "REQUIRES_CAPTURE" and not _expired(intent, facts.now):
            continue
        if payment.detail == "REQUIRES_REVIEW" and not _review_ran_out(intent, facts.now):
            continue
        if payment.detail == "REQUIRES_DECISION" and any(
            _asks(operation) for operation in payment.operations.values()
        ):
            continue
        yield Violation(
            9,
            intent_id,
            f"{payment.status} {payment.detail} at rest; operations "
            f"{[_operation(operation) for operation in payment.operations.values()]}",
        )


def reviews_end(facts: AtRest) -> Iterator[Violation]:
    """A review that nobody answered was closed when its time was over."""
    for intent_id, what in never_ended(facts.watch.payments, facts.now, DUE_GRACE_SECONDS):
        yield Violation(9, intent_id, what)


def counters_are_true(facts: AtRest) -> Iterator[Violation]:
    """13: what is over is not in flight, but where its outcome was written without its counter."""
    for counter, what in facts.watch.counters.at_rest():
        yield Violation(13, counter, what)


def sessions_end(facts: AtRest) -> Iterator[Violation]:
    """A checkout session that nobody paid was ended when its time was over."""
    for session_id, what in overdue(facts.watch.sessions, facts.now, DUE_GRACE_SECONDS):
        yield Violation(9, session_id, what)


def operations_end(facts: AtRest) -> Iterator[Violation]:
    """Each outcome is known, or a person is asked where the acquirer cannot tell."""
    allowed = facts.decisions_allowed or _left_to_a_person(facts)
    for intent_id, payment in facts.watch.payments.items():
        for operation in payment.operations.values():
            if text(operation, "state") not in UNRESOLVED:
                continue
            if not _asks(operation):
                yield Violation(9, intent_id, f"nobody knows of {_operation(operation)}")
            elif not allowed(operation):
                yield Violation(
                    9,
                    intent_id,
                    f"a person is asked about {_operation(operation)}, and the acquirer can tell",
                )
        for refund_id, refund in payment.refunds.items():
            pending = text(refund, "status") == "PENDING"
            operation = payment.operations.get(refund_id)
            if pending and (operation is None or not _asks(operation)):
                yield Violation(9, intent_id, f"refund {refund_id} is PENDING at rest")


def _left_to_a_person(facts: AtRest) -> Callable[[Item], bool]:
    """Where the docs leave an outcome to a person: `recovery.py` says the same."""

    def allowed(operation: Item) -> bool:
        kind, reference = text(operation, "kind"), text(operation, "reference")
        statuses = {row.status for row in facts.acquirer.books.rows if row.reference == reference}
        if _asked_in_vain(facts, operation):
            return True
        match kind:
            case "REFUND" if not statuses:
                # Sent again it might be given back twice, and nothing can be reversed.
                return not facts.acquirer.behaviour.idempotent_by_reference
            case "VOID" if _true(operation, "expiry"):
                return statuses == {"DECLINED"}  # run out, and yet not given back
            case "AUTHORIZE":
                # To be undone, and the acquirer says that it will not.
                return bool(text(operation, "reversal_at")) and "APPROVED" in statuses
        return "REVERSED" in statuses  # undone by somebody else

    return allowed


def _asked_in_vain(facts: AtRest, operation: Item) -> bool:
    """Whether the acquirer had a week to tell, and never could before a person was asked."""
    asked_at = text(operation, "asked_at")
    if not asked_at:
        return False
    asked, created = (from_text(at).timestamp() for at in (asked_at, text(operation, "created_at")))
    patience_ends = created + GIVEN_UP_SECONDS - KEY_SKEW_SECONDS
    return asked >= patience_ends and asked < facts.calm_since + LOOKED_EVERY_SECONDS


def nothing_is_overdue(facts: AtRest) -> Iterator[Violation]:
    """No row has been due for long: whoever is to look at it looks at it no more."""
    for (table, key), item in facts.watch.due.items():
        if text(item, "entity") == "card_face" and not facts.purged:
            continue
        due_at = from_text(text(item, "due_at")).timestamp()
        if due_at < facts.now - DUE_GRACE_SECONDS and not _asks(item):
            yield Violation(9, f"{table} {key}", f"is due since {text(item, 'due_at')}")


def cards_are_kept(facts: AtRest) -> Iterator[Violation]:
    """11: each card that somebody may need is there, and opens."""
    yield from facts.cards()


def keys_end(facts: AtRest) -> Iterator[Violation]:
    """A key whose operation is over has its answer."""
    over = {
        text(operation, "operation_id"): intent_id
        for intent_id, payment in facts.watch.payments.items()
        for operation in payment.operations.values()
        if text(operation, "state") not in UNRESOLVED
    }
    for key, item in facts.watch.keys.items():
        operation_id = text(item, "operation_id")
        if text(item, "state") == "OPEN" and operation_id in over:
            yield Violation(7, over[operation_id], f"its key {key} still waits for {operation_id}")


# --- 4: everything is told -------------------------------------------------------------------


def ends_are_told_once(facts: AtRest) -> Iterator[Violation]:
    """One event for each terminal change, no more and no less."""
    for intent_id, payment in facts.watch.payments.items():
        told = Counter(text(event, "type") for event in payment.events.values())
        wanted: Counter[str] = Counter()
        if payment.status in TERMINAL:
            wanted[f"payment_intent.{payment.status.lower()}"] = 1
        for refund in payment.refunds.values():
            if text(refund, "status") != "PENDING":
                wanted[f"refund.{text(refund, 'status').lower()}"] += 1
        told = Counter({type_: n for type_, n in told.items() if type_ in TERMINAL_EVENTS})
        if told != wanted:
            yield Violation(4, intent_id, f"told {dict(told)}, and true is {dict(wanted)}")


def events_arrive(facts: AtRest) -> Iterator[Violation]:
    """Each event reached each endpoint that wants it, or was given up when it may be."""
    for endpoint in facts.endpoints:
        off = endpoint.endpoint_id in facts.watch.turned_off
        if off and not facts.receiver.gone.get(endpoint.url):
            yield Violation(4, endpoint.url, "is turned off, and never said 410")
    deliveries = {
        (text(item, "event_id"), text(item, "endpoint_id")): item
        for item in facts.watch.deliveries.values()
    }
    for subject, event in facts.watch.events():
        for endpoint in facts.endpoints:
            if text(event, "merchant_id") == endpoint.merchant_id and subscribed(
                endpoint.event_types, text(event, "type")
            ):
                delivery = deliveries.get((text(event, "event_id"), endpoint.endpoint_id))
                yield from _arrived(facts, subject, event, endpoint, delivery)


def _arrived(
    facts: AtRest, intent_id: str, event: Item, endpoint: Endpoint, delivery: Item | None
) -> Iterator[Violation]:
    event_id, type_ = text(event, "event_id"), text(event, "type")
    what = f"{type_} {event_id} for {endpoint.url}"
    seen = event_id in facts.receiver.seen(endpoint.url)
    if delivery is None:
        if _was_on(facts, event, endpoint):
            yield Violation(4, intent_id, f"{what} has no delivery")
        return
    status = text(delivery, "status")
    if status not in {"SUCCEEDED", "EXHAUSTED"}:
        yield Violation(4, intent_id, f"{what} is {status} at rest")
    if status == "SUCCEEDED" and not seen:
        yield Violation(4, intent_id, f"{what} is SUCCEEDED, and was never taken")
    if status == "EXHAUSTED" and not _may_be_given_up(facts, event, endpoint, delivery):
        tries, reason = number(delivery, "claims"), text(delivery, "end_reason")
        yield Violation(4, intent_id, f"{what} was given up after {tries} tries: {reason}")
    if status == "EXHAUSTED":
        round_at = text(delivery, "round_at") or text(delivery, "created_at")
        if (text(delivery, "delivery_id"), round_at) not in facts.exhausted:
            yield Violation(4, intent_id, f"{what} is EXHAUSTED, and nobody can send it again")


def _may_be_given_up(facts: AtRest, event: Item, endpoint: Endpoint, delivery: Item) -> bool:
    """After ten tries; when it was answered by 410; when the endpoint is off, unless there was
    time to try it before."""
    tried = number(delivery, "claims")
    match text(delivery, "end_reason"):
        case "ATTEMPTS_USED_UP":
            return tried >= TRIES
        case "ENDPOINT_GONE":
            return text(event, "event_id") in facts.receiver.gone.get(endpoint.url, ())
        case "ENDPOINT_DISABLED":
            off = endpoint.endpoint_id in facts.watch.turned_off
            return off and (tried > 0 or not _was_on(facts, event, endpoint))
    return False


def _was_on(facts: AtRest, event: Item, endpoint: Endpoint) -> bool:
    """Whether an event had time to be told before its endpoint was turned off, if it ever was."""
    off_at = facts.watch.turned_off.get(endpoint.endpoint_id)
    created_at = from_text(text(event, "created_at")).timestamp()
    return off_at is None or created_at + DUE_GRACE_SECONDS < off_at


def nobody_is_told_what_is_not_his(facts: AtRest) -> Iterator[Violation]:
    """An endpoint got events of its own merchant only."""
    owners = {
        text(event, "event_id"): text(event, "merchant_id") for _, event in facts.watch.events()
    }
    for endpoint in facts.endpoints:
        for event_id in facts.receiver.seen(endpoint.url):
            owner = owners.get(event_id)
            if owner != endpoint.merchant_id and not _is_news_of(facts, event_id, endpoint):
                yield Violation(10, event_id, f"of {owner}, was told to {endpoint.url}")


def _is_news_of(facts: AtRest, event_id: str, endpoint: Endpoint) -> bool:
    """Whether it was about an endpoint of the merchant, and not about a payment."""
    theirs = {one.endpoint_id for one in facts.endpoints if one.merchant_id == endpoint.merchant_id}
    return all(
        one.type.startswith("webhook_endpoint.")
        and one.body["data"]["object"]["endpoint_id"] in theirs
        for one in facts.receiver.told[endpoint.url]
        if one.event_id == event_id
    )


def what_was_told_is_applied(facts: AtRest) -> Iterator[Violation]:
    """Each fact of an acquirer that we acknowledged is applied, or a person sees it."""
    yield from facts.items()


def dead_letters_are_expected(facts: AtRest) -> Iterator[Violation]:
    """What a queue gave up is there for a reason that is known."""
    for queue, bodies in facts.dead_letters.items():
        for body in bodies:
            if not facts.may_be_dead(queue, body):
                yield Violation(4, queue, f"a dead letter: {body[:500]}")


# --- 7 and 3: what was answered is true ------------------------------------------------------


def same_key_same_answer(facts: AtRest) -> Iterator[Violation]:
    """One key and one body: every definite answer has the same status and body."""
    first: dict[tuple[str, str, str, str], tuple[Conversation, int, Any]] = {}
    for conversation, asked in shown_in(facts.conversations):
        if conversation.key is None or not asked.definite:
            continue
        asked_for = (conversation.merchant_id, conversation.row_id, repr(conversation.sent), "")
        known = first.setdefault(asked_for, (conversation, asked.status, asked.body))
        if (asked.status, asked.body) != known[1:]:
            yield Violation(
                7,
                _subject(asked.body),
                f"{conversation}: {known[1]} {known[2]}, and then {asked.status} {asked.body}",
            )


def a_key_stays_used(facts: AtRest) -> Iterator[Violation]:
    """Once a key was answered for good, it is not refused or found at work."""
    answered: dict[tuple[str, str, str], float] = {}
    for again in (False, True):
        for conversation, asked in shown_in(facts.conversations):
            if conversation.key is None:
                continue
            name = conversation.merchant_id, conversation.row_id, repr(conversation.sent)
            if not again and asked.definite:
                answered[name] = min(asked.ended, answered.get(name, asked.ended))
            if again and asked.began > answered.get(name, asked.began) and _refused(asked):
                yield Violation(7, _subject(asked.body), f"{conversation}: {asked.body}")


def _refused(asked: Asked) -> bool:
    """Neither an answer for good nor trouble that passes."""
    passes = asked.status >= 500 or asked.body.get("retry") == "SAME_KEY"
    return not asked.definite and not passes


def one_effect_for_a_key(facts: AtRest) -> Iterator[Violation]:
    """All definite answers under one key are about one object, and to one body."""
    about: dict[tuple[str, str], tuple[Any, ...]] = {}
    for conversation, asked in shown_in(facts.conversations):
        if conversation.key is None or not asked.definite:
            continue
        intent, refund = intent_in(asked), refund_in(asked)
        of = (intent or {}).get("intent_id"), (refund or {}).get("refund_id")
        ids = (*of, conversation.sent)
        known = about.setdefault((conversation.merchant_id, conversation.row_id), ids)
        if known != ids:
            yield Violation(7, _subject(asked.body), f"{conversation}: {known}, and then {ids}")


def answers_are_true(facts: AtRest) -> Iterator[Violation]:
    """What was told as final is what there is now."""
    for conversation, asked in shown_in(facts.conversations):
        intent, refund = intent_in(asked), refund_in(asked)
        shown = [intent] if intent else []
        listed = asked.body.get("data")
        for one in listed if isinstance(listed, list) else ():
            refund = one if "refund_id" in one else refund
            shown += [one] if "intent_id" in one else []
        for one in shown:
            yield from _intent_is_true(facts, conversation, one, asked.began)
        if refund is not None:
            yield from _refund_is_true(facts, conversation, refund, asked.began)


def _intent_is_true(
    facts: AtRest, conversation: Conversation, shown: Mapping[str, Any], at: float
) -> Iterator[Violation]:
    intent_id = str(shown["intent_id"])
    payment = facts.watch.payments.get(intent_id)
    if payment is None or payment.intent is None:
        yield Violation(3, intent_id, f"{conversation}: was shown, and is not there")
        return
    if text(payment.intent, "merchant_id") != conversation.merchant_id:
        yield Violation(10, intent_id, f"{conversation}: is shown to {conversation.merchant_id}")
    last = at >= facts.read_since
    if shown["status"] not in TERMINAL and not last:
        return
    names = {"status": "status", "amount_captured_cents": "amount_captured"}
    now = {"status": payment.status, "amount_captured": number(payment.intent, "amount_captured")}
    told = {inside: shown[outside] for outside, inside in names.items()}
    if told != now:
        yield Violation(3, intent_id, f"{conversation}: told {told}, and true is {now}")
    came_back = sum(number(row, "amount_cents") for row in payment.sent_back.values())
    for name, less_by_now in (("refunded", came_back), ("returned", 0)):
        given, true = shown[f"amount_{name}_cents"], number(payment.intent, f"amount_{name}")
        if given > true + less_by_now or (last and given != true):
            yield Violation(3, intent_id, f"{conversation}: told as {name} {given}, not {true}")


def reviews_are_shown_as_they_are(facts: AtRest) -> Iterator[Violation]:
    """A review that was shown as closed was closed so, to its merchant alone."""
    for conversation, asked in shown_in(facts.conversations):
        listed = asked.body.get("data")
        shown = [one for one in listed if "review_id" in one] if isinstance(listed, list) else []
        shown += [one] if (one := review_in(asked)) is not None else []
        for one in shown:
            if "intent_id" in one:
                continue
            intent_id, told = str(one["payment_intent_id"]), one["status"]
            payment = facts.watch.payments.get(intent_id)
            review = review_of(payment.intent if payment else None)
            final = told != "OPEN" or asked.began >= facts.read_since
            if final and told != text(review, "status"):
                yield Violation(3, intent_id, f"{conversation}: its review is told as {told}")
            if payment and text(payment.intent or {}, "merchant_id") != conversation.merchant_id:
                yield Violation(10, intent_id, f"{conversation}: shows a review of somebody else")


def sessions_are_shown_as_they_are(facts: AtRest) -> Iterator[Violation]:
    """PAID is PAID for good, and so is EXPIRED but near the end of its time, where clocks differ;
    who is told 200 has paid, and who is told 402 has not."""
    for conversation, asked in shown_in(facts.conversations):
        shown = session_in(asked)
        if shown is None:
            continue
        session_id, told = str(shown["session_id"]), shown["status"]
        session = facts.watch.sessions.known.get(session_id)
        if session is None or session.row is None:
            yield Violation(3, session_id, f"{conversation}: was shown, and is not there")
            continue
        if text(session.row, "merchant_id") != conversation.merchant_id:
            yield Violation(10, session_id, f"{conversation}: is shown to somebody else")
        expires_at = from_text(text(session.row, "expires_at")).timestamp()
        near = abs(asked.began - expires_at) < KEY_SKEW_SECONDS + SHORT_SECONDS
        final = told == "PAID" or (told == "EXPIRED" and not near)
        if (final or asked.began >= facts.read_since) and told != session.status:
            yield Violation(3, session_id, f"{conversation}: told {told}, and is {session.status}")
        paid = asked.status == 200 and conversation.path.endswith("/pay")
        if (paid and told != "PAID") or (asked.status == 402 and told != "OPEN"):
            yield Violation(3, session_id, f"{conversation}: {asked.status}, and shows {told}")


def _refund_is_true(
    facts: AtRest, conversation: Conversation, shown: Mapping[str, Any], at: float
) -> Iterator[Violation]:
    intent_id, refund_id = str(shown["payment_intent_id"]), str(shown["refund_id"])
    payment = facts.watch.payments.get(intent_id)
    refund = payment.refunds.get(refund_id) if payment else None
    if refund is None:
        yield Violation(3, intent_id, f"{conversation}: refund {refund_id} is not there")
        return
    if text(refund, "merchant_id") != conversation.merchant_id:
        yield Violation(10, intent_id, f"{conversation}: shows a refund of somebody else")
    last = at >= facts.read_since
    if (last or shown["status"] != "PENDING") and shown["status"] != text(refund, "status"):
        yield Violation(
            3,
            intent_id,
            f"{conversation}: refund {refund_id} told as {shown['status']}, and is "
            f"{text(refund, 'status')}",
        )


def success_is_success(facts: AtRest) -> Iterator[Violation]:
    """200 and 201 mean done, 402 means that nothing moved: in what they show themselves."""
    for conversation, asked in shown_in(facts.conversations):
        if conversation.key is None:
            continue
        intent, refund = intent_in(asked), refund_in(asked)
        if asked.status == 402 and refund is not None and refund["status"] != "FAILED":
            yield Violation(3, _subject(asked.body), f"{conversation}: 402 for {refund['status']}")
        if asked.status not in {200, 201}:
            continue
        if refund is not None and refund["status"] != "SUCCEEDED":
            yield Violation(3, _subject(asked.body), f"{conversation}: done, {refund['status']}")
        if intent is not None and not _done(conversation, intent):
            shown = f"{intent['status']} {intent['status_detail']}"
            yield Violation(3, _subject(asked.body), f"{conversation}: done, and shows {shown}")


def _done(conversation: Conversation, intent: Mapping[str, Any]) -> bool:
    path, status, detail = conversation.path, intent["status"], intent["status_detail"]
    if path.endswith(("/cancel", "/decline")):
        return bool(status == "CANCELLED")
    if path.endswith("/capture"):
        return bool(status == "SUCCEEDED")
    if path.endswith(("/confirm", "/approve")) or (conversation.sent or {}).get("confirm"):
        held = intent["capture_method"] == "MANUAL" and detail == "REQUIRES_CAPTURE"
        return bool(status == "SUCCEEDED" or held)
    return bool(status == "CREATED")


def a_healthy_system_answers(facts: AtRest) -> Iterator[Violation]:
    """Every call ends. With no fault left none is left without an answer, and none makes a 5xx."""
    for conversation in facts.conversations:
        for asked in conversation.calls:
            if not asked.ended:
                yield Violation(9, conversation.path, f"{conversation}: a call without an end")
            elif asked.began >= facts.calm_since and (asked.status == 0 or asked.status >= 500):
                yield Violation(9, conversation.path, f"{conversation}, in a healthy system")


def every_answer_is_final(facts: AtRest) -> Iterator[Violation]:
    """When there is nothing to wait for, a key gets its last answer, and an object is shown."""
    for conversation, asked in shown_in(facts.conversations):
        if asked.began < facts.settled_since or asked.status >= 500:
            continue
        if conversation.key is None:
            final = asked.status == 200
        else:
            final = asked.definite or asked.body.get("retry") in FINAL_REFUSALS
        if not final and not _still_open(facts, conversation, asked):
            yield Violation(
                9, _subject(asked.body), f"{conversation}: nothing is open, and {asked.body}"
            )


def _still_open(facts: AtRest, conversation: Conversation, asked: Asked) -> bool:
    """Whether its payment waited for a person, for its review, for the end of a dispute, or for an
    acquirer that was still at it."""
    if conversation.key is None:
        return False
    sent = conversation.sent if isinstance(conversation.sent, Mapping) else {}
    named = {_subject(asked.body), *conversation.path.split("/"), sent.get("payment_intent_id")}
    sessions = facts.watch.sessions.known
    named |= {intent for id_ in named & sessions.keys() for intent in sessions[id_].attempts}
    named |= {f"pi_{id_.removeprefix('rev_')}" for id_ in named if str(id_).startswith("rev_")}
    for intent_id in named & facts.watch.payments.keys():
        rows = [row for row in facts.acquirer.books.rows if row.order_id == intent_id]
        if any(row.status_at(asked.began) == "PENDING" for row in rows):
            return True
        if any(map(_asks, facts.watch.payments[intent_id].operations.values())):
            return True
        if _was_under_review(facts.watch.payments[intent_id].intent, asked.began):
            return True
        disputes = facts.watch.payments[intent_id].disputes.values()
        if any(_was_open(row, asked.began) for row in disputes):
            return True
    return False


def _was_open(dispute: Item, at: float) -> bool:
    """Whether a dispute was undecided at an instant, as far as clocks can tell."""
    if from_text(text(dispute, "created_at")).timestamp() > at + KEY_SKEW_SECONDS:
        return False
    closed_at = text(dispute, "closed_at")
    return not closed_at or from_text(closed_at).timestamp() > at - KEY_SKEW_SECONDS


def _was_under_review(intent: Item | None, at: float) -> bool:
    """Whether its review was open at an instant, as far as clocks can tell."""
    review = review_of(intent)
    if not review or from_text(text(review, "opened_at")).timestamp() > at + KEY_SKEW_SECONDS:
        return False
    closed_at = text(review, "closed_at")
    return not closed_at or from_text(closed_at).timestamp() > at - KEY_SKEW_SECONDS


# --- settlement ------------------------------------------------------------------------------


def lines_are_entries(facts: AtRest) -> Iterator[Violation]:
    """Each line of a batch says what its entry says, and the entry is that batch's."""
    watch = facts.watch
    names = ("intent_id", "reference", "operation", "amount_cents", "currency", "settlement_id")
    for entry_id, line in watch.lines.items():
        entry = watch.entries.get(entry_id, {})
        if any(entry.get(name) != line.get(name) for name in names):
            yield Violation(7, text(line, "intent_id"), f"the line of {entry_id} is no entry's")
    for entry_id, entry in watch.entries.items():
        if "settlement_id" in entry and entry_id not in watch.lines:
            yield Violation(7, text(entry, "intent_id"), f"{entry_id} is claimed without a line")


def everything_is_settled(facts: AtRest) -> Iterator[Violation]:
    """What moved is in a batch, and the acquirer paid it."""
    yield from _money_has_entries(facts.watch)
    if not facts.settled:
        return
    for entry_id, entry in facts.watch.entries.items():
        if "settlement_id" not in entry:
            yield Violation(9, text(entry, "intent_id"), f"{entry_id} is in no batch")
    for settlement_id, batch in facts.watch.batches.items():
        if text(batch, "status") != "SETTLED":
            reason = text(batch, "exception_detail")
            yield Violation(1, settlement_id, f"the batch is {text(batch, 'status')} {reason}")


def _money_has_entries(watch: Watch) -> Iterator[Violation]:
    moved: dict[str, Counter[str]] = {intent_id: Counter() for intent_id in watch.payments}
    for entry in watch.entries.values():
        counts = moved.setdefault(text(entry, "intent_id"), Counter())
        counts[text(entry, "operation")] += number(entry, "amount_cents")
    for intent_id, counts in moved.items():
        intent = watch.payments[intent_id].intent or {}
        names = ("amount_captured", "amount_refunded", "amount_returned", "amount_disputed")
        wanted = tuple(number(intent, name) for name in names)
        found = (
            counts["CAPTURE"],
            counts["REFUND"] - counts["REFUND_RETURN"],
            counts["RETURN"],
            counts["DISPUTE"] - counts["DISPUTE_REVERSAL"],
        )
        if found != wanted:
            yield Violation(5, intent_id, f"moved {wanted}, and to be settled are {dict(counts)}")


CHECKS: tuple[Check, ...] = (
    no_mistakes,
    books_agree,
    tokens_agree,
    disputes_agree,
    ledger_balances,
    disputes_are_posted,
    payments_end,
    reviews_end,
    counters_are_true,
    sessions_end,
    operations_end,
    nothing_is_overdue,
    cards_are_kept,
    keys_end,
    ends_are_told_once,
    events_arrive,
    nobody_is_told_what_is_not_his,
    dead_letters_are_expected,
    what_was_told_is_applied,
    same_key_same_answer,
    a_key_stays_used,
    one_effect_for_a_key,
    answers_are_true,
    reviews_are_shown_as_they_are,
    sessions_are_shown_as_they_are,
    success_is_success,
    a_healthy_system_answers,
    every_answer_is_final,
    lines_are_entries,
    everything_is_settled,
    settlement_is_posted,
)


def _asks(item: Item) -> bool:
    """Whether an operation waits for a person."""
    return _true(item, "requires_decision") and text(item, "state") in UNRESOLVED


def _true(item: Item, name: str) -> bool:
    return bool(item.get(name, {}).get("BOOL", False))


def _expired(intent: Item, now: float) -> bool:
    authorization = intent.get("authorization")
    expires_at = text(authorization["M"], "expires_at") if authorization else ""
    return bool(expires_at) and from_text(expires_at).timestamp() < now - DUE_GRACE_SECONDS


def _review_ran_out(intent: Item, now: float) -> bool:
    runs_out = runs_out_at(intent)
    return runs_out is None or runs_out < now - DUE_GRACE_SECONDS


def _operation(operation: Item) -> str:
    names = ("kind", "reference", "state", "lease_until", "due_at", "reversal_at")
    return " ".join(text(operation, name) or "-" for name in names)


def _subject(body: Mapping[str, Any]) -> str:
    for name in (None, "payment_intent", "refund", "checkout_session"):
        shown = body.get(name) if name else body
        if isinstance(shown, Mapping):
            names = ("intent_id", "payment_intent_id", "session_id")
            found = next((shown[one] for one in names if shown.get(one)), None)
            if found:
                return str(found)
    return "an answer"
