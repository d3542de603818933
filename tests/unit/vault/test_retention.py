"""How long a card is kept: each rule as a table, and each of its conditions asked of the
database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from farthing import runtime
from farthing.clock import from_text, later, to_text
from farthing.payments.operation import LEASE_SECONDS
from farthing.payments.recovery import GIVEN_UP_SECONDS
from farthing.store import NOT_CREATED, ConditionFailed, Key, Put, TenantScope, Update
from farthing.vault import retention
from farthing.vault.card_face import TOKEN_LIFE_SECONDS
from farthing.vault.face_due import GRACE_SECONDS, first_look
from farthing.vault.retention import SENDABLE_SECONDS, Decided, Facts, Verdict, decide
from tests.support.lambdas import MERCHANT

TENANT = TenantScope(MERCHANT, "test")
NOW = from_text("2026-11-22T09:00:00Z")
TOKEN, INTENT, METHOD = "tok_1", "pi_1", "pm_1"
ROWS = [Key("vault", TENANT.pk("TOK", TOKEN), "CARD"), Key("vault", TENANT.pk("TOK", TOKEN), "NEW")]
DAY = 86_400
OVER = to_text(NOW - timedelta(seconds=GRACE_SECONDS))
NOT_OVER = to_text(NOW - timedelta(seconds=GRACE_SECONDS - 1))


def ago(**more: float) -> str:
    return to_text(NOW - timedelta(**more))


def face(**more: Any) -> dict[str, Any]:
    made = {"pk": TENANT.pk("CARD", TOKEN), "sk": "FACE", "token": TOKEN, "due_at": ago(minutes=1)}
    return {name: value for name, value in {**made, **more}.items() if value is not None}


def intent(status: str, detail: str | None = None, **more: Any) -> dict[str, Any]:
    made = {"pk": TENANT.pk("PI", INTENT), "sk": "INTENT", "status": status}
    return made | ({"status_detail": detail} if detail else {}) | more


def method(**more: Any) -> dict[str, Any]:
    made = {"pk": TENANT.pk("PM", METHOD), "sk": "METHOD", "exp_month": 12, "exp_year": 2031}
    return made | more


def decided(face: dict[str, Any], holder: dict[str, Any] | None = None, months: int = 6) -> Decided:
    return decide(Facts(TENANT, face, holder, ROWS, NOW, months))


def deleted_keys(done: Decided) -> set[str]:
    return {write.key.sk for write in done.writes if type(write).__name__ == "Delete"}


def again_at(done: Decided) -> str:
    (write,) = done.writes
    assert isinstance(write, Update)
    return str(write.set["due_at"])


# --- tokens --------------------------------------------------------------------------------------


def test_a_token_that_nobody_claimed_goes_when_nobodys_clock_lets_it_be_claimed() -> None:
    assert decided(face(expires_at=NOT_OVER)).verdict is Verdict.KEPT
    done = decided(face(expires_at=OVER))
    assert done.verdict is Verdict.PURGED
    assert deleted_keys(done) == {"FACE", "CARD", "NEW"}


def test_the_first_look_comes_when_it_may_go() -> None:
    expires_at = later(NOW, seconds=TOKEN_LIFE_SECONDS)
    looked = from_text(first_look(expires_at))
    facts = Facts(TENANT, face(expires_at=expires_at), None, ROWS, looked, 6)
    assert decide(facts).verdict is Verdict.PURGED


STATES = [
    (intent("CREATED", "REQUIRES_CONFIRMATION"), True),
    (intent("SUCCEEDED"), True),
    (intent("FAILED", "DECLINED"), True),
    (intent("FAILED", "REVERSED"), True),
    (intent("CANCELLED", "EXPIRED"), True),
    (intent("PROCESSING", "REQUIRES_CAPTURE"), True),
    (intent("PROCESSING", open_operation="op_1"), False),
    (intent("PROCESSING", "OUTCOME_UNKNOWN", open_operation="op_1"), False),
    (intent("PROCESSING", "REQUIRES_DECISION", open_operation="op_1"), False),
    (intent("PROCESSING", "REQUIRES_CAPTURE", open_operation="op_1"), False),
    (intent("PROCESSING", "REQUIRES_REVIEW"), False),
    (intent("PROCESSING"), False),
]


@pytest.mark.parametrize(("holder", "goes"), STATES)
def test_a_card_that_paid_goes_when_nothing_of_its_payment_is_in_flight(
    holder: dict[str, Any], goes: bool
) -> None:
    done = decided(face(claimed_by=INTENT, expires_at=OVER), holder)
    if goes:
        assert (done.verdict, deleted_keys(done)) == (Verdict.PURGED, {"FACE", "CARD", "NEW"})
    else:
        assert (done.verdict, again_at(done)) == (Verdict.KEPT, later(NOW, seconds=3600))


@pytest.mark.parametrize(
    ("created_at", "more", "stays"),
    [
        (ago(hours=47), {"authorization": {}}, True),
        (ago(hours=49), {"authorization": {}}, False),
        (ago(hours=1), {}, False),
        (ago(hours=1), {"authorization": {}, "checkout": {"saves_card": False}}, False),
        (ago(hours=49), {"authorization": {}, "review": {"closed_at": ago(hours=47)}}, True),
        (ago(hours=99), {"authorization": {}, "review": {"closed_at": ago(hours=49)}}, False),
    ],
)
def test_a_card_that_paid_a_session_waits_two_days_to_be_saved(
    created_at: str, more: dict[str, Any], stays: bool
) -> None:
    holder = intent("SUCCEEDED", **{"checkout": {"saves_card": True}, **more})
    done = decided(face(claimed_by=INTENT, expires_at=OVER, created_at=created_at), holder)
    assert done.verdict is (Verdict.KEPT if stays else Verdict.PURGED)


def test_a_payment_may_try_its_token_again_as_long_as_it_lives() -> None:
    done = decided(face(claimed_by=INTENT, expires_at=NOT_OVER), STATES[0][0])
    assert done.verdict is Verdict.KEPT


@pytest.mark.parametrize("claimed_by", [INTENT, METHOD, "somebody"])
def test_a_card_whose_holder_is_not_there_is_kept_and_told_of(claimed_by: str) -> None:
    done = decided(face(claimed_by=claimed_by, expires_at=OVER))
    assert (done.verdict, again_at(done)) == (Verdict.ODD, later(NOW, seconds=DAY))


def test_a_face_without_claim_or_end_is_kept_and_told_of() -> None:
    assert decided(face()).verdict is Verdict.ODD


# --- saved cards ---------------------------------------------------------------------------------

SAVED = face(claimed_by=METHOD)


def test_a_saved_card_stays_and_is_looked_at_every_month() -> None:
    done = decided(SAVED, method())
    assert (done.verdict, again_at(done)) == (Verdict.KEPT, later(NOW, seconds=30 * DAY))


def test_a_deleted_one_goes_when_nothing_begun_with_it_can_be_sent() -> None:
    soon = method(deleted_at=ago(seconds=SENDABLE_SECONDS - 1))
    assert again_at(decided(SAVED, soon)) == later(NOW, seconds=1)
    done = decided(SAVED, method(deleted_at=ago(seconds=SENDABLE_SECONDS)))
    assert (done.verdict, deleted_keys(done)) == (Verdict.PURGED, {"FACE", "CARD", "NEW"})


def test_that_is_longer_than_anything_is_sent_again() -> None:
    clocks_differ = 2 * 300
    assert GIVEN_UP_SECONDS + LEASE_SECONDS + clocks_differ < SENDABLE_SECONDS


@pytest.mark.parametrize(
    ("month", "year", "months", "closes"),
    [
        (5, 2026, 6, False),  # kept to the end of November
        (4, 2026, 6, True),
        (10, 2026, 1, False),
        (9, 2026, 1, True),
        (12, 2025, 11, False),
        (12, 2025, 10, True),
        (1, 2001, 0, False),
    ],
)
def test_one_that_expired_so_many_months_ago_can_pay_no_more(
    month: int, year: int, months: int, closes: bool
) -> None:
    done = decided(SAVED, method(exp_month=month, exp_year=year), months)
    if not closes:
        assert done.verdict is Verdict.KEPT
        return
    assert done.verdict is Verdict.CLOSED and deleted_keys(done) == set()
    closed, looked = done.writes
    assert isinstance(closed, Update) and closed.set == {"closed_at": to_text(NOW)}
    assert isinstance(looked, Update)
    assert looked.set == {"due_at": later(NOW, seconds=SENDABLE_SECONDS)}


def test_its_last_month_is_looked_at_when_it_is_over() -> None:
    done = decided(SAVED, method(exp_month=5, exp_year=2026))
    assert again_at(done) == "2026-12-01T00:00:00.000Z"


def test_a_closed_one_loses_its_number_and_keeps_its_face() -> None:
    expired = {"exp_month": 1, "exp_year": 2020}
    soon = method(closed_at=ago(seconds=SENDABLE_SECONDS - 1), **expired)
    assert again_at(decided(SAVED, soon)) == later(NOW, seconds=1)
    done = decided(SAVED, method(closed_at=ago(seconds=SENDABLE_SECONDS), **expired))
    assert (done.verdict, deleted_keys(done)) == (Verdict.PURGED, {"CARD", "NEW"})
    assert any(write.key.sk == "FACE" and write.remove == ("due_pk", "due_at")
               for write in done.writes if isinstance(write, Update))  # fmt: skip


def test_a_method_without_an_expiry_has_no_end() -> None:
    holder = {name: value for name, value in method().items() if not name.startswith("exp_")}
    assert decided(SAVED, holder).verdict is Verdict.KEPT


# --- the conditions, asked of the database -------------------------------------------------------


def stored(*items: dict[str, Any]) -> None:
    for item in items:
        key = Key("payments", item["pk"], item["sk"])
        runtime.system_store().write(Put(key, item, NOT_CREATED))


def changed(item: dict[str, Any], **to: Any) -> None:
    sets = {name: value for name, value in to.items() if value is not None}
    gone = [name for name, value in to.items() if value is None]
    key = Key("payments", item["pk"], item["sk"])
    runtime.system_store().write(Update(key, retention.WHATEVER_IS_THERE, set=sets, remove=gone))


EXPIRED = {"exp_month": 1, "exp_year": 2020}
MEANWHILE: list[tuple[str, dict[str, Any], dict[str, Any] | None, str, dict[str, Any]]] = [
    ("NOBODYS", face(expires_at=OVER), None, "face", {"claimed_by": INTENT}),
    ("TOKEN_IS_OVER", face(expires_at=OVER), None, "face", {"expires_at": NOT_OVER}),
    ("STILL_DUE", face(expires_at=OVER), None, "face", {"due_at": later(NOW, seconds=1)}),
    (
        "HELD_BY",
        face(claimed_by=INTENT, expires_at=OVER),
        intent("SUCCEEDED"),
        "face",
        {"claimed_by": METHOD},
    ),
    (
        "NEEDS_NO_CARD",
        face(claimed_by=INTENT, expires_at=OVER),
        intent("CREATED", "REQUIRES_CONFIRMATION"),
        "holder",
        {"open_operation": "op_1", "status": "PROCESSING"},
    ),
    (
        "NEEDS_NO_CARD, in review",
        face(claimed_by=INTENT, expires_at=OVER),
        intent("CREATED", "REQUIRES_CONFIRMATION"),
        "holder",
        {"status": "PROCESSING", "status_detail": "REQUIRES_REVIEW"},
    ),
    (
        "ENDED_LONG_AGO, deleted",
        SAVED,
        method(deleted_at=ago(days=9)),
        "holder",
        {"deleted_at": None},
    ),
    ("METHOD_EXPIRED", SAVED, method(**EXPIRED), "holder", {"exp_year": 2031}),
    ("METHOD_EXPIRED, closed", SAVED, method(**EXPIRED), "holder", {"closed_at": ago(days=1)}),
    ("METHOD_SAVED", SAVED, method(**EXPIRED), "holder", {"deleted_at": ago(days=1)}),
    (
        "ENDED_LONG_AGO, closed",
        SAVED,
        method(closed_at=ago(days=9), **EXPIRED),
        "holder",
        {"closed_at": None},
    ),
    (
        "METHOD_SAVED, closed",
        SAVED,
        method(closed_at=ago(days=9), **EXPIRED),
        "holder",
        {"deleted_at": ago(days=1)},
    ),
]


@pytest.mark.parametrize("meanwhile", [True, False], ids=["changed", "as read"])
@pytest.mark.parametrize(
    ("shown", "holder", "which", "to"),
    [row[1:] for row in MEANWHILE],
    ids=[row[0] for row in MEANWHILE],
)
def test_what_was_decided_is_written_only_of_what_was_read(
    aws: None,
    shown: dict[str, Any],
    holder: dict[str, Any] | None,
    which: str,
    to: dict[str, Any],
    meanwhile: bool,
) -> None:
    # Given a decision, and rows that are as they were read but for one thing
    done = decided(shown, holder)
    assert done.verdict in {Verdict.PURGED, Verdict.CLOSED}
    stored(shown, *([holder] if holder else []))
    if not meanwhile:
        runtime.system_store().write(*done.writes)
        return
    changed(shown if which == "face" else holder or {}, **to)
    before = runtime.system_store().scan("payments").items
    # When it is written, Then nothing is
    with pytest.raises(ConditionFailed):
        runtime.system_store().write(*done.writes)
    assert runtime.system_store().scan("payments").items == before
