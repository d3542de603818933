"""What is remembered of a customer, a terminal, a card and an address: a little, in whole numbers.

A payment changes each of its four once, after its row was made. A state is a plain item between two
payments (`to_item`, `of`), so a table that keeps it and a replay that keeps it in memory hold the
same thing.

No label counts before its payment is LABEL_DELAY old: a charge that is disputed later looks good
for weeks, and a model that learned from younger labels would expect what it never gets.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, Final

HOUR: Final = 3600
DAY: Final = 24 * HOUR
LABEL_DELAY_SECONDS: Final = 7 * DAY

RECENT_MAX: Final = 64
"""Payments of a customer whose time and amount are remembered."""
USUAL_MAX: Final = 256
"""After so many payments what a customer usually pays forgets the older half."""
USUAL_MIN: Final = 3
"""With fewer payments nothing is unusual yet."""
ANOMALOUS_RATIO: Final = 2.25
"""A payment of so many times what is usual is anomalous."""
ANOMALIES_MAX: Final = 16
ANOMALY_WINDOW_SECONDS: Final = 14 * DAY
FAILURES_MAX: Final = 4
CARDS_MAX: Final = 16
IPS_MAX: Final = 4

BUCKET_SECONDS: Final = 6 * HOUR
"""A terminal's payments are counted by so much time."""
BUCKETS_SECONDS: Final = 42 * DAY
"""For so long."""

Item = dict[str, Any]


class Customer:
    """Who pays: what is usual for them, and what was not."""

    __slots__ = (
        "amounts",
        "anomalies",
        "anomaly_percents",
        "ips",
        "normal",
        "normal_squares",
        "normal_sum",
        "times",
    )

    def __init__(self, item: Item | None = None) -> None:
        item = item or {}
        self.times = _whole(item, "times")
        self.amounts = _whole(item, "amounts")
        self.normal: int = int(item.get("normal", 0))
        self.normal_sum: int = int(item.get("normal_sum", 0))
        self.normal_squares: int = int(item.get("normal_squares", 0))
        self.anomalies = _whole(item, "anomalies")
        self.anomaly_percents = _whole(item, "anomaly_percents")
        self.ips: list[str] = list(item.get("ips", ()))

    def to_item(self) -> Item:
        """As it is kept."""
        return {name: getattr(self, name) for name in self.__slots__}

    def usual_cents(self) -> float | None:
        """The mean of the payments that were not anomalous; None before there are enough."""
        return self.normal_sum / self.normal if self.normal >= USUAL_MIN else None

    def spread_cents(self) -> float:
        """The standard deviation of those."""
        squares = self.normal * self.normal_squares - self.normal_sum**2
        return float(max(squares, 0) ** 0.5) / self.normal

    def is_anomalous(self, amount_cents: int) -> bool:
        """Whether this would be far above what is usual."""
        usual = self.usual_cents()
        return usual is not None and amount_cents > ANOMALOUS_RATIO * usual

    def since(self, at: int, seconds: int) -> int:
        """How many of the remembered payments were made within the last `seconds`."""
        return len(self.times) - bisect_left(self.times, at - seconds + 1)

    def paid(self, at: int, amount_cents: int, ip: str | None) -> None:
        """One more payment, at its place in time: it may be told after a later one."""
        if self.is_anomalous(amount_cents):
            percent = 100 * amount_cents * self.normal // max(self.normal_sum, 1)
            _insert(self.anomalies, self.anomaly_percents, at, percent, ANOMALIES_MAX)
        else:
            self.normal += 1
            self.normal_sum += amount_cents
            self.normal_squares += amount_cents**2
            if self.normal >= USUAL_MAX:
                self.normal //= 2
                self.normal_sum //= 2
                self.normal_squares //= 2
        _insert(self.times, self.amounts, at, amount_cents, RECENT_MAX)
        if ip is not None and ip not in self.ips:
            _push(self.ips, ip, IPS_MAX)


class Terminal:
    """Where is paid: a merchant, or one of its points of sale. Payments and frauds by time.

    `lasts` says how long after its start a bucket's last payment was: its labels count once that is
    old enough, and not when the bucket's whole time is. Where little is paid, this is hours sooner.
    """

    __slots__ = ("counts", "frauds", "lasts", "starts")

    def __init__(self, item: Item | None = None) -> None:
        item = item or {}
        self.starts = _whole(item, "starts")
        self.lasts = _whole(item, "lasts")
        self.counts = _whole(item, "counts")
        self.frauds = _whole(item, "frauds")

    def to_item(self) -> Item:
        """As it is kept."""
        return {name: getattr(self, name) for name in self.__slots__}

    def paid(self, at: int) -> None:
        """One more payment."""
        start = at - at % BUCKET_SECONDS
        if self.starts and self.starts[-1] >= start:
            self.counts[-1] += 1
            self.lasts[-1] = max(self.lasts[-1], at - self.starts[-1])
            return
        self.starts.append(start)
        self.lasts.append(at - start)
        self.counts.append(1)
        self.frauds.append(0)
        old = bisect_left(self.starts, at - BUCKETS_SECONDS)
        del self.starts[:old], self.lasts[:old], self.counts[:old], self.frauds[:old]

    def defrauded(self, paid_at: int) -> None:
        """A payment of then was fraud. It counts as soon as it is old enough, not before."""
        start = paid_at - paid_at % BUCKET_SECONDS
        at = bisect_left(self.starts, start)
        if at < len(self.starts) and self.starts[at] == start:
            self.frauds[at] = min(self.frauds[at] + 1, self.counts[at])

    def aged(self, at: int) -> int:
        """How many of the buckets are so old that their labels count."""
        known_until = at - LABEL_DELAY_SECONDS
        begun = bisect_right(self.starts, known_until)
        if begun and self.starts[begun - 1] + self.lasts[begun - 1] > known_until:
            return begun - 1
        return begun


class Tries:
    """What was tried with a card or from an address: the last failures, and with which cards."""

    __slots__ = ("card_times", "cards", "failures")

    def __init__(self, item: Item | None = None) -> None:
        item = item or {}
        self.failures = _whole(item, "failures")
        self.cards: list[str] = list(item.get("cards", ()))
        self.card_times = _whole(item, "card_times")

    def to_item(self) -> Item:
        """As it is kept."""
        return {name: getattr(self, name) for name in self.__slots__}

    def failures_since(self, at: int, seconds: int) -> int:
        """How many of the remembered failures happened within the last `seconds`."""
        return sum(failure > at - seconds for failure in self.failures)

    def cards_since(self, at: int, seconds: int) -> int:
        """How many different cards were tried within the last `seconds`."""
        return sum(tried > at - seconds for tried in self.card_times)

    def tried(self, at: int, card: str | None, *, failed: bool) -> None:
        """One more try."""
        if failed:
            _push(self.failures, at, FAILURES_MAX)
        if card is None:
            return
        if card in self.cards:
            known = self.cards.index(card)
            del self.cards[known], self.card_times[known]
        _push(self.cards, card, CARDS_MAX)
        _push(self.card_times, at, CARDS_MAX)


def median(values: Sequence[int]) -> float:
    """The middle one, or the mean of the two."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return float(ordered[half]) if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _whole(item: Item, name: str) -> list[int]:
    """A list of numbers, which a table may give back as another type than int."""
    return [int(value) for value in item.get(name, ())]


def _push(ring: list[Any], value: Any, at_most: int) -> None:
    ring.append(value)
    if len(ring) > at_most:
        del ring[0]


def _insert(times: list[int], values: list[int], at: int, value: int, at_most: int) -> None:
    """Both stay in the order of time, which windows are searched by; the newest are kept."""
    place = bisect_right(times, at)
    times.insert(place, at)
    values.insert(place, value)
    if len(times) > at_most:
        del times[0], values[0]
