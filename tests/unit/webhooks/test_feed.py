"""The feed's order and its cursors, without a table."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.store import TenantScope
from farthing.webhooks.event import Event
from farthing.webhooks.feed import (
    Cursor,
    CursorRefused,
    FeedState,
    PlacedEvent,
    Stretch,
    mix,
    place,
    without_hole,
)
from farthing.webhooks.keys import FEED_SHARDS
from tests.unit.webhooks.world import TENANT, event_row

OTHER = TenantScope("mer_01jd0000000000000000000bbb", "test")
LIVE = TenantScope(TENANT.merchant_id, "live")


def placed(shard: int, position: int, stamp: str = "t") -> PlacedEvent:
    event = Event.of(event_row(shard * 1000 + position, 1))
    return PlacedEvent(event, shard, position, stamp)


positions = st.lists(st.integers(0, 2**60), min_size=FEED_SHARDS, max_size=FEED_SHARDS)


@given(positions)
def test_a_cursor_comes_back_as_it_was(found: list[int]) -> None:
    cursor = Cursor(tuple(found))
    assert Cursor.of(cursor.to_text(TENANT), TENANT) == cursor


@pytest.mark.parametrize("stranger", [OTHER, LIVE])
def test_a_cursor_of_somebody_else_is_refused(stranger: TenantScope) -> None:
    with pytest.raises(CursorRefused):
        Cursor.of(Cursor((1, 2, 3, 4)).to_text(stranger), TENANT)


@given(st.one_of(st.text(), st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(CursorRefused):
        Cursor.of(text, TENANT)


@given(st.integers(0, 55), st.integers(1, 255))
def test_a_cursor_with_one_changed_character_is_refused(place_: int, change: int) -> None:
    text = Cursor((1, 2, 3, 4)).to_text(TENANT)
    changed = text[:place_] + chr((ord(text[place_]) + change) % 256) + text[place_ + 1 :]
    with pytest.raises(CursorRefused):
        Cursor.of(changed, TENANT)


def test_what_stands_behind_a_hole_waits() -> None:
    rows = [placed(0, 4), placed(0, 5), placed(0, 7), placed(0, 8)]
    assert without_hole(rows, 3, more=False) == Stretch(rows[:2], more=True)
    assert without_hole(rows, 2, more=False) == Stretch([], more=True)
    assert without_hole(rows[:2], 3, more=False) == Stretch(rows[:2], more=False)


def test_a_page_ends_where_the_next_event_is_not_known() -> None:
    """Given a shard with more to come; when its known events are out; then no other goes on."""
    one = Stretch([placed(0, 1, "t1")], more=True)
    two = Stretch([placed(1, 1, "t2"), placed(1, 2, "t3")], more=False)
    assert mix([one, two], 10) == ([one.rows[0]], True)
    assert mix([Stretch([], more=True), two], 10) == ([], True)


shards = st.lists(
    st.lists(st.integers(0, 5), max_size=6).map(sorted), min_size=FEED_SHARDS, max_size=FEED_SHARDS
)


@given(shards, st.integers(1, 5), st.integers(1, 5))
def test_the_order_does_not_depend_on_the_page_size(
    stamps: list[list[int]], size: int, other_size: int
) -> None:
    rows = [
        [placed(shard, n, f"t{stamp}") for n, stamp in enumerate(found, start=1)]
        for shard, found in enumerate(stamps)
    ]

    def read(page_size: int) -> list[PlacedEvent]:
        cursor, seen = Cursor(), []
        while True:
            stretches = []
            for shard, found in enumerate(rows):
                after = cursor.positions[shard]
                known = found[after : after + page_size + 1]
                stretches.append(
                    without_hole(known, after, more=len(found) > after + page_size + 1)
                )
            taken, has_more = mix(stretches, page_size)
            seen += taken
            cursor = cursor.passing(taken)
            if not has_more:
                return seen
            assert taken

    everything = [row for found in rows for row in found]
    assert sorted(read(size), key=lambda r: (r.shard, r.position)) == everything
    assert read(size) == read(other_size)


def test_events_are_placed_in_order_and_without_a_gap() -> None:
    events = [Event.of(event_row(1, n)) for n in (3, 4)]
    state = FeedState(end=7, end_stamp="2027", placed_sequence=2)
    found = place(events, 2, state, "2026")
    assert [(one.position, one.event.sequence, one.stamp) for one in found] == [
        (8, 3, "2027"),
        (9, 4, "2027"),
    ]


@pytest.mark.parametrize("sequences", [(2,), (4,), (3, 5), (4, 3), (3, 3)])
def test_what_is_not_next_is_not_placed(sequences: tuple[int, ...]) -> None:
    events = [Event.of(event_row(1, n)) for n in sequences]
    with pytest.raises(ValueError, match="not all there"):
        place(events, 0, FeedState(0, "", 2), "2026")
