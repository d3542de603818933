"""The table of a dispute's states, and its laws."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.acquiring.dispute import Stage, Standing, State
from farthing.disputes.states import (
    CHARGED_BACK,
    CLOSED,
    HOLDS_MONEY,
    INQUIRED,
    LOST,
    LOST_AT_LAST,
    REPRESENTED,
    TERMINAL,
    TRANSITIONS,
    WON,
    WON_AT_LAST,
    Money,
    money_of,
    way,
)

STATES: list[State] = [state for state in TRANSITIONS if state is not None]


def test_what_is_an_end() -> None:
    assert {CLOSED, LOST, WON_AT_LAST, LOST_AT_LAST} == TERMINAL


@pytest.mark.parametrize("end", sorted(TERMINAL))
@pytest.mark.parametrize("other", STATES)
def test_no_way_leads_from_an_end(end: State, other: State) -> None:
    assert way(end, other) == (() if end == other else None)


@pytest.mark.parametrize("state", STATES)
def test_each_state_is_reached_and_no_way_leads_back(state: State) -> None:
    path = way(None, state)
    assert path is not None and path[-1] == state
    for onward in TRANSITIONS[state]:
        assert way(onward, state) is None


@pytest.mark.parametrize("state", STATES)
def test_only_what_exists_is_a_state(state: State) -> None:
    stage, standing = state
    assert (standing is Standing.CLOSED) <= (stage is Stage.INQUIRY)
    assert (standing in {Standing.WON, Standing.LOST}) <= (stage is not Stage.INQUIRY)


def out(path: tuple[State | None, ...]) -> int:
    """How often the money was taken and neither given back nor lost."""
    taken = {Money.TAKEN: 1, Money.GIVEN_BACK: -1, Money.LOST: -1, Money.STAYS: 0}
    steps = [money_of(one, other) for one, other in pairwise(path) if other is not None]
    sums = [sum(taken[step] for step in steps[:n]) for n in range(len(steps) + 1)]
    assert set(sums) <= {0, 1}
    return sums[-1]


@st.composite
def paths(draw: st.DrawFn) -> tuple[State | None, ...]:
    """Any way through the table."""
    path: list[State | None] = [None]
    while onward := sorted(TRANSITIONS[path[-1]]):
        if len(path) > 1 and draw(st.booleans()):
            break
        path.append(draw(st.sampled_from(onward)))
    return tuple(path)


@given(paths())
def test_where_the_money_is_follows_from_the_state_alone(path: tuple[State | None, ...]) -> None:
    assert out(path) == (path[-1] in HOLDS_MONEY)
    shortest = way(None, path[-1]) if path[-1] is not None else ()
    assert shortest is not None
    assert out((None, *shortest)) == out(path)


@given(paths(), paths())
def test_a_case_is_ahead_behind_or_a_contradiction(
    ours: tuple[State | None, ...], theirs: tuple[State | None, ...]
) -> None:
    here, there = ours[-1], theirs[-1]
    if here is None or there is None or here == there:
        return
    assert not (way(here, there) and way(there, here))


def test_a_pre_arbitration_follows_a_chargeback_that_was_won() -> None:
    arbitrated = (Stage.PRE_ARBITRATION, Standing.NEEDS_RESPONSE)
    assert way(CHARGED_BACK, arbitrated) == (WON, arbitrated)
    assert way(LOST, arbitrated) is None
    assert way(INQUIRED, REPRESENTED) == (CHARGED_BACK, REPRESENTED)
