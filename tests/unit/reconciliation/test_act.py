"""What people do with breaks: the ledger is corrected with the break's end, once."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farthing.errors import FarthingError
from farthing.http.idempotency_key import IdempotentRequest
from farthing.ledger.transaction import transaction_id_of
from farthing.reconciliation.break_row import NOTES_MAX, Break
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.resolution import Resolution, allowed
from farthing.settlement.batch import Status
from tests.unit.reconciliation.month import MERCHANTS, Month
from tests.unit.reconciliation.ours import FIRST_DAY, OTHER
from tests.unit.reconciliation.steps import Story
from tests.unit.reconciliation.theirs import Moved


@pytest.fixture
def story() -> Story:
    return Story()


def short_paid(story: Story, off: int = -100) -> Break:
    """A batch whose one capture is settled with another amount."""
    name = story.batch_of(1_000)
    story.at(name)[0].amount += off
    story.report(name)
    return story.only()


@pytest.mark.parametrize(
    ("resolution", "account"),
    [
        (Resolution.WRITE_OFF, "write_off_expense"),
        (Resolution.CHARGE_MERCHANT, "merchant_payable"),
        (Resolution.ACCEPT_ACQUIRER_AMOUNT, "merchant_payable"),
        (Resolution.ACQUIRER_CORRECTS, "acquirer_receivable:sandbox"),
    ],
)
def test_each_resolution_says_who_bears_the_difference(
    story: Story, resolution: Resolution, account: str
) -> None:
    one = short_paid(story)
    unexplained = one.effect.suspense["eur"]
    before = story.balance(account)

    story.resolve(one, resolution)

    share = -995 if account == "merchant_payable" else 0
    assert story.balance(account) - before == -unexplained + share
    assert story.balance("suspense:sandbox") == 0
    assert story.balance("merchant_pending") == 0
    assert [story.status(name) for name in story.ours.batches] == [Status.SETTLED]


def test_a_fee_that_is_accepted_is_the_operators_expense(story: Story) -> None:
    name = story.batch_of(1_000)
    story.at(name)[0].fee = 30
    story.report(name)

    story.resolve(story.only(), Resolution.ACCEPT_ACQUIRER_AMOUNT)

    assert story.balance("acquirer_fee_expense") == 30
    assert story.balance("merchant_payable") == -995


def test_the_correction_names_what_it_corrects_and_who_said_so(story: Story) -> None:
    one = short_paid(story)
    story.resolve(one, Resolution.WRITE_OFF, reason="below a euro")

    (after,) = story.ours.breaks()
    facts = {item["transaction_id"]: item for item in story.ours.rows("ledger_transaction")}
    (correction,) = after.corrections
    assert facts[correction]["kind"] == "CORRECTION"
    assert facts[facts[correction]["corrects"]]["kind"] == "SETTLEMENT"
    note = after.history[-1]
    assert (note.by, note.action, note.text) == ("Ada", "WRITE_OFF", "below a euro")


def test_of_a_line_that_was_never_paid_our_own_transaction_is_corrected(story: Story) -> None:
    name = story.batch_of(1_000, 2_000)
    gone = story.at(name).pop()
    story.report(name)
    story.days_later(3)
    story.miss()

    story.resolve(story.only(), Resolution.WRITE_OFF)

    facts = [item for item in story.ours.rows("ledger_transaction") if "corrects" in item]
    operation_id = f"op_{gone.reference.lower()}"
    assert [item["corrects"] for item in facts] == [transaction_id_of(operation_id)]
    assert story.balance("write_off_expense") == 2_000
    assert story.balance("acquirer_receivable:sandbox") == 1_000 - 24
    assert story.balance("merchant_pending") == 0
    assert story.status(name) is Status.SETTLED


def test_a_line_that_comes_after_it_was_written_off_is_a_break_of_its_own(story: Story) -> None:
    name = story.batch_of(1_000, 2_000)
    late = story.at(name).pop()
    story.report(name)
    story.days_later(3)
    story.miss()
    story.resolve(story.only(), Resolution.WRITE_OFF)
    story.at(name).append(late)

    story.report(name)

    assert (story.only().kind, story.only().subject.state) == (Kind.STATE_MISMATCH, "GIVEN_UP")
    story.check()


def test_a_line_that_a_person_explained_still_matches_when_it_comes(story: Story) -> None:
    name = story.batch_of(1_000, 2_000)
    late = story.at(name).pop()
    story.report(name)
    story.days_later(3)
    story.miss()
    story.resolve(story.only(), Resolution.EXPLAINED)
    assert story.status(name) is Status.SETTLED
    assert story.balance("merchant_pending") == -1_995
    story.at(name).append(late)

    story.report(name)

    assert story.open() == []
    assert story.balance("merchant_pending") == 0
    story.check()


def test_the_same_request_twice_is_one_resolution(story: Story) -> None:
    one = short_paid(story)
    first = story.resolve(one, Resolution.WRITE_OFF, key="k")
    balances = story.ours.balances()

    again = story.resolve(one, Resolution.WRITE_OFF, key="k")

    assert again.body == first.body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert story.ours.balances() == balances


def test_the_same_key_for_something_else_is_refused(story: Story) -> None:
    one = short_paid(story)
    story.resolve(one, Resolution.WRITE_OFF, key="k")

    with pytest.raises(FarthingError, match="idempotency_key_reused"):
        story.resolve(one, Resolution.CHARGE_MERCHANT, key="k")


def test_a_break_ends_once(story: Story) -> None:
    one = short_paid(story)
    story.resolve(one, Resolution.WRITE_OFF)

    with pytest.raises(FarthingError, match="wrong_state"):
        story.resolve(one, Resolution.CHARGE_MERCHANT)


def test_two_people_who_end_it_at_once_end_it_once(story: Story) -> None:
    one = short_paid(story)
    done = iter([True])

    def meanwhile() -> None:
        if next(done, False):
            story.ours.before_write = lambda: None
            story.resolve(one, Resolution.CHARGE_MERCHANT)

    story.ours.before_write = meanwhile
    with pytest.raises(FarthingError, match="wrong_state"):
        story.resolve(one, Resolution.WRITE_OFF)
    assert [after.resolution for after in story.ours.breaks()] == ["CHARGE_MERCHANT"]
    assert story.balance("suspense:sandbox") == 0


def test_what_is_in_suspense_cannot_be_explained_away(story: Story) -> None:
    one = short_paid(story)

    with pytest.raises(FarthingError, match="is one of"):
        story.resolve(one, Resolution.EXPLAINED)


def test_it_is_assigned_and_annotated_and_remembers_both(story: Story) -> None:
    one = short_paid(story)
    desk = story.desk()
    desk.assign(one.break_id, "Grace", "Ada")
    after = desk.note(one.break_id, "asked the acquirer", "Grace")

    assert (after.status, after.assigned_to) == ("ASSIGNED", "Grace")
    assert [(note.by, note.action, note.text) for note in after.history] == [
        ("Ada", "ASSIGNED", "Grace"),
        ("Grace", "NOTED", "asked the acquirer"),
    ]
    story.resolve(one, Resolution.WRITE_OFF)
    with pytest.raises(FarthingError, match="wrong_state"):
        desk.assign(one.break_id, "Ada", "Ada")


def test_two_notes_at_once_are_both_kept(story: Story) -> None:
    one = short_paid(story)
    done = iter([True])

    def meanwhile() -> None:
        if next(done, False):
            story.ours.before_write = lambda: None
            story.desk().note(one.break_id, "second", "Grace")

    story.ours.before_write = meanwhile
    after = story.desk().note(one.break_id, "first", "Ada")
    assert [note.text for note in after.history] == ["second", "first"]


def test_a_break_has_so_many_notes_and_no_more(story: Story) -> None:
    one = short_paid(story)
    for number in range(NOTES_MAX):
        story.desk().note(one.break_id, str(number), "Ada")

    with pytest.raises(FarthingError, match="limit_reached"):
        story.desk().note(one.break_id, "more", "Ada")
    story.resolve(one, Resolution.WRITE_OFF)


def test_another_merchants_break_looks_like_none(story: Story) -> None:
    one = short_paid(story)
    other = story.desk(OTHER)

    for act in (
        lambda: other.breaks.get(one.break_id),
        lambda: other.note(one.break_id, "x", "Eve"),
        lambda: other.breaks.of_batch(one.settlement_id, {}),
    ):
        with pytest.raises(FarthingError, match="not_found"):
            act()
    assert other.breaks.newest({}) == ([], False)


def test_lists_are_newest_first_filtered_and_paged(story: Story) -> None:
    for number in range(3):
        day = FIRST_DAY + timedelta(days=number)
        name = story.batch_of(1_000, 2_000, day=day)
        story.at(name)[0].amount += 1
        story.at(name)[1].fee = 1
        story.report(name)
    breaks = story.desk().breaks

    page, more = breaks.newest({"limit": "4", "kind": "FEE_MISMATCH"})
    assert (len(page), more) == (3, False)
    everything = [one.break_id for one in breaks.newest({})[0]]
    first, more = breaks.newest({"limit": "4"})
    rest, no_more = breaks.newest({"limit": "4", "starting_after": first[-1].break_id})
    assert ([one.break_id for one in [*first, *rest]], more, no_more) == (everything, True, False)
    of_batch, more = breaks.of_batch(story.ours.batches[0].settlement_id, {"limit": "1"})
    last, no_more = breaks.of_batch(
        story.ours.batches[0].settlement_id, {"starting_after": of_batch[0].break_id}
    )
    assert (len(of_batch), more, len(last), no_more) == (1, True, 1, False)
    with pytest.raises(FarthingError):
        breaks.newest({"status": "GONE"})
    with pytest.raises(FarthingError, match="unknown_cursor"):
        breaks.newest({"starting_after": "brk_00000000000000000000000000"})


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_when_every_break_is_resolved_suspense_is_zero(seed: int) -> None:
    """Whatever people decide, in whatever order, and every batch is settled at the end."""
    month = Month(120, 2, seed=seed)
    month.live()
    month.inject()
    month.reconcile()
    chance = random.Random(seed)
    story = Story(ours=month.ours)
    open_ones = [one for one in month.ours.breaks() if one.is_open]
    chance.shuffle(open_ones)
    for one in open_ones:
        decided = chance.choice(sorted(allowed(one)))
        desk = story.desk(one.tenant)
        request = IdempotentRequest(one.break_id, "POST", "/", {})
        desk.resolve(one.break_id, decided, "Ada", "seen", request)
    for tenant in MERCHANTS:
        left = Counter(
            {account: cents for (account, _), cents in month.ours.balances(tenant).items()}
        )
        assert not [account for account in left if account.startswith("suspense")]
    assert {month.ours.batch(name).status for name in month.ours.batches} == {Status.SETTLED}


def test_an_unexpected_dispute_fee_is_the_operators(story: Story) -> None:
    name = story.batch_of(1_000)
    story.at(name).append(Moved("DISPUTE_FEE", "DSP1", "", "eur", 1_500))
    story.report(name)

    story.resolve(story.only(), Resolution.ACCEPT_ACQUIRER_AMOUNT)

    assert story.balance("dispute_fee_expense") == 1_500
