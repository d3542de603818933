"""What every connector must do, whatever its acquirer: the port's contract, as one suite.

A connector brings a `Harness`: its acquirer, cards, a network that fails on demand, and a clock.
Nothing here knows how the connector speaks. References are fresh in each test, so one acquirer may
serve them all.
"""

from __future__ import annotations

import itertools
import string
from dataclasses import replace
from enum import StrEnum
from typing import Any, Protocol

import pytest

from farthing.acquiring.answer import ABSENT, Answer, Outcome
from farthing.acquiring.connectors import REFERENCE_LENGTH, REVERSAL_SUFFIX_LENGTH, require_safe
from farthing.acquiring.port import (
    Acquirer,
    Found,
    Instruction,
    Kind,
    LookUp,
    LookUpFailed,
    Reversal,
    Transaction,
    Undone,
)
from farthing.clock import from_text
from farthing.vault.card import Card

HOUR = 60 * 60
PAGES_MAX = 20


class Trouble(StrEnum):
    """What befalls every exchange until it is told otherwise."""

    REFUSED = "refused before the first byte"
    LOST = "the request is lost on its way"
    BUSY = "an authenticated server error, nothing was done"
    NO_ANSWER = "the answer is lost on its way back"
    HTML = "502 with HTML instead of the answer"
    GARBAGE = "half an answer"
    NO_DOCUMENT = "an authenticated answer of another shape"
    UNSIGNED = "an answer that nobody vouches for"
    FORGED = "an answer that somebody else vouches for"
    OTHER_ERROR = "an authenticated answer marked as an error, or as another one"
    OTHER_AMOUNT = "an authenticated answer about another amount"
    OTHER_CURRENCY = "an authenticated answer about another currency"
    OTHER_OPERATION = "an authenticated answer about another operation"
    OTHER_REFERENCE = "an authenticated answer about another reference"
    OTHER_ORDER = "an authenticated answer about another payment"
    OTHER_STATUS = "an authenticated answer with a status that nobody knows"


NOTHING_DONE = (Trouble.REFUSED, Trouble.LOST, Trouble.BUSY)
DONE = tuple(trouble for trouble in Trouble if trouble not in NOTHING_DONE)
UNTRUSTED = tuple(
    trouble
    for trouble in Trouble
    if trouble
    not in {
        Trouble.OTHER_AMOUNT,
        Trouble.OTHER_CURRENCY,
        Trouble.OTHER_OPERATION,
        Trouble.OTHER_ORDER,
        Trouble.OTHER_STATUS,
    }
)
"""What spoils also an answer that says that there is nothing, and one to a reversal."""

BOOKS_UNTRUSTED = tuple(trouble for trouble in UNTRUSTED if trouble != Trouble.OTHER_REFERENCE)
"""What spoils also a list, which is about no reference."""


class Harness(Protocol):
    """A connector on an acquirer that does what a test says."""

    acquirer: Acquirer

    def card(self) -> Card:
        """One that is approved."""
        ...

    def declined_card(self) -> Card:
        """One that is declined."""
        ...

    def late_card(self) -> Card:
        """One whose charge lands after its sender gave up, within the longest flight."""
        ...

    def pending_card(self) -> Card:
        """One whose refunds are not decided at once, until `end_pending`."""
        ...

    def end_pending(self) -> None:
        """Refunds that wait are approved."""
        ...

    def meets(self, trouble: Trouble | None) -> None:
        """What befalls every exchange from now on."""
        ...

    def advance(self, seconds: int) -> None:
        """Move the acquirer's clock."""
        ...

    def booked(self, order_id: str, kind: Kind) -> list[int]:
        """The amounts that the acquirer's own books show approved, and not undone."""
        ...

    @property
    def longest_wait_seconds(self) -> int:
        """The longest deadline that it gave to an exchange."""
        ...


_numbers = itertools.count(1)
_LETTERS = string.digits + string.ascii_uppercase


def new_reference(length: int = REFERENCE_LENGTH) -> str:
    """One that was never used, as ours are."""
    number = next(_numbers)
    return f"{number:05d}".rjust(length, "A")


def charge(capture: bool = True, **more: Any) -> Instruction:
    """A charge of a payment of its own."""
    reference = new_reference()
    values: dict[str, Any] = {
        "order_id": f"pi_{reference.lower()}",
        "amount_cents": 1000,
        "currency": "eur",
        "capture": capture,
        "merchant_reference": "mer_1:test",
    }
    return Instruction(Kind.AUTHORIZE, reference, **(values | more))


def following(kind: Kind, original: Instruction, **more: Any) -> Instruction:
    """A capture, void or refund of a charge."""
    return replace(
        original,
        kind=kind,
        reference=new_reference(),
        capture=False,
        original_reference=original.reference,
        **more,
    )


def prepared(place: Harness, kind: Kind) -> Instruction:
    """A request of a kind that will be approved, with all that it needs before it."""
    if kind is Kind.AUTHORIZE:
        return charge()
    original = charge(capture=kind is Kind.REFUND)
    assert sent(place, original).outcome is Outcome.APPROVED
    return following(kind, original)


def sent(place: Harness, instruction: Instruction, card: Card | None = None) -> Answer:
    """The answer to it, once look-ups can see what it did."""
    needs_card = instruction.kind is Kind.AUTHORIZE
    answer = place.acquirer.send(instruction, (card or place.card()) if needs_card else None)
    arrived(place)
    return answer


def arrived(place: Harness) -> None:
    """Wait until look-ups can see what was done."""
    if lag := place.acquirer.capabilities.lookup_lag_seconds:
        place.advance(lag)


def found(place: Harness, instruction: Instruction) -> LookUp:
    """What a look-up says."""
    return place.acquirer.look_up(instruction)


def reversed_(place: Harness, instruction: Instruction, number: int = 2) -> Reversal:
    """What a reversal says, under a name such as ours have."""
    return place.acquirer.reverse(instruction, f"{instruction.reference}R{number}")


def books(place: Harness, since: str) -> list[list[Transaction]]:
    """Every page from an instant on."""
    pages, after = [], None
    for _ in range(PAGES_MAX):
        page = place.acquirer.transactions(since, after)
        pages.append(list(page.transactions))
        if page.next is None:
            return pages
        after = page.next
    raise AssertionError("the books never end")


every_kind = pytest.mark.parametrize("kind", list(Kind))


class Conformance:
    """The suite. `place` is a fixture of whoever inherits it."""

    def test_its_guarantees_are_enough(self, place: Harness) -> None:
        require_safe(place.acquirer.capabilities)

    # --- send ----------------------------------------------------------------------------------

    @every_kind
    def test_what_is_approved_is_approved_and_booked(self, place: Harness, kind: Kind) -> None:
        asked = prepared(place, kind)
        answer = sent(place, asked)
        assert (answer.outcome, answer.decline) == (Outcome.APPROVED, None)
        assert place.booked(asked.order_id, kind) == [1000]

    def test_an_authorization_says_what_later_requests_need(self, place: Harness) -> None:
        held, taken = charge(capture=False), charge(capture=True)
        for asked in (held, taken):
            answer = sent(place, asked)
            assert answer.authorization_code
            assert answer.network_reference
            assert from_text(answer.expires_at or "") > from_text(found(place, asked).as_of)
        assert place.booked(held.order_id, Kind.CAPTURE) == []
        assert place.booked(taken.order_id, Kind.CAPTURE) == [1000]

    def test_a_part_may_be_captured_and_refunded(self, place: Harness) -> None:
        held = charge(capture=False)
        sent(place, held)
        sent(place, following(Kind.CAPTURE, held, amount_cents=600))
        for amount_cents in (500, 100):
            refund = following(Kind.REFUND, held, amount_cents=amount_cents)
            assert sent(place, refund).outcome is Outcome.APPROVED
        over = following(Kind.REFUND, held, amount_cents=1)
        assert sent(place, over).outcome is Outcome.DECLINED
        assert place.booked(held.order_id, Kind.REFUND) == [500, 100]

    def test_a_decline_says_why_and_moves_nothing(self, place: Harness) -> None:
        asked = charge()
        answer = sent(place, asked, place.declined_card())
        assert answer.outcome is Outcome.DECLINED
        assert answer.decline is not None
        assert answer.decline.reason_code
        assert place.booked(asked.order_id, Kind.AUTHORIZE) == []
        looked = found(place, asked)
        assert (looked.found, looked.answer) == (Found.FOUND, answer)

    @pytest.mark.parametrize("trouble", NOTHING_DONE)
    @every_kind
    def test_only_what_was_refused_before_the_first_byte_is_not_sent(
        self, place: Harness, kind: Kind, trouble: Trouble
    ) -> None:
        asked = prepared(place, kind)
        place.meets(trouble)
        answer = sent(place, asked)
        wanted = Outcome.NOT_SENT if trouble is Trouble.REFUSED else Outcome.UNKNOWN
        assert answer == Answer(wanted)
        place.meets(None)
        assert place.booked(asked.order_id, kind) == []
        assert found(place, asked).found is Found.NOT_FOUND

    @pytest.mark.parametrize("trouble", DONE)
    @every_kind
    def test_an_answer_that_cannot_be_trusted_is_unknown_and_the_look_up_tells(
        self, place: Harness, kind: Kind, trouble: Trouble
    ) -> None:
        asked = prepared(place, kind)
        place.meets(trouble)
        assert sent(place, asked) == Answer(Outcome.UNKNOWN)
        place.meets(None)
        assert place.booked(asked.order_id, kind) == [1000]
        looked = found(place, asked)
        assert looked.found is Found.FOUND
        assert looked.answer is not None
        assert looked.answer.outcome is Outcome.APPROVED

    @pytest.mark.parametrize("trouble", Trouble)
    def test_a_decline_that_cannot_be_trusted_is_none(
        self, place: Harness, trouble: Trouble
    ) -> None:
        place.meets(trouble)
        answer = sent(place, charge(), place.declined_card())
        assert answer.outcome in {Outcome.UNKNOWN, Outcome.NOT_SENT}

    def test_it_waits_no_longer_than_it_says(self, place: Harness) -> None:
        sent(place, charge())
        assert 0 < place.longest_wait_seconds <= place.acquirer.capabilities.timeout_seconds

    # --- the same reference again --------------------------------------------------------------

    @pytest.mark.parametrize("kind", [Kind.AUTHORIZE, Kind.REFUND])
    def test_a_reference_counts_once_or_each_time_as_declared(
        self, place: Harness, kind: Kind
    ) -> None:
        asked = prepared(place, kind)
        if kind is Kind.REFUND:
            asked = replace(asked, amount_cents=100)
        first, second = sent(place, asked), sent(place, asked)
        once = place.acquirer.capabilities.idempotent_by_reference
        assert len(place.booked(asked.order_id, kind)) == (1 if once else 2)
        assert (first == second) or not once

    @every_kind
    def test_where_it_counts_once_silence_and_a_resend_are_one_effect(
        self, place: Harness, kind: Kind
    ) -> None:
        self.require_idempotent(place)
        asked = prepared(place, kind)
        place.meets(Trouble.NO_ANSWER)
        sent(place, asked)
        place.meets(None)
        assert sent(place, asked).outcome is Outcome.APPROVED
        assert place.booked(asked.order_id, kind) == [1000]

    def test_a_resend_without_the_security_code_is_the_same_request(self, place: Harness) -> None:
        self.require_idempotent(place)
        asked, card = charge(), place.card()
        first = sent(place, asked, card)
        assert sent(place, asked, replace(card, cvc=None)) == first
        assert place.booked(asked.order_id, Kind.AUTHORIZE) == [1000]

    def test_a_decline_stands_under_its_reference(self, place: Harness) -> None:
        self.require_idempotent(place)
        asked, card = charge(), place.declined_card()
        assert sent(place, asked, card) == sent(place, asked, card)

    def test_a_reference_is_known_for_as_long_as_declared(self, place: Harness) -> None:
        self.require_idempotent(place)
        asked = charge()
        first = sent(place, asked)
        place.advance(place.acquirer.capabilities.key_retention_seconds - HOUR)
        assert sent(place, asked) == first
        assert place.booked(asked.order_id, Kind.AUTHORIZE) == [1000]

    # --- look-ups ------------------------------------------------------------------------------

    @every_kind
    def test_what_was_never_sent_is_not_found(self, place: Harness, kind: Kind) -> None:
        looked = found(place, prepared(place, kind))
        assert (looked.found, looked.answer) == (Found.NOT_FOUND, None)

    @every_kind
    def test_what_was_sent_is_found_with_the_answer_that_it_got(
        self, place: Harness, kind: Kind
    ) -> None:
        asked = prepared(place, kind)
        answer = sent(place, asked)
        looked = found(place, asked)
        assert (looked.found, looked.answer) == (Found.FOUND, answer)

    def test_each_answer_says_when_and_that_moves_with_the_acquirers_clock(
        self, place: Harness
    ) -> None:
        there, nowhere = charge(), charge()
        sent(place, there)
        before = [found(place, asked).as_of for asked in (there, nowhere)]
        place.advance(HOUR)
        after = [found(place, asked).as_of for asked in (there, nowhere)]
        passed = [from_text(b) - from_text(a) for a, b in zip(before, after, strict=True)]
        assert all(HOUR <= each.total_seconds() < HOUR + 60 for each in passed)

    @pytest.mark.parametrize("trouble", Trouble)
    def test_a_look_up_that_cannot_be_trusted_says_nothing(
        self, place: Harness, trouble: Trouble
    ) -> None:
        asked = charge()
        sent(place, asked)
        place.meets(trouble)
        with pytest.raises(LookUpFailed):
            found(place, asked)

    @pytest.mark.parametrize("trouble", UNTRUSTED)
    def test_nor_is_it_not_found_if_it_cannot_be_trusted(
        self, place: Harness, trouble: Trouble
    ) -> None:
        place.meets(trouble)
        with pytest.raises(LookUpFailed):
            found(place, charge())

    @pytest.mark.parametrize(
        "other",
        [
            {"amount_cents": 999},
            {"currency": "usd"},
            {"order_id": "pi_other"},
            {"capture": False},
            {"kind": Kind.REFUND},
        ],
    )
    def test_what_is_found_is_not_adopted_if_it_is_something_else(
        self, place: Harness, other: dict[str, Any]
    ) -> None:
        asked = charge()
        sent(place, asked)
        with pytest.raises(LookUpFailed):
            found(place, replace(asked, **other))

    def test_a_refund_that_is_not_decided_is_pending_until_it_is(self, place: Harness) -> None:
        original = charge()
        sent(place, original, place.pending_card())
        refund = following(Kind.REFUND, original, amount_cents=300)
        assert sent(place, refund).outcome is Outcome.UNKNOWN
        looked = found(place, refund)
        assert (looked.found, looked.answer) == (Found.PENDING, None)
        place.end_pending()
        arrived(place)
        looked = found(place, refund)
        assert looked.found is Found.FOUND
        assert looked.answer is not None
        assert looked.answer.outcome is Outcome.APPROVED
        assert place.booked(original.order_id, Kind.REFUND) == [300]

    def test_a_charge_is_found_after_its_longest_flight(self, place: Harness) -> None:
        asked = charge()
        assert sent(place, asked, place.late_card()).outcome is Outcome.UNKNOWN
        assert found(place, asked).found is Found.NOT_FOUND
        self.let_it_land(place)
        looked = found(place, asked)
        assert looked.found is Found.FOUND
        assert place.booked(asked.order_id, Kind.AUTHORIZE) == [1000]

    # --- reversals -----------------------------------------------------------------------------

    @pytest.mark.parametrize("capture", [True, False])
    def test_a_charge_is_undone_once_however_often_it_is_asked(
        self, place: Harness, capture: bool
    ) -> None:
        asked = charge(capture)
        sent(place, asked)
        for number in (2, 2, 3):
            assert reversed_(place, asked, number).undone is Undone.REVERSED
        assert place.booked(asked.order_id, Kind.AUTHORIZE) == []
        assert place.booked(asked.order_id, Kind.CAPTURE) == []
        assert len(place.booked(asked.order_id, Kind.VOID)) <= 1

    def test_after_that_a_look_up_says_that_it_is_absent(self, place: Harness) -> None:
        asked = charge()
        sent(place, asked)
        reversal = reversed_(place, asked)
        arrived(place)
        looked = found(place, asked)
        assert (looked.found, looked.answer) == (Found.FOUND, ABSENT)
        assert from_text(looked.as_of) >= from_text(reversal.as_of or "")

    def test_where_a_reference_counts_once_what_was_undone_stays_so(self, place: Harness) -> None:
        self.require_idempotent(place)
        asked = charge()
        sent(place, asked)
        reversed_(place, asked)
        sent(place, asked)
        assert place.booked(asked.order_id, Kind.AUTHORIZE) == []

    def test_where_nothing_arrived_nothing_is_undone_and_later_arrivals_are_left_alone(
        self, place: Harness
    ) -> None:
        asked = charge()
        sent(place, asked, place.late_card())
        assert reversed_(place, asked).undone is Undone.NOT_FOUND
        self.let_it_land(place)
        assert place.booked(asked.order_id, Kind.AUTHORIZE) == [1000]
        assert found(place, asked).answer is not None
        assert reversed_(place, asked, 3).undone is Undone.REVERSED
        assert place.booked(asked.order_id, Kind.AUTHORIZE) == []

    def test_a_reversal_says_when_whatever_it_came_to(self, place: Harness) -> None:
        there, nowhere = charge(), charge()
        sent(place, there)
        for asked in (there, nowhere):
            before = found(place, nowhere).as_of
            assert from_text(reversed_(place, asked).as_of or "") >= from_text(before)

    def test_what_was_refunded_is_not_undone(self, place: Harness) -> None:
        asked = charge()
        sent(place, asked)
        sent(place, following(Kind.REFUND, asked, amount_cents=1))
        assert reversed_(place, asked).undone is Undone.REFUSED
        assert place.booked(asked.order_id, Kind.AUTHORIZE) == [1000]

    def test_what_was_declined_is_not_undone(self, place: Harness) -> None:
        asked = charge()
        sent(place, asked, place.declined_card())
        assert reversed_(place, asked).undone is Undone.REFUSED

    def test_nothing_of_another_payment_is_undone(self, place: Harness) -> None:
        asked = charge()
        sent(place, asked)
        other = replace(asked, order_id="pi_other")
        assert reversed_(place, other).undone is not Undone.REVERSED
        assert place.booked(asked.order_id, Kind.AUTHORIZE) == [1000]

    @pytest.mark.parametrize("trouble", UNTRUSTED)
    def test_a_reversal_that_cannot_be_trusted_says_nothing_and_may_be_sent_again(
        self, place: Harness, trouble: Trouble
    ) -> None:
        asked = charge()
        sent(place, asked)
        place.meets(trouble)
        assert reversed_(place, asked) == Reversal(Undone.UNKNOWN)
        place.meets(None)
        done = place.booked(asked.order_id, Kind.AUTHORIZE) == []
        assert done is (trouble not in NOTHING_DONE)
        assert reversed_(place, asked, 3).undone is Undone.REVERSED
        assert place.booked(asked.order_id, Kind.AUTHORIZE) == []

    # --- the books -----------------------------------------------------------------------------

    def test_the_books_are_complete_and_oldest_first(self, place: Harness) -> None:
        self.let_it_land(place)  # of tests before this one
        place.advance(2)
        since, asked = found(place, charge()).as_of, []
        for number in range(60):
            asked.append(charge(capture=number % 2 == 0, amount_cents=100 + number))
            sent(place, asked[-1])
            place.advance(1)
        pages = books(place, since)
        assert len(pages) > 1
        listed = [one for page in pages for one in page]
        assert [one.reference for one in listed] == [one.reference for one in asked]
        times = [one.created_at for one in listed]
        assert times == sorted(times) and from_text(times[0]) >= from_text(since)
        for one, ours in zip(listed, asked, strict=True):
            assert (one.order_id, one.merchant_reference) == (ours.order_id, "mer_1:test")
            assert (one.kind, one.capture) == (Kind.AUTHORIZE, ours.capture)
            assert (one.amount_cents, one.currency) == (ours.amount_cents, "eur")
            assert (one.status, one.original_reference) == ("APPROVED", None)

    def test_the_books_say_what_each_row_belongs_to_and_how_it_stands_now(
        self, place: Harness
    ) -> None:
        since = self.a_moment_later(place)
        paid, undone, refused = charge(), charge(), charge()
        refund = following(Kind.REFUND, paid, amount_cents=7)
        for asked, card in (
            (paid, None),
            (undone, None),
            (refused, place.declined_card()),
            (refund, None),
        ):
            sent(place, asked, card)
        reversed_(place, undone)
        listed = {one.reference: one for page in books(place, since) for one in page}
        assert listed[paid.reference].status == "APPROVED"
        assert listed[undone.reference].status == "REVERSED"
        assert listed[refused.reference].status == "DECLINED"
        assert listed[refund.reference].kind is Kind.REFUND
        assert listed[refund.reference].original_reference == paid.reference
        assert listed[refund.reference].amount_cents == 7

    def test_the_books_begin_where_they_are_asked_to(self, place: Harness) -> None:
        before = charge()
        sent(place, before)
        since = self.a_moment_later(place)
        after = charge()
        sent(place, after)
        listed = [one.reference for page in books(place, since) for one in page]
        assert listed == [after.reference]

    @pytest.mark.parametrize("trouble", BOOKS_UNTRUSTED)
    def test_books_that_cannot_be_trusted_are_none(self, place: Harness, trouble: Trouble) -> None:
        since = found(place, charge()).as_of
        place.meets(trouble)
        with pytest.raises(LookUpFailed):
            place.acquirer.transactions(since, None)

    # --- references ----------------------------------------------------------------------------

    def test_it_takes_references_as_long_as_it_says_and_as_long_as_ours(
        self, place: Harness
    ) -> None:
        longest = place.acquirer.capabilities.reference_length_max
        assert longest >= REFERENCE_LENGTH + REVERSAL_SUFFIX_LENGTH
        asked = replace(charge(), reference=new_reference(longest - REVERSAL_SUFFIX_LENGTH))
        assert sent(place, asked).outcome is Outcome.APPROVED
        assert found(place, asked).found is Found.FOUND
        name = asked.reference + "R" + "9" * (REVERSAL_SUFFIX_LENGTH - 1)
        assert place.acquirer.reverse(asked, name).undone is Undone.REVERSED
        assert sent(place, replace(charge(), reference=new_reference(longest))).outcome is (
            Outcome.APPROVED
        )

    # --- what several need ---------------------------------------------------------------------

    def require_idempotent(self, place: Harness) -> None:
        if not place.acquirer.capabilities.idempotent_by_reference:
            pytest.skip("declared: a reference counts each time")

    def let_it_land(self, place: Harness) -> None:
        declared = place.acquirer.capabilities
        place.advance(declared.max_flight_seconds + declared.lookup_lag_seconds)

    def a_moment_later(self, place: Harness) -> str:
        """An instant after all that happened before."""
        self.let_it_land(place)
        place.advance(2)
        return found(place, charge()).as_of
