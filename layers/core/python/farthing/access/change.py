"""What an operator sets for a merchant: checked as a whole, then written over what was read.

Run by people who operate a stack, never by a request. Two of them at once do not undo each other:
a change is written only if the row still says what it was decided upon (MERCHANT_AS_READ).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from farthing.access.account import ANY_CURRENCY, Account, CardEntry
from farthing.access.keys import merchant_row
from farthing.access.origin import parse_origin
from farthing.access.principal import Mode
from farthing.cards import holds_pan
from farthing.clock import to_text
from farthing.money import EXPONENTS
from farthing.store.condition import Condition
from farthing.store.item import Item, Key
from farthing.store.port import Writes
from farthing.store.write import Update

NAME_LENGTH_MAX = 100
ORIGINS_MAX = 20
"""All of them stand in one header of the card frame."""

FOR_TEST_ALONE = frozenset({"sandbox"})
"""Connectors that move no money, and so must not seem to."""

NOT_REVOKED = Condition(
    "NOT_REVOKED", "attribute_exists(#pk) AND attribute_not_exists(#revoked_at)"
)

_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True)
class Change:
    """What is to be set. None leaves a thing as it is; an empty colour takes it away.

    `connectors` are those of `mode`, by currency; an empty name takes one away.
    """

    name: str | None = None
    origins: Sequence[str] | None = None
    colour: str | None = None
    card_entry: CardEntry | None = None
    mode: Mode = Mode.TEST
    connectors: Mapping[str, str] | None = None


def changed(account: Account, change: Change, known: Collection[str]) -> Account:
    """The account with the change. Raises ValueError that says what may not be.

    `known` are the names of the connectors that there are.
    """
    if change.name is not None:
        account = replace(account, name=_name(change.name))
    if change.origins is not None:
        account = replace(account, origins=_origins(change.origins))
    if change.colour is not None:
        account = replace(account, colour=_colour(change.colour))
    if change.card_entry is not None:
        account = replace(account, card_entry=change.card_entry)
    if change.connectors is not None:
        connectors = _connectors(account, change, known)
        left = _left(account, change.mode.value, connectors)
        account = replace(account, connectors=connectors, left=left)
    return account


def write_change(store: Writes, merchant_id: str, read: Item, account: Account) -> list[str]:
    """Write what differs from the row as it was read, and name it.

    Raises ConditionFailed if the row says something else by now.
    """
    wanted = account.to_item()
    differs = {name: value for name, value in wanted.items() if read.get(name) != value}
    if differs:
        when = merchant_as_read(read, wanted)
        store.write(Update(merchant_row(merchant_id), when=when, set=differs))
    return sorted(differs)


def merchant_as_read(read: Item, attributes: Iterable[str]) -> Condition:
    """The merchant's row still says what it said. Older rows lack some of the attributes."""
    there = [name for name in attributes if name in read]
    missing = [name for name in attributes if name not in read]
    parts = ["attribute_exists(#pk)", *(f"#{name} = :was_{name}" for name in there)]
    parts += [f"attribute_not_exists(#{name})" for name in missing]
    values = {f"was_{name}": read[name] for name in there}
    return Condition("MERCHANT_AS_READ", " AND ".join(parts), values)


def revoke_key(store: Writes, row: Key, now: datetime) -> None:
    """End a key. Raises ConditionFailed if it was ended before: that stays when it was."""
    store.write(Update(row, when=NOT_REVOKED, set={"revoked_at": to_text(now)}))


def _name(text: str) -> str:
    name = text.strip()
    if not 0 < len(name) <= NAME_LENGTH_MAX or not name.isprintable():
        raise ValueError(f"a name has 1 to {NAME_LENGTH_MAX} characters that can be shown")
    if holds_pan(name):
        raise ValueError("the name holds what looks like a card number")
    return name


def _origins(texts: Sequence[str]) -> tuple[str, ...]:
    origins = tuple(dict.fromkeys(parse_origin(text) for text in texts))
    if len(origins) > ORIGINS_MAX:
        raise ValueError(f"a merchant has at most {ORIGINS_MAX} origins")
    return origins


def _colour(text: str) -> str | None:
    if text == "":
        return None
    colour = text.lower()
    if not _COLOUR.fullmatch(colour):
        raise ValueError(f"{text!r} is no colour: write it as #0a7d5c")
    return colour


def _connectors(
    account: Account, change: Change, known: Collection[str]
) -> dict[str, Mapping[str, str]]:
    """Those of all modes, with those of one mode changed."""
    mode = change.mode.value
    named = dict(account.named(mode))
    for code, name in (change.connectors or {}).items():
        currency = code.lower()
        if currency != ANY_CURRENCY and currency not in EXPONENTS:
            raise ValueError(f"{code!r} is no currency of ISO 4217, and not {ANY_CURRENCY}")
        if name == "":
            named.pop(currency, None)
            continue
        if name not in known:
            raise ValueError(f"there is no connector {name!r}, but {', '.join(sorted(known))}")
        if change.mode is Mode.LIVE and name in FOR_TEST_ALONE:
            raise ValueError(f"{name} moves no money: it is for test mode")
        named[currency] = name
    return {**account.connectors, mode: named}


def _left(
    account: Account, mode: str, connectors: Mapping[str, Mapping[str, str]]
) -> dict[str, Sequence[str]]:
    """The connectors of each mode that took money once and are named no more."""
    left = sorted({*account.ever_named(mode)} - {*connectors[mode].values()})
    others = {name: names for name, names in account.left.items() if name != mode}
    return {**others, mode: left} if left else others
