"""Which keys a caller may touch: its own merchant's, and nothing else.

The scope is made from the authenticated principal. Every call of the store passes its keys
through it, so a mistake in a use case cannot read across merchants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from farthing.store.errors import KeyOutsideScope


class Scope(Protocol):
    """Decides about partition keys."""

    def check(self, pk: str) -> None:
        """Raises KeyOutsideScope if `pk` is not the caller's."""
        ...


@dataclass(frozen=True)
class TenantScope:
    """One merchant in one mode: the only scope that a request from outside ever has."""

    merchant_id: str
    mode: str

    @property
    def prefix(self) -> str:
        """What every partition key of this tenant starts with."""
        return f"{self.merchant_id}#{self.mode}#"

    def pk(self, *parts: str) -> str:
        """A partition key of this tenant: `mer_…#test#PI#pi_…`."""
        return self.prefix + "#".join(parts)

    def check(self, pk: str) -> None:
        """Raises KeyOutsideScope if `pk` belongs to somebody else."""
        if not pk.startswith(self.prefix):
            raise KeyOutsideScope(f"a key outside {self.prefix}")


@dataclass(frozen=True)
class SystemScope:
    """Functions that no request reaches (streams, schedules, queues) work for every merchant."""

    def check(self, pk: str) -> None:
        """Every key is allowed."""
