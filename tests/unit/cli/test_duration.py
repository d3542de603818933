"""Durations as a person writes them."""

from __future__ import annotations

import pytest

from farthing_cli import duration
from farthing_cli.failure import Failure


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("25h", 90_000), ("3d", 259_200), ("1h30m", 5400), ("0s", 0)],
)
def test_a_duration_is_its_seconds(text: str, seconds: int) -> None:
    assert duration.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "3", "d", "3x", "-1d", "1.5h", "3 d", "3d ", "tomorrow"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="is no duration"):
        duration.seconds(text)


@pytest.mark.parametrize("text", ["0s", "1s", "1m1s", "1d", "3d2h1m5s"])
def test_words_say_what_was_read(text: str) -> None:
    assert duration.words(duration.seconds(text)) == text
