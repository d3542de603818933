"""What the operator of an installation takes of a merchant's captures: its fee plan.

A plan has rates by currency and card brand, `*` standing for all others. The most particular one
counts, the currency before the brand: `eur/amex`, then `eur/*`, then `*/amex`, then `*/*`. Without
any there is no fee.

A rate is a share of what is captured in parts per million (1.4 % is 14,000), rounded half to even
to the currency's minor unit, plus a fixed part in minor units, and at least a minimum. It may be
more than a small amount: then the merchant owes the rest. A refund gives no fee back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from farthing.cards import BRANDS
from farthing.money import AMOUNT_MINOR_MAX, EXPONENTS

ANY = "*"
PPM = 1_000_000
PPM_OF_A_PERCENT = 10_000
RATES_MAX = 40
"""All of them are in what the gateway keeps of a key, which holds 8 kB."""

_RATE = re.compile(r"(\d{1,3})(?:\.(\d{1,4}))?%(?:\+(\d{1,8}))?(?:,min=(\d{1,8}))?")


@dataclass(frozen=True)
class Rate:
    """`rate_ppm` of an amount and `fixed_cents` on top, at least `minimum_cents`.

    Raises ValueError for what is negative or more than all of it.
    """

    rate_ppm: int = 0
    fixed_cents: int = 0
    minimum_cents: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.rate_ppm <= PPM:
            raise ValueError("a rate is from 0% to 100%")
        for cents in (self.fixed_cents, self.minimum_cents):
            if not 0 <= cents <= AMOUNT_MINOR_MAX:
                raise ValueError(f"a fixed part and a minimum are from 0 to {AMOUNT_MINOR_MAX}")

    def fee_of(self, amount_cents: int) -> int:
        """The fee of a capture, in the same minor unit."""
        share, rest = divmod(amount_cents * self.rate_ppm, PPM)
        up = 2 * rest > PPM or (2 * rest == PPM and share % 2 == 1)
        return max(share + up + self.fixed_cents, self.minimum_cents)

    def __str__(self) -> str:
        percent, part = divmod(self.rate_ppm, PPM_OF_A_PERCENT)
        text = f"{percent}.{part:04d}".rstrip("0").rstrip(".") + "%"
        text += f"+{self.fixed_cents}" if self.fixed_cents else ""
        return text + (f",min={self.minimum_cents}" if self.minimum_cents else "")

    def to_item(self) -> list[int]:
        """As stored."""
        return [self.rate_ppm, self.fixed_cents, self.minimum_cents]

    @classmethod
    def parse(cls, text: str) -> Rate:
        """The rate of `1.4%+25,min=50`. Raises ValueError."""
        match = _RATE.fullmatch(text.replace(" ", ""))
        if match is None:
            raise ValueError(f"{text!r} is no rate: write it as 1.4%+25,min=50")
        percent, part, fixed, minimum = match.groups()
        ppm = int(percent) * PPM_OF_A_PERCENT + int((part or "").ljust(4, "0"))
        return cls(ppm, int(fixed or 0), int(minimum or 0))


@dataclass(frozen=True)
class FeeTerms:
    """The part of a plan that an operation is under, kept with it when it is begun: so whoever
    learns its outcome posts the same fee. By brand; `*` is that of all others."""

    version: int
    rates: Mapping[str, Rate]

    def fee_of(self, amount_cents: int, brand: str | None) -> int:
        """The fee of a capture, in the same minor unit."""
        rate = self.rates.get(brand or ANY, self.rates.get(ANY))
        return rate.fee_of(amount_cents) if rate is not None else 0

    def to_item(self) -> dict[str, Any]:
        """As kept with an operation."""
        rates = {brand: rate.to_item() for brand, rate in self.rates.items()}
        return {"version": self.version, "rates": rates}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> FeeTerms:
        """As read."""
        return cls(item["version"], {brand: Rate(*each) for brand, each in item["rates"].items()})


@dataclass(frozen=True)
class FeePlan:
    """A merchant's rates in one mode, by `currency/brand`. Each change is a version of its own."""

    version: int = 0
    rates: Mapping[str, Rate] = field(default_factory=dict)

    def rate(self, currency: str, brand: str | None) -> Rate | None:
        """The rate for a payment, None if there is no fee."""
        for of_currency in (currency, ANY):
            for of_brand in (brand or ANY, ANY):
                if (rate := self.rates.get(f"{of_currency}/{of_brand}")) is not None:
                    return rate
        return None

    def terms(self, currency: str, brand: str | None) -> FeeTerms | None:
        """What a payment is under; None if it has no fee whatever its brand.

        The brand of a card that we saw is decided now. That of a card in the acquirer's fields is
        known when its payment is approved, so its terms are by brand.
        """
        if brand is not None:
            rates = {ANY: self.rate(currency, brand)}
        else:
            brands = {ANY, *(key.partition("/")[2] for key in self.rates)}
            rates = {one: self.rate(currency, one) for one in brands}
        known = {one: rate for one, rate in rates.items() if rate is not None}
        return FeeTerms(self.version, known) if known else None

    def changed(self, rates: Mapping[str, Rate | None]) -> FeePlan:
        """The next version; None takes a rate away. Raises ValueError that says what may not be."""
        after = dict(self.rates)
        for key, rate in rates.items():
            currency, brand = parse_key(key)
            if rate is None:
                after.pop(f"{currency}/{brand}", None)
                continue
            if currency == ANY and (rate.fixed_cents or rate.minimum_cents):
                raise ValueError("a fixed part or a minimum is of one currency, and not of *")
            after[f"{currency}/{brand}"] = rate
        if len(after) > RATES_MAX:
            raise ValueError(f"a plan has at most {RATES_MAX} rates")
        return FeePlan(self.version + 1, after) if after != self.rates else self

    def to_item(self) -> dict[str, Any]:
        """As stored with the merchant."""
        return {
            "version": self.version,
            "rates": {key: rate.to_item() for key, rate in sorted(self.rates.items())},
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> FeePlan:
        """As read."""
        return cls(item["version"], {key: Rate(*each) for key, each in item["rates"].items()})


NO_FEES = FeePlan()


def parse_key(text: str) -> tuple[str, str]:
    """`eur`, `eur/visa`, `*/amex` or `*`: currency and brand. Raises ValueError."""
    currency, _, brand = text.lower().partition("/")
    brand = brand or ANY
    if currency != ANY and currency not in EXPONENTS:
        raise ValueError(f"{currency!r} is no currency of ISO 4217, and not {ANY}")
    if brand != ANY and brand not in BRANDS:
        raise ValueError(f"{brand!r} is no brand: {', '.join(sorted(BRANDS))}, or {ANY}")
    return currency, brand
