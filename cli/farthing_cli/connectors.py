"""`farthing connectors`: what each acquirer guarantees, and whether that is enough for recovery.

It is asked before every deployment. A connector with which an unknown outcome could never be known,
or money be moved twice, is refused before anything runs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields

from rich.table import Table

from farthing.acquiring.calendars import CALENDARS_SETTING
from farthing.acquiring.connectors import CONNECTORS, UnsafeConnector, require_safe
from farthing.acquiring.port import Capabilities
from farthing.business_calendar import WrongCalendar, calendars_in
from farthing_cli import template
from farthing_cli.failure import Failure
from farthing_cli.project import ROOT, TEMPLATE

SAM_CONFIG = ROOT / "samconfig.toml"
SETTINGS = {"SandboxIdempotent": "SANDBOX_IDEMPOTENT", "AcquirerCalendars": "ACQUIRER_CALENDARS"}
"""The template's parameters on which a guarantee depends, and the settings that they become."""


@dataclass(frozen=True)
class Declared:
    """One connector, with what its acquirer guarantees and why that is not enough, if it is not."""

    name: str
    capabilities: Capabilities
    reasons: tuple[str, ...]


def declared(settings: Mapping[str, str]) -> list[Declared]:
    """Every connector under these settings."""
    found = []
    for name, declare in CONNECTORS.items():
        capabilities = declare(settings)
        try:
            require_safe(capabilities)
            reasons: tuple[str, ...] = ()
        except UnsafeConnector as unsafe:
            reasons = tuple(unsafe.reasons)
        found.append(Declared(name, capabilities, reasons))
    return found


def settings(chosen: Mapping[str, str]) -> dict[str, str]:
    """What the functions of a stack with these parameters would be told.

    Raises Failure for a calendar that is none, or of an acquirer that there is not.
    """
    parameters = template.load(TEMPLATE)["Parameters"]
    found = {
        setting: chosen.get(name, str(parameters[name]["Default"]))
        for name, setting in SETTINGS.items()
    }
    try:
        unknown = calendars_in(found[CALENDARS_SETTING]).keys() - CONNECTORS.keys()
    except WrongCalendar as error:
        raise Failure(f"AcquirerCalendars: {error}") from None
    if unknown:
        raise Failure(f"AcquirerCalendars: there is no connector {', '.join(sorted(unknown))}.")
    return found


def configured(environment: str) -> dict[str, str]:
    """The parameters that samconfig.toml sets for `sam deploy --config-env`.

    Raises Failure if it knows no such environment.
    """
    config = tomllib.loads(SAM_CONFIG.read_text())
    if environment not in config:
        raise Failure(f"samconfig.toml has no [{environment}].")
    overrides = config[environment].get("deploy", {}).get("parameters", {})
    pairs = (pair.split("=", 1) for pair in overrides.get("parameter_overrides", []))
    return {name: value for name, value in pairs}


def require_all_safe(chosen: Mapping[str, str]) -> None:
    """Raises Failure that names each unsafe connector and says why."""
    unsafe = [one for one in declared(settings(chosen)) if one.reasons]
    if unsafe:
        raise Failure("\n".join(f"{one.name}: {why}" for one in unsafe for why in one.reasons))


def table(rows: list[Declared]) -> Table:
    """A column for each connector, a row for each guarantee."""
    shown = Table("", *(row.name for row in rows))
    for guarantee in fields(Capabilities):
        values = (getattr(row.capabilities, guarantee.name) for row in rows)
        shown.add_row(guarantee.name, *map(_word, values))
    shown.add_section()
    shown.add_row("safe", *("[bold red]no[/]" if row.reasons else "[green]yes[/]" for row in rows))
    return shown


def _word(value: object) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
