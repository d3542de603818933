"""Payments of people who do not exist, and of those who attack them: to train and try rules on.

Customers have a home, a few addresses, shops they like, and amounts that are usual for them; now
and then they travel, buy something large, or are declined. `attacks` adds what goes wrong. A fraud
is told of one to six weeks later, some never; and some honest payments are disputed all the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random

from farthing.fraud.model.features import Payment
from farthing.fraud.model.history import DAY, HOUR
from farthing_cli.fraud.dataset import Labelled

START: int = 1_767_225_600  # 2026-01-01
COUNTRIES = {"de": 40, "fr": 18, "nl": 12, "at": 10, "it": 8, "es": 6, "us": 3, "gb": 3}
PAYMENTS_A_DAY_MEAN = 0.5
DECLINED_SHARE = 0.03
LARGE_SHARE = 0.006
TRAVELLING_SHARE = 0.02
UNTOLD_SHARE = 0.03
DISPUTED_SHARE = 0.0003


@dataclass
class Person:
    """A customer. `shops` are the terminals that they like."""

    name: str
    country: str
    card: str
    ips: list[str]
    shops: list[int]
    typical_cents: float
    spread: float
    a_day: float
    wakes: float


@dataclass
class Town:
    """Everyone and everything, and the dice that they are made with."""

    dice: Random
    days: int
    people: list[Person] = field(default_factory=list)
    shop_levels: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, seed: int, days: int, people: int) -> Town:
        """The same seed makes the same town."""
        town = cls(Random(seed), days)
        town.shop_levels = [town.dice.lognormvariate(0, 0.5) for _ in range(max(20, people // 20))]
        town.people = [town._person(number) for number in range(people)]
        return town

    def country(self) -> str:
        """Where somebody may live."""
        return self.dice.choices(list(COUNTRIES), list(COUNTRIES.values()))[0]

    def ip(self, country: str) -> str:
        """An address that nobody else has: a text is enough, it is never looked up."""
        return f"{country}-{self.dice.getrandbits(40):010x}"

    def new_card(self) -> str:
        """A card that was not seen before."""
        return f"card_{self.dice.getrandbits(48):012x}"

    def moment(self, hour: float, deviation: float) -> int:
        """Seconds into a day, around an hour."""
        return int(self.dice.gauss(hour, deviation) % 24 * HOUR)

    def _person(self, number: int) -> Person:
        dice, country = self.dice, self.country()
        return Person(
            f"cus_{number}",
            country,
            self.new_card(),
            [self.ip(country) for _ in range(dice.randint(1, 3))],
            dice.choices(range(len(self.shop_levels)), k=dice.randint(3, 8)),
            dice.lognormvariate(math.log(3500), 0.8),
            dice.uniform(0.25, 0.6),
            dice.expovariate(1 / PAYMENTS_A_DAY_MEAN),
            dice.gauss(14, 2),
        )


@dataclass(frozen=True)
class Attack:
    """An attack's payments are fraud, whether they fail or not."""

    at: int
    amount_cents: int
    person: Person
    shop: int
    ip: str
    ip_country: str
    fails: float


def simulate(
    seed: int = 1, days: int = 120, people: int = 4000, *, terminals: bool = True
) -> list[Labelled]:
    """All payments, in the order of time. Without terminals the same people pay online: there is
    none to be known by, and none that is compromised."""
    town = Town.of(seed, days, people)
    found = [one for person in town.people for one in _honest(town, person)]
    for kind, per_thousand_a_day in ATTACKS.items():
        expected = per_thousand_a_day * people / 1000 * days
        for _ in range(round(expected)):
            begins = START + int(town.dice.uniform(0, days) * DAY)
            found += [_attempt(town, one) for one in kind(town, begins)]
    if terminals:
        found += _bad_terminals(town, found)
    else:
        found = [one._replace(payment=replace(one.payment, terminal=None)) for one in found]
    found = [one for one in found if one.payment.at < START + days * DAY]
    found.sort(key=lambda one: one.payment.at)
    return [one._replace(id=f"pi_{number}") for number, one in enumerate(found, 1)]


# --- honest people -------------------------------------------------------------------------------


def _honest(town: Town, person: Person) -> Iterator[Labelled]:
    dice, away = town.dice, ""
    for day in range(town.days):
        if dice.random() < (0.2 if away else TRAVELLING_SHARE / 5):
            away = "" if away else town.country()
        chance = person.a_day
        while dice.random() < chance / (1 + chance):
            at = START + day * DAY + town.moment(person.wakes, 3.5)
            liked = dice.random() < 0.8
            shop = dice.choice(person.shops) if liked else dice.randrange(len(town.shop_levels))
            cents = person.typical_cents * town.shop_levels[shop]
            cents *= dice.lognormvariate(0, person.spread)
            if dice.random() < LARGE_SHARE:
                cents *= dice.uniform(3, 9)
            country = away or person.country
            fresh = away or dice.random() < 0.15
            ip = town.ip(country) if fresh else dice.choice(person.ips)
            yield from _tries(town, person, shop, at, max(int(cents), 50), ip, country)


def _tries(
    town: Town, person: Person, shop: int, at: int, cents: int, ip: str, country: str
) -> Iterator[Labelled]:
    """Once, and again a minute later while it is declined and patience lasts."""
    for number in range(3):
        failed = town.dice.random() < (DECLINED_SHARE if number == 0 else 0.4)
        when = at + number * town.dice.randint(30, 120)
        paid = _payment(person, shop, when, cents, ip, country)
        disputed = not failed and town.dice.random() < DISPUTED_SHARE
        told = when + _weeks(town) if disputed else None
        yield Labelled(paid, disputed, failed, told)
        if not failed:
            return


# --- attacks -------------------------------------------------------------------------------------


def card_testing(town: Town, at: int) -> Iterator[Attack]:
    """Stolen numbers are tried with small amounts at one shop, from a few addresses."""
    dice = town.dice
    shop, country = dice.randrange(len(town.shop_levels)), town.country()
    ips = [town.ip(country) for _ in range(dice.randint(1, 3))]
    for _ in range(dice.randint(15, 60)):
        at += dice.randint(5, 90)
        card, home = town.new_card(), town.country()
        nobody = Person(card, home, card, [], [], 0, 0, 0, 0)
        yield Attack(at, dice.randint(50, 900), nobody, shop, dice.choice(ips), country, 0.8)


def stolen_card(town: Town, at: int) -> Iterator[Attack]:
    """A card is emptied in some days, mostly from abroad, until its owner notices."""
    dice, victim = town.dice, town.dice.choice(town.people)
    country = victim.country if dice.random() < 0.3 else town.country()
    ip = town.ip(country)
    for _ in range(dice.randint(2, 8)):
        at += int(dice.expovariate(1 / (6 * HOUR)))
        cents = max(100, int(victim.typical_cents * dice.lognormvariate(math.log(3.5), 0.6)))
        shop = dice.randrange(len(town.shop_levels))
        yield Attack(at, cents, victim, shop, ip, country, 0.25)


def account_takeover(town: Town, at: int) -> Iterator[Attack]:
    """Somebody else has a customer's password, and buys a few things at once where they buy."""
    dice, victim = town.dice, town.dice.choice(town.people)
    country = victim.country if dice.random() < 0.6 else town.country()
    ip = town.ip(country)
    for _ in range(dice.randint(1, 5)):
        at += dice.randint(60, 2 * HOUR)
        cents = max(100, int(victim.typical_cents * dice.lognormvariate(math.log(2.5), 0.5)))
        yield Attack(at, cents, victim, dice.choice(victim.shops), ip, country, 0.1)


ATTACKS: dict[Callable[[Town, int], Iterator[Attack]], float] = {
    card_testing: 0.05,
    stolen_card: 0.3,
    account_takeover: 0.3,
}
"""What happens, and how often to a thousand customers a day."""

BAD_TERMINALS_PER_30_DAYS = 0.03
BAD_SHARE = 0.6


def _bad_terminals(town: Town, honest: list[Labelled]) -> list[Labelled]:
    """For some weeks most payments at a terminal are followed by one that nobody made."""
    dice, found = town.dice, list[Labelled]()
    count = round(BAD_TERMINALS_PER_30_DAYS * len(town.shop_levels) * town.days / 30)
    for shop in dice.sample(range(len(town.shop_levels)), min(count, len(town.shop_levels))):
        begins = START + int(dice.uniform(0, town.days) * DAY)
        ends = begins + dice.randint(14, 28) * DAY
        for one in honest:
            paid = one.payment
            if paid.terminal != f"shop_{shop}" or not begins <= paid.at < ends:
                continue
            if one.fraud or one.failed or dice.random() > BAD_SHARE:
                continue
            cents = int(paid.amount_cents * dice.uniform(0.6, 1.6)) + 50
            again = Payment(
                paid.at + dice.randint(HOUR, DAY),
                cents,
                paid.customer,
                paid.terminal,
                paid.card,
                paid.ip,
                paid.card_country,
                paid.ip_country,
            )
            found.append(_told(town, again, failed=False))
    return found


def _attempt(town: Town, attack: Attack) -> Labelled:
    paid = _payment(
        attack.person, attack.shop, attack.at, attack.amount_cents, attack.ip, attack.ip_country
    )
    return _told(town, paid, failed=town.dice.random() < attack.fails)


def _told(town: Town, paid: Payment, *, failed: bool) -> Labelled:
    told = town.dice.random() >= UNTOLD_SHARE
    return Labelled(paid, told, failed, paid.at + _weeks(town) if told else None)


def _weeks(town: Town) -> int:
    """How long it takes until a payment is disputed."""
    return int(min(7 + town.dice.expovariate(1 / 7), 42) * DAY)


def _payment(person: Person, shop: int, at: int, cents: int, ip: str, country: str) -> Payment:
    where = f"shop_{shop}"
    return Payment(at, cents, person.name, where, person.card, ip, person.country, country)
