"""What every token service must do, whatever it is: the port's contract, as one suite.

A connector brings a `Harness`: its service, cards, a network that fails on demand, and the acquirer
at which its tokens pay. References are fresh in each test.
"""

from __future__ import annotations

import itertools
import string
from dataclasses import replace
from typing import Any, Protocol

import pytest

from farthing.acquiring.answer import Answer, Outcome
from farthing.acquiring.decline import TOKEN_ERRORS
from farthing.acquiring.port import Instruction, Kind, StoredCredential
from farthing.cards import passes_luhn
from farthing.network_tokens.port import (
    NoAnswer,
    NoCryptogram,
    TokenService,
    TokenState,
    TokenStatus,
)
from farthing.vault.card import Card
from farthing.vault.source import NetworkToken, Source
from tests.unit.acquiring.conformance import Trouble

REFERENCE_LENGTH = 26
SERVICE_SECONDS_MAX, CRYPTOGRAM_SECONDS_MAX = 15, 2
SPOILT = tuple(
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
"""What spoils an answer about a token, which has no amount and no order."""
NOTHING_DONE = (Trouble.REFUSED, Trouble.LOST, Trouble.BUSY)


class Harness(Protocol):
    """A token service that does what a test says, and the acquirer that takes its tokens."""

    service: TokenService

    def card(self) -> Card:
        """One that gets a token."""
        ...

    def refused_card(self) -> Card:
        """One whose issuer gives none."""
        ...

    def meets(self, trouble: Trouble | None) -> None:
        """What befalls every exchange with the service from now on."""
        ...

    def suspend(self, reference: str) -> None:
        """The issuer suspends a token."""
        ...

    def replace_card(self, reference: str) -> None:
        """The issuer replaces a token's card."""
        ...

    def pay(self, instruction: Instruction, source: Source) -> Answer:
        """The acquirer's answer, when nothing is wrong on the way to it."""
        ...

    def tokens(self) -> int:
        """How many tokens the service has ever made."""
        ...

    @property
    def waits_seconds(self) -> dict[str, int]:
        """The longest deadline that was given to an exchange, by the end of its path."""
        ...


_numbers = itertools.count(1)
_LETTERS = string.digits + string.ascii_uppercase


def new_reference() -> str:
    """One that was never used, as ours are."""
    return f"{next(_numbers):06d}".rjust(REFERENCE_LENGTH, "B")


def provisioned(place: Harness, reference: str | None = None) -> tuple[str, TokenState]:
    """A token."""
    named = reference or new_reference()
    return named, place.service.provision(named, "mer_1:test", place.card())


def charge(**more: Any) -> Instruction:
    """A charge of a payment of its own."""
    reference = new_reference()
    values: dict[str, Any] = {
        "order_id": f"pi_{reference.lower()}",
        "amount_cents": 1000,
        "currency": "eur",
        "capture": True,
        "merchant_reference": "mer_1:test",
    }
    return Instruction(Kind.AUTHORIZE, reference, **(values | more))


def used_before(place: Harness) -> StoredCredential:
    """The mark of a later use of the card, after a first one by its number."""
    first = StoredCredential.from_item(
        {"use": "FIRST", "initiator": "CUSTOMER", "network_reference": None}
    )
    answer = place.pay(charge(stored_credential=first), place.card())
    assert answer.outcome is Outcome.APPROVED
    return StoredCredential.from_item(
        {
            "use": "SUBSEQUENT",
            "initiator": "MERCHANT",
            "network_reference": answer.network_reference,
        }
    )


def source(state: TokenState, cryptogram: str) -> NetworkToken:
    """A token as it is presented."""
    assert state.token is not None
    token = state.token
    return NetworkToken(token.number, token.exp_month, token.exp_year, cryptogram)


class Conformance:
    """The suite. `place` is a fixture of whoever inherits it."""

    # --- provision ------------------------------------------------------------------------------

    def test_a_card_gets_a_token_of_its_own_number(self, place: Harness) -> None:
        _, state = provisioned(place)
        assert state.status is TokenStatus.ACTIVE
        assert state.token is not None and state.card is not None
        number = state.token.number.reveal()
        assert passes_luhn(number) and number != place.card().number.reveal()
        assert state.card.last_four == place.card().number.last_four
        assert (state.card.exp_month, state.card.exp_year) == (12, 2030)

    def test_a_reference_gets_one_token_however_often_it_is_asked_for(self, place: Harness) -> None:
        before = place.tokens()
        reference, first = provisioned(place)
        assert provisioned(place, reference)[1] == first
        assert place.tokens() == before + 1
        _, other = provisioned(place)
        assert first.token is not None and other.token is not None
        assert first.token.number != other.token.number

    def test_an_issuer_that_gives_none_says_so_for_good(self, place: Harness) -> None:
        reference = new_reference()
        for _ in range(2):
            state = place.service.provision(reference, "mer_1:test", place.refused_card())
            assert state == TokenState(TokenStatus.REFUSED)

    @pytest.mark.parametrize("trouble", SPOILT)
    def test_an_answer_that_cannot_be_trusted_says_nothing_and_makes_no_second_token(
        self, place: Harness, trouble: Trouble
    ) -> None:
        before, reference = place.tokens(), new_reference()
        place.meets(trouble)
        with pytest.raises(NoAnswer):
            provisioned(place, reference)
        place.meets(None)
        assert place.tokens() == before + (trouble not in NOTHING_DONE)
        assert provisioned(place, reference)[1].status is TokenStatus.ACTIVE
        assert place.tokens() == before + 1

    @pytest.mark.parametrize("trouble", SPOILT)
    def test_a_refusal_that_cannot_be_trusted_is_none(
        self, place: Harness, trouble: Trouble
    ) -> None:
        place.meets(trouble)
        with pytest.raises(NoAnswer):
            place.service.provision(new_reference(), "mer_1:test", place.refused_card())

    # --- look-ups and lifecycle -----------------------------------------------------------------

    def test_a_look_up_says_how_a_token_is_and_shows_no_number(self, place: Harness) -> None:
        reference, state = provisioned(place)
        assert place.service.look_up(reference) == replace(state, token=None)

    def test_what_was_never_made_is_deleted(self, place: Harness) -> None:
        assert place.service.look_up(new_reference()) == TokenState(TokenStatus.DELETED)

    @pytest.mark.parametrize("trouble", SPOILT)
    def test_a_look_up_that_cannot_be_trusted_says_nothing(
        self, place: Harness, trouble: Trouble
    ) -> None:
        reference, _ = provisioned(place)
        place.meets(trouble)
        for named in (reference, new_reference()):
            with pytest.raises(NoAnswer):
                place.service.look_up(named)

    def test_a_suspended_token_says_so_and_pays_no_more(self, place: Harness) -> None:
        reference, _ = provisioned(place)
        place.suspend(reference)
        assert place.service.look_up(reference).status is TokenStatus.SUSPENDED
        with pytest.raises(NoCryptogram):
            place.service.cryptogram(reference, charge())

    def test_a_token_outlives_the_number_of_its_card(self, place: Harness) -> None:
        reference, state = provisioned(place)
        stored = used_before(place)
        place.replace_card(reference)
        now = place.service.look_up(reference)
        assert now.status is TokenStatus.ACTIVE
        assert now.card is not None and state.card is not None
        assert now.card.last_four != state.card.last_four
        asked = charge(stored_credential=stored)
        paying = source(state, place.service.cryptogram(reference, asked))
        assert place.pay(asked, paying).outcome is Outcome.APPROVED
        assert provisioned(place, reference)[1].token == state.token

    # --- delete ---------------------------------------------------------------------------------

    def test_a_deleted_token_is_gone_for_good(self, place: Harness) -> None:
        reference, _ = provisioned(place)
        for _ in range(2):
            assert place.service.delete(reference).status is TokenStatus.DELETED
        assert place.service.look_up(reference).status is TokenStatus.DELETED
        state = provisioned(place, reference)[1]
        assert (state.status, state.token) == (TokenStatus.DELETED, None)
        with pytest.raises(NoCryptogram):
            place.service.cryptogram(reference, charge())

    def test_what_is_deleted_before_it_arrives_is_never_made(self, place: Harness) -> None:
        before, reference = place.tokens(), new_reference()
        assert place.service.delete(reference).status is TokenStatus.DELETED
        assert provisioned(place, reference)[1].status is TokenStatus.DELETED
        assert place.tokens() == before

    @pytest.mark.parametrize("trouble", SPOILT)
    def test_a_deletion_that_cannot_be_trusted_says_nothing_and_may_be_asked_again(
        self, place: Harness, trouble: Trouble
    ) -> None:
        reference, _ = provisioned(place)
        place.meets(trouble)
        with pytest.raises(NoAnswer):
            place.service.delete(reference)
        place.meets(None)
        gone = place.service.look_up(reference).status is TokenStatus.DELETED
        assert gone is (trouble not in NOTHING_DONE)
        assert place.service.delete(reference).status is TokenStatus.DELETED

    # --- cryptograms ----------------------------------------------------------------------------

    def test_a_cryptogram_pays_for_its_instruction(self, place: Harness) -> None:
        reference, state = provisioned(place)
        asked = charge(stored_credential=used_before(place))
        cryptogram = place.service.cryptogram(reference, asked)
        answer = place.pay(asked, source(state, cryptogram))
        assert (answer.outcome, answer.decline) == (Outcome.APPROVED, None)

    def test_the_same_instruction_with_another_cryptogram_is_the_same_request(
        self, place: Harness
    ) -> None:
        reference, state = provisioned(place)
        asked = charge(stored_credential=used_before(place))
        first, second = (place.service.cryptogram(reference, asked) for _ in range(2))
        assert first != second
        answer = place.pay(asked, source(state, first))
        assert place.pay(asked, source(state, second)) == answer

    @pytest.mark.parametrize(
        "other",
        [
            {"amount_cents": 999},
            {"currency": "usd"},
            {"reference": "C" * REFERENCE_LENGTH},
        ],
    )
    def test_a_cryptogram_pays_for_nothing_else(
        self, place: Harness, other: dict[str, Any]
    ) -> None:
        reference, state = provisioned(place)
        asked = charge(stored_credential=used_before(place))
        cryptogram = place.service.cryptogram(reference, replace(asked, **other))
        self.require_refused(place, asked, source(state, cryptogram))

    def test_a_cryptogram_pays_once(self, place: Harness) -> None:
        reference, state = provisioned(place)
        stored = used_before(place)
        asked = charge(stored_credential=stored)
        used = source(state, place.service.cryptogram(reference, asked))
        assert place.pay(asked, used).outcome is Outcome.APPROVED
        again = replace(asked, reference=new_reference())
        self.require_refused(place, again, used)

    def test_a_cryptogram_of_another_token_does_not_pay(self, place: Harness) -> None:
        (_, state), (other, _) = provisioned(place), provisioned(place)
        asked = charge(stored_credential=used_before(place))
        foreign = place.service.cryptogram(other, asked)
        self.require_refused(place, asked, source(state, foreign))

    def test_a_tokens_number_without_a_cryptogram_is_no_card(self, place: Harness) -> None:
        _, state = provisioned(place)
        assert state.token is not None
        bare = Card(state.token.number, state.token.exp_month, state.token.exp_year, "123")
        self.require_refused(place, charge(), bare)

    @pytest.mark.parametrize("trouble", SPOILT)
    def test_a_cryptogram_that_cannot_be_trusted_is_none(
        self, place: Harness, trouble: Trouble
    ) -> None:
        reference, _ = provisioned(place)
        place.meets(trouble)
        with pytest.raises(NoCryptogram):
            place.service.cryptogram(reference, charge())

    def test_it_waits_no_longer_than_it_says(self, place: Harness) -> None:
        reference, _ = provisioned(place)
        place.service.look_up(reference)
        place.service.cryptogram(reference, charge())
        place.service.delete(reference)
        waits = place.waits_seconds
        assert 0 < waits.pop("cryptograms") <= CRYPTOGRAM_SECONDS_MAX
        assert 0 < max(waits.values()) <= place.service.timeout_seconds <= SERVICE_SECONDS_MAX

    # --- what several need ----------------------------------------------------------------------

    def require_refused(self, place: Harness, asked: Instruction, paying: Source) -> None:
        """It is refused as what it is: a token, and not the card."""
        answer = place.pay(asked, paying)
        assert answer.outcome is Outcome.DECLINED
        assert answer.decline is not None
        assert answer.decline.reason_code in TOKEN_ERRORS
