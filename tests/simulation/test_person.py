"""A person decides: what is true counts, and what the acquirer knows better is refused."""

from __future__ import annotations

from collections import Counter

import pytest

from farthing.payments import decision, recovery
from tests.simulation.canaries import Canaries
from tests.simulation.profiles import FROZEN_SENDS, NEW_CARD, OPERATOR, SETTLING_CLAIMS, Profile
from tests.simulation.run import begin
from tests.simulation.search import found_in

REVERSALS = next(each for each in OPERATOR if "reversals unanswered" in each.name)
CARD = "4242424242424242"
SEEDS, SEEDS_MAX = 6, 60
"""So many, or more of them until somebody was asked: with some acquirers one in five is."""


@pytest.mark.parametrize("profile", OPERATOR, ids=lambda profile: profile.name)
def test_somebody_is_asked_and_what_they_say_is_in_the_books(profile: Profile) -> None:
    words = 0
    for seed in range(SEEDS_MAX):
        if seed >= SEEDS and words:
            break
        run = begin(seed, **profile.arguments(seed))
        assert found_in(run) is None
        words += sum(person.said for person in run.stage.people)
    assert words > 0


def test_a_decision_without_a_look_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision, "_checked", lambda decided, ours, looked, services: decided)
    assert _found_by(REVERSALS, seeds=400)


def test_a_decision_against_the_acquirer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "in_the_way", lambda *_: None)
    assert _found_by(REVERSALS, seeds=400)


def _found_by(profile: Profile, seeds: int) -> bool:
    return any(found_in(begin(seed, **profile.arguments(seed))) for seed in range(seeds))


def test_what_is_half_sent_lands_after_its_sender_woke_up() -> None:
    hits: Counter[str] = Counter()
    for seed in range(40):
        run = begin(seed, **FROZEN_SENDS.arguments(seed))
        assert found_in(run) is None
        hits.update(fault for _, fault in run.acquirer.hits)
    assert hits["SLIPPED_OUT"] > 0


def test_a_settlement_is_crashed_where_it_writes() -> None:
    struck: Counter[str] = Counter()
    for seed in range(24):
        run = begin(seed, **SETTLING_CLAIMS.arguments(seed))
        assert found_in(run) is None
        for (point, what), times in run.world.coverage.counts.items():
            if point == "settle_batch dynamodb.transact_write_items(payments+settlement)":
                struck[what] += times
    assert struck["crash before"] and struck["crash after"]


def test_a_card_is_tokenised_among_crashes() -> None:
    crashes = 0
    for seed in range(20):
        run = begin(seed, **NEW_CARD.arguments(seed))
        assert found_in(run) is None
        crashes += sum(
            times
            for (point, what), times in run.world.coverage.counts.items()
            if point.startswith("tokens ") and what.startswith("crash")
        )
    assert crashes > 0


def test_bytes_belong_into_envelopes_only() -> None:
    canaries = Canaries([CARD], ["737"])
    sealed = {"M": {"ciphertext": {"B": b"\x01\x02"}, "version": {"N": "1"}}}
    card = {"entity": {"S": "card"}, "envelope": sealed}
    assert list(canaries.in_change(None, card)) == []
    assert list(canaries.in_change(None, card | {"entity": {"S": "note"}}))
    assert list(canaries.in_change(None, card | {"more": {"B": b"\x01"}}))
    in_clear = {"M": {"ciphertext": {"B": CARD.encode() + b"   "}}}
    assert list(canaries.in_change(None, card | {"envelope": in_clear}))
    cvc = {"entity": {"S": "cvc"}, "envelope": {"M": {"ciphertext": {"B": b"737 "}}}}
    assert list(canaries.in_change(None, cvc))
