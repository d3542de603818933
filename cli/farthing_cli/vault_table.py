"""The table of `farthing vault keys`: each key, whose it is, what it is, and what is under it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from rich.table import Table

from farthing.access.account import Account
from farthing.vault.register import STACK, VaultKey, key_id_of, same_key
from farthing.vault.rotation import Holding

KINDS = {"card": "cards", "cvc": "CVCs"}


def keys_table(
    stack_key: str,
    known: Mapping[str, VaultKey],
    accounts: Mapping[str, Account],
    holdings: Sequence[Holding],
) -> Table:
    """A row for each key and merchant. `known` and `accounts` are by id."""
    table = Table("key", "whose", "is", "merchant", "mode", "cards", "CVCs", "others")
    rows: dict[str, dict[tuple[str, str], Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for one in holdings:
        kind = KINDS.get(one.kind, "others")
        rows[one.key_id][one.merchant_id, one.mode][kind] += one.rows
    used = {key_id_of(one.vault_key_id) for one in accounts.values() if one.vault_key_id}
    for name in sorted({key_id_of(stack_key), *known, *used, *rows}):
        key = known.get(name)
        whose = "the stack" if same_key(name, stack_key) else _whose(name, key, accounts)
        first = [name, whose, _is(name, key, stack_key, used)]
        for (merchant_id, mode), count in sorted(rows[name].items()) or [(("", ""), Counter())]:
            numbers = (str(count[kind]) for kind in ("cards", "CVCs", "others"))
            table.add_row(*first, merchant_id, mode, *numbers)
            first = ["", "", ""]
    return table


def _whose(name: str, key: VaultKey | None, accounts: Mapping[str, Account]) -> str:
    if key is not None:
        return "the stack" if key.owner == STACK else key.owner
    own = (id_ for id_, one in accounts.items() if one.vault_key_id)
    return next((id_ for id_ in own if same_key(accounts[id_].vault_key_id or "", name)), "nobody")


def _is(name: str, key: VaultKey | None, stack_key: str, used: set[str]) -> str:
    if same_key(name, stack_key) or name in used:
        return "in use"
    if key is None:
        return "[bold red]in no register: what is under it does not open[/]"
    if key.gone_at is not None:
        return f"to be deleted at {key.gone_at}"
    if key.retired_at is not None:
        return "to be deleted: ask again"
    return f"replaced at {key.replaced_at}" if key.replaced_at else "not used yet, or no more"
