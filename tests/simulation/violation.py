"""What a simulation looks for: a fact that contradicts an invariant."""

from __future__ import annotations


class Violation(BaseException):
    """An invariant is broken. Not an Exception: no code of the product may survive it.

    `invariant` is the number in section 12 of the design, `subject` the payment (or what else it
    is about), `facts` what contradicts what.
    """

    def __init__(self, invariant: int, subject: str, facts: str) -> None:
        super().__init__(f"invariant {invariant}, {subject}: {facts}")
        self.invariant = invariant
        self.subject = subject
        self.facts = facts
