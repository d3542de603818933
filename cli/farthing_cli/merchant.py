"""`farthing merchant`: who is served by a stack, how, and with which keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from farthing.access.account import Account, CardEntry
from farthing.access.change import Change, changed, revoke_key, write_change
from farthing.access.issue import issue_key, open_merchant
from farthing.access.keys import BREAKS, ISSUED, NewKey, is_valid
from farthing.access.principal import KeyKind, Mode
from farthing.acquiring.connectors import CONNECTORS
from farthing.clock import to_text
from farthing.ids import is_id
from farthing.store.errors import ConditionFailed
from farthing.store.item import Item
from farthing_cli import duration, fees, wide
from farthing_cli.access_table import AccessTable
from farthing_cli.failure import Failure
from farthing_cli.recovery import Stack

app = typer.Typer(no_args_is_help=True, help="Merchants of a stack, and their keys.")
keys_app = typer.Typer(no_args_is_help=True, help="A merchant's API keys.")
app.add_typer(keys_app, name="keys")
app.add_typer(fees.app, name="fees")
console = Console()


class Entry(StrEnum):
    """Whose fields a card is typed into."""

    OWN_VAULT = "own-vault"
    EXTERNAL = "external"


class Kind(StrEnum):
    """What a key is for."""

    SECRET = "secret"
    PUBLISHABLE = "publishable"


Id = Annotated[str, typer.Argument(metavar="MERCHANT", help="mer_…")]
Origins = Annotated[
    list[str] | None,
    typer.Option("--origin", help="a page's origin that may embed the card fields; repeat it"),
]
Colour = Annotated[str | None, typer.Option(help="of the hosted pages: #0a7d5c")]
EntryOption = Annotated[Entry | None, typer.Option(help="whose fields a card is typed into")]
Connectors = Annotated[
    list[str] | None,
    typer.Option("--connector", help="who takes a currency, or all others: eur=stripe, *=sandbox"),
]
ModeOption = Annotated[Mode, typer.Option(help="the mode of the keys and connectors")]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="as payers see it")],
    origin: Origins = None,
    colour: Colour = None,
    card_entry: EntryOption = None,
    connector: Connectors = None,
    mode: ModeOption = Mode.TEST,
    stack: Stack = None,
) -> None:
    """Open an account with a secret and a publishable key, whose texts are shown once."""
    change = _change(name, origin, colour, card_entry, connector, mode)
    with _told():
        table = AccessTable.of(stack)
        account = _checked(Account(name, to_text(table.now())), change)
        merchant_id = table.new_id("mer")
        keys = [table.new_key(merchant_id, mode, kind) for kind in ISSUED]
        open_merchant(table.store, merchant_id, account, keys, table.now())
    _say(merchant_id)
    for key in keys:
        _show_once(key)


@app.command(name="list")
def listed(stack: Stack = None) -> None:
    """Every merchant."""
    shown = Table("merchant", "name", "since", "cards", "origins")
    with _told():
        for merchant_id, account in AccessTable.of(stack).merchants():
            since, origins = account.created_at[:10], "\n".join(account.origins)
            cards = "[red]closed[/]" if account.closed_at else _word(account.card_entry)
            shown.add_row(merchant_id, escape(account.name), since, cards, origins)
    wide.show(console, shown)


@app.command()
def show(merchant: Id, stack: Stack = None) -> None:
    """All that is set for one merchant, as JSON."""
    with _told():
        account = Account.from_item(AccessTable.of(stack).merchant(_id("mer", merchant)))
    effective = {mode.value: dict(account.settings(mode.value).connectors) for mode in Mode}
    item = account.to_item() | {"merchant_id": merchant, "connectors": effective}
    console.print_json(data={name: item[name] for name in item if name != "entity"})


@app.command(name="set")
def set_(
    merchant: Id,
    name: Annotated[str | None, typer.Option(help="as payers see it")] = None,
    origin: Origins = None,
    no_origins: Annotated[bool, typer.Option("--no-origins", help="nobody may embed")] = False,
    colour: Colour = None,
    card_entry: EntryOption = None,
    connector: Connectors = None,
    mode: ModeOption = Mode.TEST,
    stack: Stack = None,
) -> None:
    """Change what is said, and leave the rest. Origins replace those that there were.

    `--colour ''` takes the colour away, `--connector eur=` a connector.
    """
    if origin and no_origins:
        raise Failure("Give --origin or --no-origins, not both.")
    origins = [] if no_origins else origin
    change = _change(name, origins, colour, card_entry, connector, mode)
    with _told():
        table = AccessTable.of(stack)
        read = table.merchant(_id("mer", merchant))
        account = _checked(Account.from_item(read), change)
        try:
            done = write_change(table.store, merchant, read, account)
        except ConditionFailed:
            raise Failure(
                f"Nothing was changed: {merchant} is no longer as it was read. Look at it again."
            ) from None
    _say(f"changed: {', '.join(done)}" if done else "It is so already.")


@keys_app.command(name="list")
def list_keys(merchant: Id, stack: Stack = None) -> None:
    """A merchant's keys, without their texts, which nobody has."""
    shown = Table("key", "mode", "kind", "since", "state")
    with _told():
        table = AccessTable.of(stack)
        table.merchant(_id("mer", merchant))
        for _, item in table.keys("merchant_id", merchant):
            kind, since = str(item["kind"]).lower(), item["created_at"][:10]
            kind += ", breaks" if BREAKS in item["scopes"] else ""
            shown.add_row(item["key_id"], item["mode"], kind, since, _state(item, table))
    wide.show(console, shown)


@keys_app.command()
def issue(
    merchant: Id,
    kind: Annotated[Kind, typer.Option(help="secret acts for the merchant, publishable is public")],
    mode: ModeOption = Mode.TEST,
    expires: Annotated[str | None, typer.Option(help="after how long it ends: 90d")] = None,
    breaks: Annotated[
        bool, typer.Option("--breaks", help="it may end breaks too: for your own people")
    ] = False,
    stack: Stack = None,
) -> None:
    """Make a key. Its text is shown once and stored nowhere."""
    if breaks and kind is not Kind.SECRET:
        raise Failure("Only a secret key can be one that ends breaks.")
    lives = timedelta(seconds=duration.seconds(expires)) if expires else None
    with _told():
        table = AccessTable.of(stack)
        key = table.new_key(_id("mer", merchant), mode, KeyKind(kind.value.upper()))
        key = replace(key, also=(BREAKS,)) if breaks else key
        try:
            issue_key(table.store, key, table.now(), table.now() + lives if lives else None)
        except ConditionFailed:
            raise Failure(f"There is no merchant {merchant}, or its account is closed.") from None
    _show_once(key)


@keys_app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="key_…, as `keys list` shows it")],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    stack: Stack = None,
) -> None:
    """End a key, within a minute everywhere. It cannot be taken back."""
    with _told():
        table = AccessTable.of(stack)
        found = table.keys("key_id", _id("key", key))
    if not found:
        raise Failure(f"There is no key {key}.")
    [(row, item)] = found
    _say(f"{item['mode']} {str(item['kind']).lower()} key of {item['merchant_id']}")
    if not yes:
        typer.confirm("End it", abort=True)
    with _told():
        try:
            revoke_key(table.store, row, table.now())
        except ConditionFailed:
            raise Failure(f"{key} was ended before.") from None
    _say("It ends within a minute, for so long the gateway knows it.")


def _change(
    name: str | None,
    origins: list[str] | None,
    colour: str | None,
    entry: Entry | None,
    connectors: list[str] | None,
    mode: Mode,
) -> Change:
    card_entry = CardEntry[entry.name] if entry else None
    by_currency = dict(map(_pair, connectors)) if connectors else None
    return Change(name, origins, colour, card_entry, mode, by_currency)


def _pair(text: str) -> tuple[str, str]:
    currency, is_pair, name = text.partition("=")
    if not is_pair:
        raise Failure(f"{text!r} names no connector of a currency: eur=stripe")
    return currency, name


def _checked(account: Account, change: Change) -> Account:
    try:
        return changed(account, change, CONNECTORS)
    except ValueError as wrong:
        raise Failure(f"Nothing was changed: {wrong}.") from None


def _id(prefix: str, text: str) -> str:
    if not is_id(prefix, text):
        raise Failure(f"{text!r} is no id: {prefix}_…")
    return text


def _state(item: Item, table: AccessTable) -> str:
    if "revoked_at" in item:
        return f"[red]ended {item['revoked_at'][:10]}[/]"
    if not is_valid(item, table.now()):
        return f"[red]ended {item['expires_at'][:10]}[/]"
    return f"until {item['expires_at'][:10]}" if "expires_at" in item else "[green]valid[/]"


def _word(card_entry: CardEntry) -> str:
    return Entry[card_entry.name].value


def _show_once(key: NewKey) -> None:
    _say(f"{key.kind.lower():<12} {key.text}  ({key.key_id}; shown once)")


def _say(line: Any) -> None:
    console.print(line, highlight=False, soft_wrap=True, markup=False)


@contextmanager
def _told() -> Iterator[None]:
    """What AWS refuses is told in one line."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Failure(" ".join(str(error).split())) from None
