"""What the operator of a stack sets for a merchant: who takes its money, and how cards come in.

The authorizer reads it beside the key, and every request carries it: so a change is seen within the
minute for which the gateway keeps the authorizer's answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from farthing.access.fees import NO_FEES, FeePlan

ANY_CURRENCY = "*"
CONNECTORS_BY_DEFAULT: Mapping[str, Mapping[str, str]] = {"test": {ANY_CURRENCY: "sandbox"}}
"""Test keys reach the simulated acquirer. Live ones reach nobody until somebody says whom."""


class CardEntry(StrEnum):
    """Whose fields a card is typed into: ours, into our vault, or the acquirer's own."""

    OWN_VAULT = "OWN_VAULT"
    EXTERNAL = "EXTERNAL"


@dataclass(frozen=True)
class Settings:
    """What a request needs to know of its merchant, in its mode.

    `connectors` names the connector of each currency (lower case), `*` that of all others.
    `vault_key_id` is the merchant's own key for card numbers, None for the stack's. `name` and
    `colour` are what its payers see of it. `fees` is what we take of its captures.
    """

    connectors: Mapping[str, str] = field(default_factory=dict)
    card_entry: CardEntry = CardEntry.OWN_VAULT
    vault_key_id: str | None = None
    name: str = ""
    colour: str | None = None
    fees: FeePlan = NO_FEES

    def connector(self, currency: str) -> str | None:
        """Who takes this currency; None if nobody does."""
        return self.connectors.get(currency, self.connectors.get(ANY_CURRENCY))

    @classmethod
    def of_mode(cls, mode: str) -> Settings:
        """Those of a merchant for whom nobody has set anything."""
        return cls(CONNECTORS_BY_DEFAULT.get(mode, {}))

    def to_text(self) -> str:
        """As the authorizer hands it on: the gateway's context holds texts alone."""
        plain = {"connectors": dict(self.connectors), "fees": self.fees.to_item()}
        return json.dumps({**vars(self), **plain}, separators=(",", ":"))

    @classmethod
    def of_text(cls, text: str) -> Settings:
        """As the authorizer handed it on."""
        item = json.loads(text)
        known = {name: item[name] for name in cls.__dataclass_fields__ if name in item}
        fees = FeePlan.from_item(item["fees"]) if "fees" in item else NO_FEES
        return cls(**{**known, "card_entry": CardEntry(item["card_entry"]), "fees": fees})


@dataclass(frozen=True)
class Account:
    """A merchant as the access table has it.

    `origins` are the web origins that may embed the card fields. `colour` (`#rrggbb`) is for its
    hosted pages. `connectors` by mode; a mode that is missing has those of CONNECTORS_BY_DEFAULT.
    `left` are those, by mode, that no currency names any more: their money is settled all the same.
    `vault_key_since` is when it got that key. `fees` by mode; a mode that is missing has none. Once
    `closed_at`, none of its API keys works.
    """

    name: str
    created_at: str
    origins: tuple[str, ...] = ()
    colour: str | None = None
    card_entry: CardEntry = CardEntry.OWN_VAULT
    connectors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    vault_key_id: str | None = None
    vault_key_since: str | None = None
    closed_at: str | None = None
    fees: Mapping[str, FeePlan] = field(default_factory=dict)
    left: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def named(self, mode: str) -> Mapping[str, str]:
        """The connector of each currency in a mode."""
        return self.connectors.get(mode, CONNECTORS_BY_DEFAULT.get(mode, {}))

    def ever_named(self, mode: str) -> list[str]:
        """Every connector that may ever have taken money of this merchant in a mode."""
        return sorted({*self.named(mode).values(), *self.left.get(mode, ())})

    def settings(self, mode: str) -> Settings:
        """What a request in this mode needs to know."""
        named, fees = self.named(mode), self.fees.get(mode, NO_FEES)
        return Settings(named, self.card_entry, self.vault_key_id, self.name, self.colour, fees)

    def to_item(self) -> dict[str, Any]:
        """As stored."""
        fees = {mode: plan.to_item() for mode, plan in self.fees.items()}
        left = {mode: list(names) for mode, names in self.left.items()}
        return {
            "entity": "merchant",
            "name": self.name,
            "created_at": self.created_at,
            "origins": list(self.origins),
            "colour": self.colour,
            "card_entry": self.card_entry.value,
            "connectors": {mode: dict(named) for mode, named in self.connectors.items()},
            "vault_key_id": self.vault_key_id,
            # Absent rather than null: conditions ask for presence.
            **({"vault_key_since": self.vault_key_since} if self.vault_key_since else {}),
            **({"closed_at": self.closed_at} if self.closed_at else {}),
            **({"fees": fees} if fees else {}),
            **({"left": left} if left else {}),
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Account:
        """As read. What an older row does not say is as it was then."""
        return cls(
            name=item["name"],
            created_at=item["created_at"],
            origins=tuple(item.get("origins", ())),
            colour=item.get("colour"),
            card_entry=CardEntry(item.get("card_entry", CardEntry.OWN_VAULT)),
            connectors=item.get("connectors", {}),
            vault_key_id=item.get("vault_key_id"),
            vault_key_since=item.get("vault_key_since"),
            closed_at=item.get("closed_at"),
            fees={mode: FeePlan.from_item(plan) for mode, plan in item.get("fees", {}).items()},
            left=item.get("left", {}),
        )
