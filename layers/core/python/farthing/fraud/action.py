"""What may become of a payment before it is sent."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """ALLOW sends; REVIEW asks a person before money is taken; BLOCK fails the payment before
    anything is sent."""

    ALLOW = "ALLOW"
    REVIEW = "REVIEW"
    BLOCK = "BLOCK"
