"""Which payment methods a customer has, and which of them is the default.

Invariant: there is exactly one default while there is a method, and none while there is none.
Both stand in the customer's row, which is written on the condition that its version is still the
one that was read. So changes of one customer's methods follow one another, each of them starts
from what the one before left, and the invariant holds after any number of them at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from farthing.errors import invalid

METHODS_PER_CUSTOMER_MAX = 100


@dataclass(frozen=True)
class SavedMethods:
    """Ids in the order of saving, and the default among them."""

    ids: tuple[str, ...] = ()
    default_id: str | None = None

    def __post_init__(self) -> None:
        if len(set(self.ids)) != len(self.ids):
            raise ValueError("a payment method is saved once")
        if (self.default_id in self.ids) != bool(self.ids):
            raise ValueError("exactly one default while there are methods")
        if not self.ids and self.default_id is not None:
            raise ValueError("no default without methods")

    def attach(self, method_id: str, *, as_default: bool) -> SavedMethods:
        """With one more. The first is the default, whether asked for or not."""
        if len(self.ids) >= METHODS_PER_CUSTOMER_MAX:
            raise invalid(
                "customer_id", f"has {METHODS_PER_CUSTOMER_MAX} payment methods; delete one first"
            )
        first = not self.ids
        default_id = method_id if first or as_default else self.default_id
        return SavedMethods((*self.ids, method_id), default_id)

    def detach(self, method_id: str) -> SavedMethods:
        """Without one. If it was the default, the newest of the rest is."""
        left = tuple(id_ for id_ in self.ids if id_ != method_id)
        default_id = self.default_id
        if default_id == method_id:
            default_id = left[-1] if left else None
        return SavedMethods(left, default_id)

    def prefer(self, method_id: str) -> SavedMethods:
        """With another default."""
        return SavedMethods(self.ids, method_id)
