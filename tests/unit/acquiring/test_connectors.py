"""Which guarantees are enough, and which are refused before anything is deployed or sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing import runtime
from farthing.acquiring.connectors import (
    CHARGE_SECONDS,
    CLOCK_SKEW_SECONDS,
    CONNECTORS,
    REFERENCE_LENGTH,
    RESEND_SECONDS,
    REVERSAL_SUFFIX_LENGTH,
    TERMINAL_SECONDS,
    UnsafeConnector,
    capabilities_of,
    quiet_seconds,
    require_safe,
)
from farthing.acquiring.declared import capabilities
from farthing.acquiring.port import Capabilities
from farthing.acquiring.sandbox import IDEMPOTENT_SETTING
from farthing.payments.conclusion import LOOK_PAUSE_SECONDS
from farthing.payments.names import reference_of
from tests.support.template import resources

SAFE = Capabilities(
    idempotent_by_reference=True,
    key_retention_seconds=24 * 60 * 60,
    lookup_by_reference=True,
    lookup_lag_seconds=0,
    reversal_by_reference=True,
    max_flight_seconds=40,
    reference_length_max=80,
    timeout_seconds=15,
)
YEAR_SECONDS = 365 * 24 * 60 * 60

ONCE = "it can neither look a reference up nor take it twice: no outcome can be learned"
ENDED = (
    "it can neither reverse a reference nor take it twice: "
    "an authorization that never arrived can never be ended"
)
TOO_LONG = "an authorization that never arrived would be open for longer than 200 s"
FLIGHT = "a request may be on its way for longer than it claims: its timeout alone is longer"
TIMEOUT = "its timeout is longer than the 15 s that fit into our own"


def why(**changes: Any) -> list[str]:
    try:
        require_safe(replace(SAFE, **changes))
    except UnsafeConnector as unsafe:
        assert str(unsafe) == "; ".join(unsafe.reasons)
        return unsafe.reasons
    return []


@pytest.mark.parametrize(
    ("once", "looked_up", "reversed_", "reasons"),
    [
        (True, True, True, []),
        (True, True, False, []),
        (True, False, True, []),
        (True, False, False, []),
        (False, True, True, []),
        (False, True, False, [ENDED]),
        (False, False, True, [ONCE]),
        (False, False, False, [ONCE, ENDED]),
    ],
)
def test_outcomes_can_be_learned_and_ended(
    once: bool, looked_up: bool, reversed_: bool, reasons: list[str]
) -> None:
    changes = {
        "idempotent_by_reference": once,
        "key_retention_seconds": SAFE.key_retention_seconds if once else 0,
        "lookup_by_reference": looked_up,
        "reversal_by_reference": reversed_,
    }
    assert why(**changes) == reasons


RESENT_FOR = RESEND_SECONDS + SAFE.max_flight_seconds + CLOCK_SKEW_SECONDS


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"key_retention_seconds": RESENT_FOR}, []),
        (
            {"key_retention_seconds": RESENT_FOR - 1},
            [f"it forgets references after {RESENT_FOR - 1} s: they are sent again for 730 s"],
        ),
        ({"key_retention_seconds": 0, "idempotent_by_reference": False}, []),
        ({"max_flight_seconds": 80}, []),
        ({"max_flight_seconds": 81}, [TOO_LONG]),
        ({"max_flight_seconds": 81, "reversal_by_reference": False}, []),
        ({"lookup_lag_seconds": 40}, []),
        ({"lookup_lag_seconds": 41}, [TOO_LONG]),
        ({"max_flight_seconds": 15}, []),
        ({"max_flight_seconds": 14}, [FLIGHT]),
        ({"timeout_seconds": 16}, [TIMEOUT]),
        ({"reference_length_max": 36}, []),
        ({"reference_length_max": 35}, ["it takes references of 35 characters, not of 36"]),
        ({"timeout_seconds": 60, "reference_length_max": 1}, 3),
    ],
)
def test_each_guarantee_at_its_boundary(changes: dict[str, Any], reasons: Any) -> None:
    found = why(**changes)
    assert (len(found) if isinstance(reasons, int) else found) == reasons


@given(
    flight=st.integers(0, 200),
    lag=st.integers(0, 200),
    retention=st.integers(0, 10_000),
    once=st.booleans(),
)
def test_what_is_safe_is_terminal_in_time_and_never_sent_after_it_was_forgotten(
    flight: int, lag: int, retention: int, once: bool
) -> None:
    declared = replace(
        SAFE,
        idempotent_by_reference=once,
        key_retention_seconds=retention,
        max_flight_seconds=flight,
        lookup_lag_seconds=lag,
    )
    if not why(**vars(declared)):
        assert RESEND_SECONDS + quiet_seconds(declared) < TERMINAL_SECONDS
        assert not once or retention >= RESEND_SECONDS + flight


@pytest.mark.parametrize("setting", ["true", "false"])
@pytest.mark.parametrize("name", CONNECTORS)
def test_every_connector_is_safe_in_every_mode(name: str, setting: str) -> None:
    declared = capabilities_of(name, {IDEMPOTENT_SETTING: setting})
    assert declared.idempotent_by_reference is (setting == "true" or name != "sandbox")
    assert capabilities_of(name, {}).idempotent_by_reference


def test_an_unsafe_connector_is_not_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    unsafe = replace(SAFE, reference_length_max=1)
    monkeypatch.setattr(
        "farthing.acquiring.connectors.CONNECTORS", {"other": lambda settings: unsafe}
    )
    runtime.reset()
    with pytest.raises(UnsafeConnector):
        capabilities_of("other", {})
    with pytest.raises(UnsafeConnector):
        capabilities("other")


@pytest.mark.parametrize(("setting", "once"), [(None, True), ("true", True), ("false", False)])
def test_the_deployments_setting_is_read(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, once: bool
) -> None:
    monkeypatch.delenv(IDEMPOTENT_SETTING, raising=False)
    if setting is not None:
        monkeypatch.setenv(IDEMPOTENT_SETTING, setting)
    runtime.reset()
    assert capabilities("sandbox").idempotent_by_reference is once
    runtime.reset()


def test_the_numbers_that_the_rules_stand_on_are_those_that_are_deployed() -> None:
    functions = resources("AWS::Serverless::Function")
    assert functions["ChargeFunction"]["Properties"]["Timeout"] == CHARGE_SECONDS
    assert len(reference_of("op_01jd0000000000000000000aaa")) == REFERENCE_LENGTH
    fence_digits = REVERSAL_SUFFIX_LENGTH - len("R")
    assert 10**fence_digits * LOOK_PAUSE_SECONDS > 50 * YEAR_SECONDS
