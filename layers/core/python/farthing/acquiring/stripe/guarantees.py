"""What Stripe guarantees, by its documentation, and what follows for recovery.

An authorization is two requests. The first opens a PaymentIntent under our reference and moves
nothing; the second confirms it. So asking the first one again, with the same idempotency key, says
which PaymentIntent the reference has, and makes an idle one if it had none: the PaymentIntent's own
state then says what became of the confirmation, without any lag. It can be charged once, and once
cancelled never again: cancelling it is a reversal that nothing can overtake.

Stripe promises to know an idempotency key for 24 hours. After that a payment is found by what it is
or by search, which may be an hour behind in an outage: so it is believed later still.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from farthing.acquiring.calendars import calendar_of
from farthing.acquiring.port import Capabilities

API_URL = "https://api.stripe.com"
API_VERSION = "2026-06-24.dahlia"
"""Pinned in each request, so that what an account's dashboard says does not change our answers."""

HOUR = 60 * 60
ANSWER_TIMEOUT_SECONDS = 15
PREPARE_TIMEOUT_SECONDS = 4
"""For each request that only prepares; all of them and the last one share the 15 seconds."""
MOVE_SECONDS_MIN = 6
"""With less time left after preparing, the request that moves money is not sent."""
LOOK_UP_TIMEOUT_SECONDS = 5
ANSWER_BYTES_MAX = 1024 * 1024
"""Room for a page of forty PaymentIntents with their charges, or of a hundred refunds."""

OPEN_AGAIN_SECONDS = 23 * HOUR
"""So long after the operation began its PaymentIntent is asked for by opening it again."""
SEARCH_TELLS_SECONDS = 26 * HOUR
"""From then on a search that finds nothing is believed: nobody opens anything any more for three
hours, and search is an hour behind at most."""

CAPABILITIES = Capabilities(
    idempotent_by_reference=True,
    key_retention_seconds=24 * HOUR,
    lookup_by_reference=True,
    lookup_lag_seconds=0,
    reversal_by_reference=True,
    max_flight_seconds=60,
    reference_length_max=200,
    timeout_seconds=ANSWER_TIMEOUT_SECONDS,
    clock_skew_seconds=5,
)
"""Flight time and skew are not documented: assumed, with what our own limits leave room for."""


def declared(settings: Mapping[str, str]) -> Capabilities:
    """The same in every deployment, but for the days that its balance is read by."""
    return replace(CAPABILITIES, calendar=calendar_of("stripe", settings))
