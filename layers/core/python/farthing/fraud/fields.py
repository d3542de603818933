"""What a rule may ask about a payment: the names, their types, and what each type can be asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from farthing.fraud.window import FAILURES_KEPT

Value = int | str | bool | None
"""None is: not known. Nothing but `is_unknown` is true of it."""

TEXT_LENGTH_MAX = 253


class Operator(StrEnum):
    """What is asked."""

    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"
    EQ = "eq"
    NE = "ne"
    IN = "in"
    NOT_IN = "not_in"
    IS_KNOWN = "is_known"
    IS_UNKNOWN = "is_unknown"


ORDER = frozenset({Operator.GT, Operator.GE, Operator.LT, Operator.LE})
SAME = frozenset({Operator.EQ, Operator.NE})
AMONG = frozenset({Operator.IN, Operator.NOT_IN})
KNOWN = frozenset({Operator.IS_KNOWN, Operator.IS_UNKNOWN})


class Type(StrEnum):
    """What a field holds. MONEY is compared with an amount for each currency, and with none in any
    other. COUNT is exact up to four and says four for more."""

    MONEY = "MONEY"
    COUNT = "COUNT"
    INTEGER = "INTEGER"
    TEXT = "TEXT"
    BOOLEAN = "BOOLEAN"


OPERATORS: Mapping[Type, frozenset[Operator]] = {
    Type.MONEY: ORDER,
    Type.COUNT: frozenset({Operator.GT, Operator.GE}) | KNOWN,
    Type.INTEGER: ORDER | SAME | AMONG | KNOWN,
    Type.TEXT: SAME | AMONG | KNOWN,
    Type.BOOLEAN: SAME | KNOWN,
}

COUNT_MAX: Mapping[Operator, int] = {
    Operator.GT: FAILURES_KEPT - 1,
    Operator.GE: FAILURES_KEPT,
}
"""A larger number is never reached, so the rule would never fire."""


@dataclass(frozen=True)
class Field:
    """A field: its type, what it says, and the form of its values if they are text."""

    type: Type
    says: str
    form: str = r"\S(.*\S)?"
    form_says: str = "a text"

    def takes(self, text: str) -> bool:
        """Whether a value can ever be this text."""
        return len(text) <= TEXT_LENGTH_MAX and re.fullmatch(self.form, text) is not None


COUNTRY = r"[A-Z]{2}", "two capital letters (ISO 3166-1)"
CURRENCY = r"[a-z]{3}", "three small letters (ISO 4217)"
DOMAIN = r"[a-z0-9-]+(\.[a-z0-9-]+)+", "a domain in small letters"
BIN = r"[0-9]{1,6}", "at most six digits"

FIELDS: Mapping[str, Field] = {
    "amount_cents": Field(Type.MONEY, "the amount, in the currency's minor unit"),
    "currency": Field(Type.TEXT, "the currency", *CURRENCY),
    "card_brand": Field(Type.TEXT, "the card's scheme"),
    "card_bin": Field(Type.TEXT, "the first digits of the card", *BIN),
    "card_failures_10m": Field(Type.COUNT, "tries of the card in 10 minutes, failed or in flight"),
    "card_failures_1h": Field(Type.COUNT, "tries of the card in an hour, failed or in flight"),
    "ip_failures_10m": Field(Type.COUNT, "tries from the address in 10 minutes, likewise"),
    "card_is_new": Field(Type.BOOLEAN, "whether the card has never paid here"),
    "billing_country": Field(Type.TEXT, "the country of the billing address", *COUNTRY),
    "ip_country": Field(Type.TEXT, "the country of the address", *COUNTRY),
    "countries_match": Field(Type.BOOLEAN, "whether these two are the same"),
    "email_domain": Field(Type.TEXT, "the customer's e-mail after the @", *DOMAIN),
    "customer_payments": Field(Type.INTEGER, "the customer's payments in the currency, up to 25"),
    "amount_percent_of_median": Field(
        Type.INTEGER, "the amount in percent of the customer's median; unknown below 5 payments"
    ),
}
