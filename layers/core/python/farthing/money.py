"""Money: an integer count of a currency's minor unit. No float, no Decimal, ever.

Exponents are ISO 4217's: 2 unless listed. Fund and metal codes are left out, because
nobody can be charged in them.
"""

from __future__ import annotations

from dataclasses import dataclass

AMOUNT_MINOR_MIN = 1
AMOUNT_MINOR_MAX = 99_999_999

_NO_MINOR_UNIT = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
_TWO_DIGITS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF "
    "CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD "
    "HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA "
    "MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN "
    "QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP "
    "TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)

EXPONENTS: dict[str, int] = {
    **dict.fromkeys(_NO_MINOR_UNIT.lower().split(), 0),
    **dict.fromkeys(_TWO_DIGITS.lower().split(), 2),
    **dict.fromkeys(_THREE_DIGITS.lower().split(), 3),
}
"""Lower-case ISO 4217 code → number of digits after the decimal point."""


@dataclass(frozen=True, order=False)
class Money:
    """`minor` minor units of `currency` (lower-case ISO 4217). May be negative in a ledger."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"money is an int of minor units, not {type(self.minor).__name__}")
        if self.currency not in EXPONENTS:
            raise ValueError(f"not an ISO 4217 currency in lower case: {self.currency!r}")

    def __str__(self) -> str:
        digits = EXPONENTS[self.currency]
        whole, part = divmod(abs(self.minor), 10**digits)
        sign = "-" if self.minor < 0 else ""
        fraction = f".{part:0{digits}d}" if digits else ""
        return f"{sign}{whole}{fraction} {self.currency.upper()}"
