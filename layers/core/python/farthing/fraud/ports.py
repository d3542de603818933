"""What a decision needs beside the payment's facts and rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from farthing.fraud.facts import Known
from farthing.fraud.rules import RuleSet
from farthing.fraud.signals import Scored
from farthing.store import Item


@dataclass(frozen=True)
class Fraud:
    """One merchant's view of it, for one request. None of these raises, and none reads a table but
    `model`, when a warm process meets a model for the first time.

    `rules` and `model` take the row that says what is in force, None if nothing was ever chosen.
    """

    rules: Callable[[Item | None], RuleSet]
    model: Callable[[Item | None, Known], Scored | None]
    """What the model in force says of a payment; None if there is none."""
    country: Callable[[str | None], str | None]
    """The country of a payer's address, two capital letters; None if nobody knows."""
