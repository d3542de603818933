"""Stripe's minor units: ISO 4217's but for a few currencies. What does not fit is refused.

By its page on currencies: MGA has no minor unit there. ISK and UGX have two digits there, which are
always `00`. Currencies of three digits end with 0, and there are five of them.
"""

from __future__ import annotations

from farthing.money import EXPONENTS

AMOUNT_MAX = 99_999_999
"""Eight digits."""
TWO_DIGITS_MORE = frozenset({"isk", "ugx"})
TWO_DIGITS_LESS = frozenset({"mga"})
THREE_DIGITS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})


class NotRepresentable(ValueError):
    """Stripe cannot be asked for this amount. The text says why."""


def to_stripe(amount_cents: int, currency: str) -> int:
    """Our minor units in Stripe's. Raises NotRepresentable."""
    if currency in TWO_DIGITS_MORE:
        amount_cents *= 100
    elif currency in TWO_DIGITS_LESS:
        if amount_cents % 100:
            raise NotRepresentable(f"Stripe takes whole {currency} only: end with 00")
        amount_cents //= 100
    elif EXPONENTS[currency] == 3:
        if currency not in THREE_DIGITS:
            raise NotRepresentable(f"Stripe does not take {currency}")
        if amount_cents % 10:
            raise NotRepresentable(f"Stripe takes two digits of {currency} only: end with 0")
    if amount_cents > AMOUNT_MAX:
        raise NotRepresentable(f"Stripe takes eight digits at most, of {currency} too")
    return amount_cents


def from_stripe(amount: int, currency: str) -> int:
    """Stripe's minor units in ours. Raises NotRepresentable for what we could not have asked."""
    if currency in TWO_DIGITS_MORE:
        if amount % 100:
            raise NotRepresentable(f"a fraction of {currency}")
        return amount // 100
    return amount * 100 if currency in TWO_DIGITS_LESS else amount
