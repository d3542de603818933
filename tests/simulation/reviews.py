"""Reviews, watched: at every write a review agrees with its payment, its events and its key.

What a review is is said here once more, from the rows alone. It is open while nothing is decided
about its payment's money, and is closed once, in the transaction of the outcome: by what its answer
sent, or by nothing at all where nothing was ever sent. It is told twice, when it is opened and when
it is closed; and the key of the request that asked for the payment waits as long as it is open.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from farthing.clock import from_text

if TYPE_CHECKING:
    from tests.simulation.invariants import Payment

Item = Mapping[str, Any]
Fail = Callable[[int, str, str], None]
"""Which invariant, of what, and the facts."""

UNRESOLVED = frozenset({"OPEN", "UNKNOWN", "PENDING"})
NOT_DECIDED = frozenset(
    {"", "REQUIRES_REVIEW", "OUTCOME_UNKNOWN", "REQUIRES_DECISION", "AWAITING_BANK"}
)
"""Where a payment is whose review is open: nothing is sent, or what was sent has no end yet."""
ENDS = {
    "APPROVED": {
        "SUCCEEDED",
        "FAILED DECLINED",
        "FAILED REVERSED",
        "PROCESSING REQUIRES_CAPTURE",
    },
    "DECLINED": {"CANCELLED"},
    "CANCELLED": {"CANCELLED"},
    "EXPIRED": {"CANCELLED EXPIRED"},
}
"""What a payment is when its review is closed, by how."""
ANSWERS = {
    "AUTHORIZE": {"APPROVED"},
    "CAPTURE": {"APPROVED"},
    "VOID": {"DECLINED", "CANCELLED", "EXPIRED"},
}
"""What may be sent of a payment while its review is open, by what it means for the review."""
REFUSED = frozenset({"DECLINED", "CANCELLED", "EXPIRED"})
EXPIRED_EARLY_SECONDS = 600.0
"""Clocks are wrong by five minutes, in both directions."""


def _text(item: Item, name: str) -> str:
    value = item.get(name)
    return str(value.get("S", "")) if value is not None else ""


def _number(item: Item, name: str) -> int:
    value = item.get(name)
    return int(value.get("N", "0")) if value is not None else 0


def _map(item: Item | None, name: str) -> Item:
    """A map inside, empty if it is not there."""
    value = (item or {}).get(name)
    found: Item = value.get("M", {}) if value is not None else {}
    return found


def review_of(intent: Item | None) -> Item:
    """The review that a payment has, empty if it has none."""
    return _map(intent, "review")


def status_of(intent: Item | None) -> str:
    """That of its review; empty if it has none."""
    return _text(review_of(intent), "status")


def runs_out_at(intent: Item) -> float | None:
    """When a payment that waits for its review ends by itself; None if it waits for none."""
    if status_of(intent) != "OPEN":
        return None
    ends = [_text(review_of(intent), "expires_at")]
    if granted := _text(_map(intent, "authorization"), "expires_at"):
        ends.append(granted)
    return from_text(min(ends)).timestamp()


class Reviews:
    """All of them, by payment. `keys` are the idempotency rows as they are now."""

    def __init__(
        self, fail: Fail, now: Callable[[], float], keys: Mapping[tuple[str, str], Item]
    ) -> None:
        self._fail, self._now, self._keys = fail, now, keys
        self.is_restored = False
        """Whether a backup was brought back: what is then learned of the acquirer was decided about
        in the time that is lost."""
        self.rows: dict[str, Item] = {}
        self.decisions: dict[str, dict[str, Item]] = defaultdict(dict)
        """What let nothing through, by payment and id."""
        self._begin()

    def clear(self) -> None:
        """Forget everything: other rows are loaded."""
        self.rows.clear()
        self.decisions.clear()
        self._begin()

    def forget(self) -> None:
        """What was loaded is no transaction."""
        self._begin()

    def _begin(self) -> None:
        """Another transaction."""
        self._before: dict[str, Item | None] = {}
        self._begun: dict[str, list[Item]] = defaultdict(list)
        self._ended: dict[str, list[Item]] = defaultdict(list)
        self._decided: dict[str, list[Item]] = defaultdict(list)
        self._held: dict[str, str] = {}

    # --- row by row --------------------------------------------------------------------------

    def review(self, key: Any, old: Item | None, new: Item | None) -> None:
        """The row for lists."""
        intent_id = _text(new or old or {}, "intent_id")
        if new is None:
            self._fail(3, intent_id, "its review was deleted")
            return
        self.rows[intent_id] = new
        self._before.setdefault(intent_id, None)

    def decision(self, key: Any, old: Item | None, new: Item | None) -> None:
        """Why something was not let through, for good."""
        intent_id = _text(new or old or {}, "intent_id")
        if old is not None or new is None:
            self._fail(3, intent_id, "what was decided of it was changed")
            return
        self.decisions[intent_id][_text(new, "decision_id")] = new
        self._decided[intent_id].append(new)

    def intent(self, intent_id: str, old: Item | None, new: Item) -> None:
        """A payment's row."""
        self._before[intent_id] = old
        before, after = status_of(old), status_of(new)
        if before and not after:
            self._fail(3, intent_id, "its review is forgotten")
        if before not in {"", "OPEN", after} or (before and after == "OPEN" != before):
            self._fail(3, intent_id, f"its review was {before}, and then {after}")
        old_review, new_review = review_of(old), review_of(new)
        if before not in {"", "OPEN"} and old_review != new_review:
            self._fail(3, intent_id, f"its review was {before}, and changed")
        for name in ("opened_at", "expires_at", "decision_id", "waiting"):
            if before and old_review.get(name) != new_review.get(name):
                self._fail(3, intent_id, f"{name} of its review never changes, and did")

    def operation(self, intent_id: str, old: Item | None, new: Item) -> None:
        """What is sent, and how it ended."""
        if old is None:
            self._begun[intent_id].append(new)
        ended = _text(new, "state") not in UNRESOLVED and "replaced_by" not in new
        if ended and (old is None or _text(old, "state") in UNRESOLVED):
            self._ended[intent_id].append(new)

    def key(self, key: Any, old: Item | None, new: Item | None) -> None:
        """A key that waits, or has waited until now."""
        before, after = _text(old or {}, "state"), _text(new or {}, "state")
        if "HELD" not in {before, after}:
            return
        row = new if after == "HELD" else old
        self._held[_text(row or {}, "intent_id")] = str(key)
        if after == "HELD" and {"ttl", "expires_at"} & set(new or {}):
            self._fail(7, str(key), "a key that waits for a review has an end")
        if before == "HELD" and after not in {"HELD", "DONE"}:
            self._fail(7, str(key), f"it waited for a review, and is {after or 'gone'}")

    # --- what belongs together ---------------------------------------------------------------

    def add_up(self, payments: Mapping[str, Payment], touched: Iterable[str]) -> None:
        """What must be true of each payment that the transaction touched."""
        for intent_id in {**dict.fromkeys(touched), **self._held}:
            payment = payments.get(intent_id)
            if payment is None or payment.intent is None:
                self._fail(6, intent_id, "a review, or a key that waits for one, without a payment")
                continue
            self._adds_up(intent_id, payment.intent, payment)
        self._begin()

    def _adds_up(self, intent_id: str, intent: Item, payment: Payment) -> None:
        status, changed = status_of(intent), intent_id in self._before
        before = status_of(self._before[intent_id]) if changed else status
        self._what_is_sent(intent_id, before)
        self._what_is_sent_is_counted(intent_id, intent)
        self._what_has_ended(intent_id, status)
        self._decisions_add_up(intent_id, intent)
        if intent_id in self._held and not status:
            self._fail(
                7, intent_id, f"{self._held[intent_id]} waits for a review that is not there"
            )
        if not status and intent_id not in self.rows:
            if _text(intent, "status_detail") == "REQUIRES_REVIEW":
                self._fail(3, intent_id, "it waits for a review that is not there")
            return
        self._row_agrees(intent_id, intent, status)
        self._payment_agrees(intent_id, intent, status)
        self._told_once(intent_id, status, payment.events.values())
        self._key_waits(intent_id, intent, status, closes=before == "OPEN" != status)
        if not before and _state(intent) != "PROCESSING REQUIRES_REVIEW":
            self._fail(3, intent_id, f"its review is opened, and it is {_state(intent)}")
        if before == "OPEN" != status:
            self._closes(intent_id, intent, status)

    def _row_agrees(self, intent_id: str, intent: Item, status: str) -> None:
        row = self.rows.get(intent_id, {})
        shown, listed = _map(row, "review"), _text(row, "list_pk")
        said = {_text(row, "status"), _text(shown, "status")}
        if said != {status}:
            self._fail(3, intent_id, f"its review is {status}, and its row says {sorted(said)}")
        if ("#OPEN#" in listed) is not (status == "OPEN"):
            self._fail(3, intent_id, f"its review is {status}, and is listed in {listed}")
        if _number(shown, "amount_cents") != _number(intent, "amount_cents"):
            self._fail(3, intent_id, "its review shows another amount")

    def _payment_agrees(self, intent_id: str, intent: Item, status: str) -> None:
        detail, taken = _text(intent, "status_detail"), _number(intent, "amount_captured")
        waits = _text(intent, "status") == "PROCESSING" and detail in NOT_DECIDED
        if status == "OPEN" and not waits:
            self._fail(3, intent_id, f"it is {_state(intent)}, and its review is open")
        if detail == "REQUIRES_REVIEW" and (status != "OPEN" or "open_operation" in intent):
            self._fail(3, intent_id, f"it waits for its review, which is {status}")
        if taken and status != "APPROVED":
            self._fail(14, intent_id, f"{taken} are taken, and its review is {status}")
        if status in REFUSED and _state(intent) not in ENDS[status]:
            self._fail(3, intent_id, f"its review is {status}, and it is {_state(intent)}")

    def _told_once(self, intent_id: str, status: str, events: Iterable[Item]) -> None:
        told = Counter(_text(event, "type") for event in events)
        wanted = {"review.opened": 1, "review.closed": int(status != "OPEN")}
        if any(told[type_] != times for type_, times in wanted.items()):
            found = {type_: told[type_] for type_ in wanted}
            self._fail(4, intent_id, f"its review is {status}, and told is {found}")
        shows = {"review.opened": "OPEN", "review.closed": status}
        for event in events:
            shown, type_ = _map(event, "object"), _text(event, "type")
            if type_ in shows and _text(shown, "status") != shows[type_]:
                self._fail(4, intent_id, f"{type_} shows {_text(shown, 'status')}")

    def _key_waits(self, intent_id: str, intent: Item, status: str, *, closes: bool) -> None:
        """It waits as long as the review is open, and gets its answer with the review's end. Nobody
        waits for one that came back after a restore."""
        waiting, pk = _map(review_of(intent), "waiting"), _text(self.rows[intent_id], "merchant_id")
        if not _text(waiting, "idempotency_row"):
            return
        mode = _text(self.rows[intent_id], "mode")
        name = f"{pk}#{mode}#IDEM#{_text(waiting, 'idempotency_row')}", "IDEM"
        key = self._keys.get(name, {})
        state, answer = _text(key, "state"), _number(key, "status")
        if (status == "OPEN") is not (state == "HELD") and (closes or status == "OPEN"):
            self._fail(7, intent_id, f"its review is {status}, and its key {state or 'gone'}")
        mine = _text(key, "intent_id") == intent_id
        if status != "OPEN" and state == "HELD" and mine:
            self._fail(7, intent_id, f"its review is {status}, and its key still waits")
        if not closes:
            return
        good = _state(intent) in {"SUCCEEDED", "PROCESSING REQUIRES_CAPTURE"}
        wanted = _number(waiting, "success_status") if good else 402
        if (state, answer) != ("DONE", wanted):
            self._fail(7, intent_id, f"it is {_state(intent)}, and its key gets {state} {answer}")

    def _closes(self, intent_id: str, intent: Item, status: str) -> None:
        """Once, and with the outcome of what its answer asked for, if anything was sent for it."""
        if _state(intent) not in ENDS[status]:
            self._fail(3, intent_id, f"its review is {status}, and it is {_state(intent)}")
        ended = {_text(_map(one, "review"), "status") for one in self._ended[intent_id]}
        if ended and ended != {status}:
            self._fail(3, intent_id, f"its review is {status}, and what ended was {sorted(ended)}")
        granted = "authorization" in intent
        sends_nothing = granted == (status == "APPROVED")
        if not ended and not sends_nothing:
            self._fail(14, intent_id, f"its review is {status}, and nothing has ended")
        runs_out = runs_out_at(self._before[intent_id] or {})
        early = runs_out is not None and self._now() < runs_out - EXPIRED_EARLY_SECONDS
        if status == "EXPIRED" and early:
            self._fail(3, intent_id, "its review is EXPIRED before its time")

    def _what_is_sent(self, intent_id: str, before: str) -> None:
        """While a review is open, nothing is sent but what its answer asks for."""
        for one in self._begun[intent_id]:
            kind, step = _text(one, "kind"), _text(_map(one, "review"), "status")
            if kind == "REFUND":
                continue
            if before == "OPEN" and step not in ANSWERS[kind]:
                self._fail(
                    14, intent_id, f"{kind} is begun while its review is open: {step or '-'}"
                )
            opens = kind == "AUTHORIZE" and step == "OPEN"
            if before != "OPEN" and step and not opens:
                self._fail(14, intent_id, f"{kind} is to make a review {step} that is not open")
            if opens and one.get("capture", {}).get("BOOL"):
                self._fail(14, intent_id, f"{kind} takes the money before anybody has looked")
            action = _text(_map(one, "decision"), "action")
            lost = self.is_restored and not action
            allowed = {"OPEN", "APPROVED"} if action == "REVIEW" else {""}
            decided = action in {"ALLOW", "REVIEW"} and step in allowed
            if kind == "AUTHORIZE" and not decided and not lost:
                self._fail(
                    14, intent_id, f"{kind} is begun, decided {action or '-'}: {step or '-'}"
                )

    def _what_is_sent_is_counted(self, intent_id: str, intent: Item) -> None:
        """Each authorization goes to the counter of what pays, and of where it comes from."""
        card = _text(_map(intent, "instrument"), "fingerprint")
        wanted = [f"#CARD#{card}"] if card else []
        wanted += [f"#IP#{from_}"] if (from_ := _text(intent, "ip_address")) else []
        for one in self._begun[intent_id]:
            counted = [str(each["S"]) for each in one.get("counted", {}).get("L", ())]
            found = [any(pk.endswith(each) for pk in counted) for each in wanted]
            lost = self.is_restored and not _map(one, "decision")
            if _text(one, "kind") == "AUTHORIZE" and not all(found) and not lost:
                self._fail(13, intent_id, f"is to be counted in {wanted}, and is in {counted}")

    def _what_has_ended(self, intent_id: str, status: str) -> None:
        """What was granted opens the review that it is for, or has closed it."""
        for one in self._ended[intent_id]:
            kind, step = _text(one, "kind"), _text(_map(one, "review"), "status")
            if step and _text(one, "state") == "APPROVED" and step != status:
                self._fail(
                    14, intent_id, f"{kind} is granted, for a review {step}: {status or '-'}"
                )

    def _decisions_add_up(self, intent_id: str, intent: Item) -> None:
        """What is not let through has a decision and no operation; whatever waits has one."""
        for one in self._decided[intent_id]:
            action = _text(_map(one, "decision"), "action")
            wanted = {"BLOCK": "FAILED BLOCKED_BY_FRAUD", "REVIEW": "PROCESSING REQUIRES_REVIEW"}
            if _state(intent) != wanted.get(action):
                self._fail(14, intent_id, f"{action} was decided, and it is {_state(intent)}")
            if self._begun[intent_id]:
                self._fail(14, intent_id, f"{action} was decided, and something is sent")
        if _state(intent) == "FAILED BLOCKED_BY_FRAUD" and not self.decisions.get(intent_id):
            self._fail(14, intent_id, "it is blocked, and nobody has decided so")


def _state(intent: Item) -> str:
    return f"{_text(intent, 'status')} {_text(intent, 'status_detail')}".strip()


def never_ended(
    payments: Mapping[str, Payment], now: float, grace_seconds: float
) -> Iterator[tuple[str, str]]:
    """Payments whose review is open long after its time, and of which nothing is at work."""
    for intent_id, payment in payments.items():
        intent = payment.intent
        runs_out = None if intent is None else runs_out_at(intent)
        if intent is None or runs_out is None or "open_operation" in intent:
            continue
        if runs_out < now - grace_seconds:
            yield intent_id, f"its review was to end at {_text(review_of(intent), 'expires_at')}"
