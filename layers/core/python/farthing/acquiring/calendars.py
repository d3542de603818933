"""The calendar of each acquirer, as the deployment sets it."""

from __future__ import annotations

from collections.abc import Mapping

from farthing.business_calendar import UTC_DAYS, Calendar, calendars_in

CALENDARS_SETTING = "ACQUIRER_CALENDARS"


def calendar_of(acquirer: str, settings: Mapping[str, str]) -> Calendar:
    """How an acquirer counts its days: by UTC unless it is set. Raises WrongCalendar."""
    return calendars_in(settings.get(CALENDARS_SETTING, "")).get(acquirer, UTC_DAYS)
