"""The planted-bug gate: each mistake is found within its limit, and only because it is there."""

from __future__ import annotations

import pytest

from farthing.payments import conditions, refunds
from farthing.payments.operation import Operation
from tests.simulation.planted import Bug, Patches, planted, play, search
from tests.simulation.planted_bugs import BUGS
from tests.simulation.profiles import DRAWN, Profile

CLEAN_SEEDS = 12
PROFILES = {bug.profile.name: bug.profile for bug in BUGS if bug.profile is not DRAWN}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: Bug) -> None:
    found = search(bug)
    assert found.seed is not None, f"not in {bug.limit} seeds; others: {found.others[:3]}"
    assert play(bug.profile, found.seed) is None, "the product itself breaks on this seed"


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_the_product_itself_is_clean_on_the_same_seeds(profile: Profile) -> None:
    broken = [(seed, play(profile, seed)) for seed in range(CLEAN_SEEDS)]
    assert [(seed, str(why)) for seed, why in broken if why is not None] == []


def test_there_are_as_many_as_was_asked_for() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 22


def test_a_bug_is_taken_out_again() -> None:
    before = refunds.enough_left_to_refund, Operation.reference
    for bug in BUGS:
        with planted(bug):
            pass
    assert before == (refunds.enough_left_to_refund, Operation.reference)


def test_a_bug_that_nobody_would_meet_cannot_be_planted() -> None:
    patches = Patches()
    with pytest.raises(LookupError):
        patches.everywhere(test_a_bug_is_taken_out_again, None)
    with pytest.raises(KeyError):
        patches.attribute(conditions, "no_such_rule", None)
