"""The authenticated caller: merchant, mode and scopes, taken from the key and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from farthing.access.account import Settings
from farthing.store.scope import TenantScope


class Mode(StrEnum):
    """Test moves no money and reaches only the sandbox acquirer; live moves money."""

    TEST = "test"
    LIVE = "live"


class KeyKind(StrEnum):
    """A secret key acts for the merchant; a publishable one may only create tokens."""

    SECRET = "SECRET"
    PUBLISHABLE = "PUBLISHABLE"


@dataclass(frozen=True)
class Principal:
    """Made by the authorizer; every key of the store starts with its merchant and mode."""

    merchant_id: str
    mode: Mode
    kind: KeyKind
    key_id: str
    scopes: frozenset[str]
    settings: Settings = field(default_factory=Settings)

    @property
    def tenant(self) -> TenantScope:
        """The only keys that this caller can reach."""
        return TenantScope(self.merchant_id, self.mode.value)

    @property
    def livemode(self) -> bool:
        """As the API shows it."""
        return self.mode is Mode.LIVE
