"""Derived books: at every write the accounts of a currency are zero, and the head is its journal's
end; at rest each ledger transaction is in the journal once, and the sums are those of a replay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from farthing.store.item import item_from_wire
from tests.simulation.aws.dynamo import WriteRecord
from tests.simulation.violation import Violation

Item = Mapping[str, Any]

BALANCED = 5
HEAD, ROW, MARK = "ledger_head", "ledger_journal", "ledger_mark"
LOOKED_AT = [{"S": entity} for entity in (HEAD, ROW, MARK, "ledger_transaction")]
FIXED = {ROW: "a row of the journal", MARK: "a mark", "ledger_transaction": "a posting"}


class BooksWatch:
    """Looks at every write of derived books."""

    def __call__(self, records: Sequence[WriteRecord]) -> None:
        """One transaction. Raises Violation."""
        plain = [
            (key, item_from_wire(old) if old else None, item_from_wire(new) if new else None)
            for _, key, old, new in records
            if (new or old or {}).get("entity") in LOOKED_AT
        ]
        rows = [new for _, old, new in plain if new and not old and new.get("entity") == ROW]
        for key, old, new in plain:
            entity = (new or old or {}).get("entity")
            if entity in FIXED and old is not None:
                raise Violation(BALANCED, key[0], f"{FIXED[entity]} was written again")
            if entity == HEAD:
                self._head(key, old, new, rows)

    def _head(
        self, key: tuple[str, str], old: Item | None, new: Item | None, rows: Sequence[Item]
    ) -> None:
        subject = f"{key[0]} {key[1]}"
        if new is None:
            raise Violation(BALANCED, subject, "the head was deleted")
        if total := sum(new["accounts"].values()):
            raise Violation(BALANCED, subject, f"its accounts come to {total}")
        merchant = key[0].removesuffix("BALANCE")
        own = [
            row
            for row in rows
            if row["journal_currency"] == key[1] and row["pk"].startswith(merchant)
        ]
        before = old["sequence"] if old else 0
        numbers = sorted(row["sequences"][key[1]] for row in own)
        if numbers != list(range(before + 1, new["sequence"] + 1)):
            told = f"it went from {before} to {new['sequence']} with the rows {numbers}"
            raise Violation(BALANCED, subject, told)
        sums = Counter(old["accounts"] if old else {})
        for row in own:
            sums.update(moved(row["postings"], key[1]))
        if _without_zeros(sums) != _without_zeros(new["accounts"]):
            raise Violation(BALANCED, subject, "it is not what its rows came to")


def wrong_books(
    posted: Collection[Item], derived: Collection[Item], *, lost: Collection[str] = ()
) -> Iterator[Violation]:
    """At rest: `posted` are the ledger transactions, `derived` the rows of the settlement table.

    `lost` are transactions that the stream may have lost since the last trial balance.
    """
    transactions, rows = [*map(item_from_wire, posted)], [*map(item_from_wire, derived)]
    journaled = Counter(
        (_whose(row), row["transaction_id"]) for row in rows if row.get("entity") == ROW
    )
    there = []
    for one in transactions:
        found, named = journaled[_whose(one), one["transaction_id"]], one["transaction_id"]
        if found or named not in lost:
            there.append(one)
        if found != len(_currencies(one)) and one in there:
            yield Violation(BALANCED, named, f"it is in the journal {found} times")
    replayed = _replayed(there)
    heads = {
        (_whose(row), row["currency"]): _without_zeros(row["accounts"])
        for row in rows
        if row.get("entity") == HEAD
    }
    for whose in replayed.keys() | heads.keys():
        wanted, found_sums = replayed.get(whose, {}), heads.get(whose, {})
        if wanted != found_sums:
            told = f"{found_sums}, and a replay is {wanted}"
            yield Violation(BALANCED, " ".join(whose), told)


def _replayed(transactions: Collection[Item]) -> dict[tuple[str, str], dict[str, int]]:
    """Each account's sum, by merchant and currency."""
    sums: dict[tuple[str, str], Counter[str]] = {}
    for one in transactions:
        for currency in _currencies(one):
            of_whom = sums.setdefault((_whose(one), currency), Counter())
            of_whom.update(moved(one["postings"], currency))
    return {whose: _without_zeros(each) for whose, each in sums.items()}


def _whose(item: Item) -> str:
    return "#".join(item["pk"].split("#", 2)[:2])


def _currencies(item: Item) -> set[str]:
    return {one["currency"] for one in item["postings"]}


def moved(postings: Sequence[Item], currency: str) -> dict[str, int]:
    """What postings do to each account of a currency, debits positive."""
    sums: Counter[str] = Counter()
    for one in postings:
        if one["currency"] == currency:
            sign = 1 if one["side"] == "DEBIT" else -1
            sums[one["account"]] += sign * one["amount_cents"]
    return dict(sums)


def _without_zeros(sums: Mapping[str, int]) -> dict[str, int]:
    return {account: cents for account, cents in sums.items() if cents}
