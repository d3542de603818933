"""How a function's log line looks in the terminal."""

from __future__ import annotations

import json

from farthing_cli.logs import Line

AT = 1_795_342_064_715


def test_a_json_line_shows_level_message_and_ids() -> None:
    # Given
    said = {
        "level": "INFO",
        "location": "handler:30",
        "message": "settled",
        "timestamp": "2026-11-22 10:07:44,715+0000",
        "service": "settle",
        "settlement_id": "st_1",
        "count": 2,
        "correlation_id": "c-1",
    }
    # When
    shown = Line.of("settle", AT, json.dumps(said)).render().plain
    # Then
    assert (
        shown.split(maxsplit=1)[1]
        == "settle             INFO    settled  settlement_id=st_1 count=2"
    )


def test_an_error_shows_its_correlation_id_and_exception() -> None:
    said = {"level": "ERROR", "message": "no", "correlation_id": "c-1", "exception": "Traceback …"}
    shown = Line.of("charge", AT, json.dumps(said)).render().plain
    assert "correlation_id=c-1" in shown
    assert shown.endswith("\nTraceback …")


def test_a_line_that_is_no_json_is_shown_as_it_is() -> None:
    assert Line.of("charge", AT, "plain words").message == "plain words"
    assert Line.of("charge", AT, "[1, 2]").message == "[1, 2]"
    assert Line.of("charge", AT, "ValueError: x").level == "ERROR"
