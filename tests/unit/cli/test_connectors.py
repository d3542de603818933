"""An acquirer that cannot be recovered from is refused before anything is deployed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from farthing.acquiring.port import Capabilities
from farthing_cli import connectors
from farthing_cli.app import app
from farthing_cli.deploy import parameters
from farthing_cli.failure import Failure
from farthing_cli.project import ROOT


def unsafe(settings: object) -> Capabilities:
    """An acquirer that can neither be asked nor be told twice."""
    found = connectors.CONNECTORS["sandbox"]({})
    return replace(found, idempotent_by_reference=False, lookup_by_reference=False)


@pytest.fixture
def with_an_unsafe_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectors, "CONNECTORS", {**connectors.CONNECTORS, "careless": unsafe})


def test_what_there_is_is_safe() -> None:
    for environment in ("default", "staging", "prod"):
        result = CliRunner().invoke(app, ["connectors", "--config", environment])
        assert result.exit_code == 0, result.output
        assert "idempotent_by_reference" in result.output


@pytest.mark.usefixtures("with_an_unsafe_one")
def test_an_unsafe_one_is_shown_and_refused() -> None:
    result = CliRunner().invoke(app, ["connectors"])
    assert isinstance(result.exception, Failure)
    assert str(result.exception).startswith("careless: ")
    assert "careless" in result.output


@pytest.mark.usefixtures("with_an_unsafe_one")
def test_nothing_is_started_with_an_unsafe_one() -> None:
    with pytest.raises(Failure, match="careless"):
        connectors.require_all_safe({})


def test_make_deploy_asks_before_it_deploys() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    (line,) = (line for line in lines if "sam deploy" in line and line.startswith("\t"))
    assert line.index("farthing connectors") < line.index("&&") < line.index("sam deploy")


def test_a_guarantee_follows_the_parameter_that_turns_it_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by_default = {"SANDBOX_IDEMPOTENT": "true", "ACQUIRER_CALENDARS": ""}
    assert connectors.settings({}) == by_default
    monkeypatch.setenv("FARTHING_SANDBOX_IDEMPOTENT", "false")
    settings = connectors.settings(parameters("http://127.0.0.1:1", "http://127.0.0.1:2"))
    sandbox, *_ = connectors.declared(settings)
    assert not sandbox.capabilities.idempotent_by_reference


def test_a_calendar_is_checked_before_anything_is_deployed() -> None:
    calendar = "sandbox=Europe/Berlin,17:00,SAT,SUN"
    (sandbox, *_) = connectors.declared(connectors.settings({"AcquirerCalendars": calendar}))
    assert str(sandbox.capabilities.calendar) == "Europe/Berlin,17:00,SAT,SUN"
    for wrong, why in {"sandbox=Mars": "no time zone", "paypal=UTC": "no connector paypal"}.items():
        with pytest.raises(Failure, match=why):
            connectors.settings({"AcquirerCalendars": wrong})


def test_a_wrong_setting_or_environment_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARTHING_SANDBOX_IDEMPOTENT", "perhaps")
    with pytest.raises(Failure, match="true or false"):
        parameters("http://127.0.0.1:1", "http://127.0.0.1:2")
    with pytest.raises(Failure, match=r"no \[prdo\]"):
        connectors.configured("prdo")
