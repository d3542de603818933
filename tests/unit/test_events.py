"""Every file in events/ is an event that its function takes."""

from __future__ import annotations

import pytest

from tests.support.expected import EXPECTED, assert_expected
from tests.support.lambdas import Context, event_of, load
from tests.support.stack import Stack
from tests.support.template import ROOT

FILES = sorted(path.stem for path in (ROOT / "events").glob("*.json"))
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_function_answers_its_event(stack: Stack, name: str) -> None:
    function = name.split(".")[0]
    assert_expected(name, load(function).handler(event_of(name), Context()))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_has_an_event(function: str) -> None:
    assert any(name.split(".")[0] == function for name in FILES), function


@pytest.mark.parametrize("name", FILES)
def test_every_event_is_for_a_function(name: str) -> None:
    assert name.split(".")[0] in FUNCTIONS
