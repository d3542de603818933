"""Each check of reviews and counters can fail: it is fed a write that breaks it, and says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from farthing.ids import ENTROPY_BYTES, make_id
from farthing.store.item import item_from_wire, to_wire
from tests.simulation.aws.table import WriteRecord
from tests.simulation.counters import store_was_busy
from tests.simulation.invariants import Watch, text
from tests.simulation.test_invariants import (
    GONE,
    Item,
    after,
    changed_item,
    current,
    deleted,
    fed,
    has,
    instead,
    played,
    watching,
    with_,
    without,
)
from tests.simulation.violation import Violation

CLOSES = has("review", status="APPROVED")
OPENS = has("review", status="OPEN")
DECLINES = has("operation", state="DECLINED")
STARTS = has("operation", kind="AUTHORIZE", state="OPEN")
LATER = "2099-01-01T00:00:00.000Z"


def review_changed(name: str, **changes: Any) -> dict[str, Any]:
    """The review of a path's payment, otherwise."""
    _, _, intent = current(name, "intent")
    return to_wire({**item_from_wire(intent)["review"], **changes})


def tried_again(**changes: Any) -> None:
    """After four failures of a card, one attempt more is written."""
    name = "card tester"
    table, key, failed = current(name, "operation", state="DECLINED")
    at = datetime.fromtimestamp(played(name).run.world.scheduler.now, UTC)
    newest = datetime.fromisoformat(text(failed, "created_at").replace("Z", "+00:00"))
    id_ = make_id(
        "op", newest if not changes.pop("long_after", False) else at, bytes(ENTROPY_BYTES)
    )
    fresh = {"operation_id": id_, "state": "OPEN", "reference": "FRESH", "answer": {"NULL": True}}
    counters = [
        WriteRecord("risk", (one["S"], "ATTEMPTS"), None, counter_with(one["S"], id_))
        for one in failed["counted"]["L"]
    ]
    watch = tried()
    began = changed_item(failed, {**fresh, **changes})
    watch.counters([WriteRecord(table, (key[0], f"OP#{id_}"), None, began), *counters])


def tried() -> Watch:
    """A watch that saw a card that was tried, before its counters are swept up."""
    watch = watching()
    for records in played("card tester").history:
        if not any(record.table == "risk" and record.new is None for record in records):
            watch(records)
    return watch


def counter_with(pk: str, mark: str) -> Item:
    """A counter of the path with one more in flight."""
    for records in reversed(played("card tester").history):
        for table, key, _, new in records:
            if table == "risk" and key[0] == pk and new is not None:
                return changed_item(dict(new), {mark: 1})
    raise LookupError(pk)


def failed_twice() -> list[dict[str, Any]]:
    _, _, row = current("card tester", "attempts")
    (first, *_) = row["failed"]["L"]
    return [first, first]


def settled_in_flight() -> None:
    """What was declined is in flight again."""
    _, _, operation = current("card tester", "operation", state="DECLINED")
    table, key, row = current("card tester", "attempts")
    new = changed_item(row, {text(operation, "operation_id"): 1})
    tried()([WriteRecord(table, key, row, new)])


WRONG: dict[str, tuple[str, Callable[[], None]]] = {
    # 3: a review and its payment
    "a deleted review": (
        "invariant 3, .*its review was deleted",
        lambda: deleted("review", "review"),
    ),
    "a row that says something else": (
        "invariant 3, .*its review is APPROVED, and its row says",
        lambda: after("review", "review", status="DECLINED"),
    ),
    "a row that is listed as open": (
        "invariant 3, .*is listed in",
        lambda: after("review", "review", list_pk="mer#test#LIST#REVIEW#OPEN#1"),
    ),
    "a row that is not closed": (
        "invariant 3, .*its review is APPROVED, and its row says",
        lambda: instead("review", CLOSES, without("review")),
    ),
    "a closed review that changes": (
        "invariant 3, .*its review was APPROVED, and changed",
        lambda: after("review", "intent", review=review_changed("review", note="x"), version=99),
    ),
    "a closed review that is open again": (
        "invariant 3, .*its review was APPROVED, and then OPEN",
        lambda: after(
            "review", "intent", review=review_changed("review", status="OPEN"), version=99
        ),
    ),
    "a review that is forgotten": (
        "invariant 3, .*its review is forgotten",
        lambda: after("review", "intent", review=GONE, version=99),
    ),
    "a review whose time changes": (
        "invariant 3, .*expires_at of its review never changes",
        lambda: instead(
            "review",
            CLOSES,
            with_("intent", review=review_changed("review", expires_at=LATER)),
        ),
    ),
    "a review that is closed as nobody has asked": (
        "invariant 14, .*CAPTURE is granted, for a review APPROVED: DECLINED",
        lambda: instead(
            "review",
            CLOSES,
            lambda records: with_("review", status="DECLINED", review=shown("DECLINED"))(
                with_("intent", review=review_changed("review", status="DECLINED"))(records)
            ),
        ),
    ),
    "a payment that is past its open review": (
        "invariant 3, .*it is PROCESSING REQUIRES_CAPTURE, and its review is open",
        lambda: instead("review", OPENS, with_("intent", status_detail="REQUIRES_CAPTURE")),
    ),
    "a decision that changes": (
        "invariant 3, .*what was decided of it was changed",
        lambda: after("card tester", "fraud_decision", created_at=LATER),
    ),
    # 4: it is told
    "a review that is closed untold": (
        "invariant 4, .*its review is APPROVED, and told is",
        lambda: instead(
            "review", CLOSES, with_("event", {"type": "review.closed"}, type="review.seen")
        ),
    ),
    "a review that is opened untold": (
        "invariant 4, .*its review is OPEN, and told is",
        lambda: instead(
            "review", OPENS, with_("event", {"type": "review.opened"}, type="review.seen")
        ),
    ),
    "a closed review that is told as open": (
        "invariant 4, .*review.closed shows OPEN",
        lambda: instead(
            "review", CLOSES, with_("event", {"type": "review.closed"}, object=shown("OPEN"))
        ),
    ),
    # 7: the key waits
    "a key that is never answered": (
        "invariant 7, .*its review is APPROVED, and its key HELD",
        lambda: instead("review", CLOSES, without("idempotency")),
    ),
    "a key that does not wait": (
        "invariant 7, .*its review is OPEN, and its key DONE",
        lambda: instead("review", OPENS, with_("idempotency", state="DONE")),
    ),
    "a key that waits and ends": (
        "invariant 7, .*a key that waits for a review has an end",
        lambda: instead("review", OPENS, with_("idempotency", ttl=1)),
    ),
    "a key that gets another answer": (
        "invariant 7, .*it is SUCCEEDED, and its key gets DONE 402",
        lambda: instead("review", CLOSES, with_("idempotency", status=402)),
    ),
    # 14: nothing is sent that nobody has said
    "money that is taken before": (
        "invariant 14, .*AUTHORIZE takes the money before anybody has looked",
        lambda: instead("review", STARTS, with_("operation", capture=True)),
    ),
    "an authorization that opens no review": (
        "invariant 14, .*AUTHORIZE is begun, decided REVIEW: -",
        lambda: instead("review", STARTS, with_("operation", review={"NULL": True})),
    ),
    "an authorization about which nobody has decided": (
        "invariant 14, .*AUTHORIZE is begun, decided -: -",
        lambda: instead("charge", STARTS, with_("operation", decision={"NULL": True})),
    ),
    "a capture that no answer asked for": (
        "invariant 14, .*CAPTURE is begun while its review is open: -",
        lambda: instead(
            "review", has("operation", kind="CAPTURE"), with_("operation", review={"NULL": True})
        ),
    ),
    "an authorization that was granted, and no review": (
        "invariant 14, .*AUTHORIZE is granted, for a review OPEN: -",
        lambda: instead(
            "review",
            OPENS,
            lambda records: without("review")(
                with_("intent", review=GONE, status_detail="REQUIRES_CAPTURE")(records)
            ),
        ),
    ),
    "a blocked payment that is none": (
        "invariant 14, .*BLOCK was decided, and it is FAILED DECLINED",
        lambda: instead(
            "card tester", has("fraud_decision"), with_("intent", status_detail="DECLINED")
        ),
    ),
    "a blocked payment, and nobody who decided so": (
        "invariant 14, .*it is blocked, and nobody has decided so",
        lambda: instead("card tester", has("fraud_decision"), without("fraud_decision")),
    ),
    # 13: counters
    "an attempt without a mark": (
        "invariant 13, .*is in flight without",
        lambda: instead("card tester", STARTS, without("attempts")),
    ),
    "an attempt that goes to no counter": (
        "invariant 13, .*is to be counted in",
        lambda: instead("card tester", STARTS, with_("operation", counted=[])),
    ),
    "a failure that is told to no counter": (
        "invariant 13, .*is DECLINED, and .* is not told",
        lambda: instead("card tester", DECLINES, without("attempts")),
    ),
    "a failure that is not counted": (
        "invariant 13, .*of those that failed the newest are",
        lambda: instead("card tester", DECLINES, with_("attempts", failed=[])),
    ),
    "a failure that is counted twice": (
        "invariant 13, .*counts",
        lambda: instead("card tester", DECLINES, with_("attempts", failed={"L": failed_twice()})),
    ),
    "a failure that is still in flight": (
        "invariant 13, .*is DECLINED",
        settled_in_flight,
    ),
    "one that is let in after four": ("invariant 13, .*was let in after", tried_again),
    "a payment that is remembered twice": (
        "invariant 13, .*a payment is remembered twice",
        lambda: after("charge", "payment_history", told=["op_1", "op_1"]),
    ),
    "a card that pays for the first time again": (
        "invariant 13, .*for the first time again",
        lambda: after("charge", "card_seen", at_ms=1),
    ),
    "a failure that is remembered as a payment": (
        "invariant 13, .*is remembered, and is DECLINED",
        lambda: remembered_failure(),
    ),
}


def shown(status: str) -> dict[str, Any]:
    """A review as it is shown, with another status."""
    _, _, row = current("review", "review")
    return to_wire({**item_from_wire(row)["review"], "status": status})


def remembered_failure() -> None:
    _, _, failed = current("card tester", "operation", state="DECLINED")
    name = text(failed, "operation_id")
    row = {name_: to_wire(value) for name_, value in (("entity", "payment_history"),)}
    told = {"told": {"L": [{"S": name}]}}
    fed("card tester").counters([WriteRecord("risk", ("p", "HISTORY#eur"), None, row | told)])


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_write_is_found(what: str) -> None:
    message, write = WRONG[what]
    with pytest.raises(Violation, match=message):
        write()


def test_an_attempt_after_an_hour_is_let_in() -> None:
    tried_again(long_after=True)


def test_what_a_busy_store_left_out_is_excused() -> None:
    """The attempt is not counted while it is in flight, and its failure is told later."""
    watch = watching(may_be_uncounted=lambda: True)
    for records in played("card tester").history:
        watch(without("attempts")(list(records)) if STARTS(records) else records)


SENDS = "payment_intents dynamodb.transact_write_items(payments+risk)"
LOST = "TransactionCanceledException[None, ConditionalCheckFailed]"


@pytest.mark.parametrize(
    ("fault", "result", "times", "busy"),
    [
        ("", "ok", 1, False),
        ("", LOST, 1, False),
        ("", LOST, 13, False),
        ("", LOST, 14, True),
        ("conflict", "error", 1, True),
    ],
)
def test_who_may_leave_a_counter_out(fault: str, result: str, times: int, busy: bool) -> None:
    """Who met a fault of the store, or has lost every race that it may lose."""
    steps = [(1.0, "payment_intents#1", SENDS, fault, result)] * times
    others = [(1.0, "payment_intents#2", SENDS, "conflict", "error")]
    assert store_was_busy([*others, *steps], "payment_intents#1") is busy
    assert store_was_busy(steps, None)
