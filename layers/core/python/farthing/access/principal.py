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
    """For whom a key acts: the merchant, everybody who sees its pages, or one session's payer.

    What each may call is said in `routes`.
    """

    SECRET = "SECRET"
    PUBLISHABLE = "PUBLISHABLE"
    CHECKOUT = "CHECKOUT"


@dataclass(frozen=True)
class Principal:
    """Made by the authorizer; every key of the store starts with its merchant and mode.

    `session_id` is the one checkout session that a CHECKOUT key is for; no other key has one.
    """

    merchant_id: str
    mode: Mode
    kind: KeyKind
    key_id: str
    scopes: frozenset[str]
    settings: Settings = field(default_factory=Settings)
    session_id: str | None = None

    def __post_init__(self) -> None:
        if (self.kind is KeyKind.CHECKOUT) != (self.session_id is not None):
            raise ValueError("a key is for one checkout session, or for none")

    @property
    def tenant(self) -> TenantScope:
        """The only keys that this caller can reach."""
        return TenantScope(self.merchant_id, self.mode.value)

    @property
    def livemode(self) -> bool:
        """As the API shows it."""
        return self.mode is Mode.LIVE
