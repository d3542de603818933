"""Telling what is new of an endpoint: as an event in the feed, and where it matters to people too.

    transaction that makes it true ── row in the due index ──► event placed, sent on ──► row gone
                                            │ the process died: the next minute's tick

The event has one id and is placed once, whoever tells it how often. A notice may come twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from farthing.store import ConditionFailed
from farthing.store.port import Store
from farthing.webhooks.due import Run, due, take
from farthing.webhooks.endpoint_news import EndpointNews, What
from farthing.webhooks.events import find
from farthing.webhooks.feed import PlacedEvent
from farthing.webhooks.keys import NEWS_DUE_PK, TABLE, placed_key
from farthing.webhooks.notices import Notice, Notices
from farthing.webhooks.outbox import FeedContended, Outbox, place_event
from farthing.webhooks.ports import Queue

AGAIN_SECONDS = 5 * 60
"""When news comes up again that could not be told."""

TOLD_MAX = 100
"""In one tick."""

STOP_SECONDS = 10
"""With less than this left, the rest waits for the next minute."""

PLACE_TRIES_MAX = 10
"""How often other news of the same endpoint may come first."""


@dataclass(frozen=True)
class Services(Run):
    """Every merchant's news, for one run."""

    notices: Notices


class NewsIncomplete(Exception):
    """Some news could not be told. It comes up again; somebody should look."""


def tell(store: Store, queue: Queue, now: datetime, news: EndpointNews) -> None:
    """Place the event and send it to the endpoints that get it. Does no harm done again."""
    placed = _placed(store, news, now)
    Outbox(store, queue, now).fan_out(news.tenant, placed)


def done_with(store: Store, news: EndpointNews) -> None:
    """Nobody needs to tell it any more."""
    try:
        store.write(news.told())
    except ConditionFailed:
        return  # somebody else told it too


def tell_due(services: Services) -> int:
    """Tell what is left to be told, the longest waiting first. Returns how much.

    Raises NewsIncomplete, after all others, if some could not be.
    """
    told = failed = 0
    for row in due(services.store, TABLE, NEWS_DUE_PK, services.now, TOLD_MAX):
        if services.seconds_left() < STOP_SECONDS:
            break
        try:
            if take(services.store, TABLE, row, services.now, AGAIN_SECONDS):
                _tell_whole(services, EndpointNews.of(row))
                told += 1
        except Exception as error:  # noqa: BLE001 - one row must not stop the others
            services.log_failure(error)
            failed += 1
    if failed:
        raise NewsIncomplete(f"{failed} beside {told}")
    return told


def _tell_whole(services: Services, news: EndpointNews) -> None:
    tell(services.store, services.queue, services.now, news)
    if news.what is What.DISABLED:
        services.notices.publish(_notice(news))
    done_with(services.store, news)


def _notice(news: EndpointNews) -> Notice:
    tenant, reason = news.tenant, str(news.shown["disabled_reason"])
    return Notice(tenant.merchant_id, tenant.mode, news.endpoint_id, reason, news.at)


def _placed(store: Store, news: EndpointNews, now: datetime) -> PlacedEvent:
    """The event at its place in the feed, which it gets if it has none.

    How far the endpoint's events are is read before it is asked whether this one is among them: if
    another teller places it in between, the number is an old one, and place_event does nothing.
    """
    for _ in range(PLACE_TRIES_MAX):
        progress = store.get(placed_key(news.tenant, news.endpoint_id))
        found = find(store, news.tenant, news.event_id)
        if found is not None:
            return found
        sequence = (progress["sequence"] if progress else 0) + 1
        place_event(store, news.tenant, news.event(sequence), now)
    raise FeedContended(news.event_id)
