"""What a connector guarantees in this deployment, read from its settings once per process."""

from __future__ import annotations

from farthing import runtime
from farthing.acquiring.calendars import CALENDARS_SETTING
from farthing.acquiring.connectors import capabilities_of
from farthing.acquiring.port import Capabilities
from farthing.acquiring.sandbox import IDEMPOTENT_SETTING


def capabilities(name: str) -> Capabilities:
    """What the acquirer of a connector guarantees here. Raises UnsafeConnector."""
    settings = {
        IDEMPOTENT_SETTING: runtime.setting(IDEMPOTENT_SETTING, "true"),
        CALENDARS_SETTING: runtime.setting(CALENDARS_SETTING, ""),
    }
    return runtime.once(("capabilities", name), lambda: capabilities_of(name, settings))
