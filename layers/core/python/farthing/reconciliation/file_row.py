"""A file that somebody brought: what it is, how far it is read, and what was found in it.

    READING ──► READ            REFUSED: it is wrong, and changed nothing

A file is known by its SHA-256, so bringing it again changes nothing. `done` counts the batches (of
a report) or transfers (of a statement) that are dealt with: the next run goes on behind them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from farthing.settlement.batch import TABLE
from farthing.store.condition import NOT_CREATED, Condition
from farthing.store.item import Item, Key
from farthing.store.write import Put, Write

ENTITY = "reconciliation_file"
FOLDER = "OPERATOR#RECONCILE/"
"""`OPERATOR#RECONCILE/{kind}/{by}/{sha256}/{name}` in the bucket of files."""
UNPLACED_ENTITY = "reconciliation_unplaced"


class FileKind(StrEnum):
    """Which book it is a copy of."""

    REPORT = "report"
    BANK = "bank"


class FileState(StrEnum):
    """How far it is."""

    READING = "READING"
    READ = "READ"
    REFUSED = "REFUSED"


@dataclass(frozen=True)
class FileRow:
    """`broken` counts lines by kind; `unplaced` those that name no batch of ours, which are in
    `broken` too."""

    sha256: str
    kind: FileKind
    name: str
    by: str
    received_at: str
    state: FileState = FileState.READING
    parts: int = 0
    lines: int = 0
    done: int = 0
    lines_done: int = 0
    matched: int = 0
    unplaced: int = 0
    broken: Mapping[str, int] = field(default_factory=dict)
    problem: str | None = None

    @property
    def key(self) -> Key:
        """The row. No merchant's: a file may have lines of many."""
        return file_key(self.sha256)

    def created(self) -> Write:
        """The write of a new one."""
        return Put(self.key, self.to_item(), NOT_CREATED)

    def went_on(
        self, lines: int, matched: int, broken: Mapping[str, int], unplaced: int = 0
    ) -> FileRow:
        """After one more part. After the last one it is READ."""
        counted = Counter(self.broken)
        counted.update(broken)
        return replace(
            self,
            done=self.done + 1,
            lines_done=self.lines_done + lines,
            matched=self.matched + matched,
            unplaced=self.unplaced + unplaced,
            broken=dict(sorted(counted.items())),
            state=FileState.READ if self.done + 1 == self.parts else FileState.READING,
        )

    def changed(self, before: FileRow) -> Write:
        """The write of how far it is now."""
        return Put(self.key, self.to_item(), nobody_went_on(before.done))

    def to_item(self) -> Item:
        """The row."""
        return {
            "entity": ENTITY,
            **vars(self),
            "kind": self.kind.value,
            "state": self.state.value,
            "broken": dict(self.broken),
        }

    @classmethod
    def of(cls, item: Item) -> FileRow:
        """The file of a stored row."""
        names = cls.__dataclass_fields__
        values = {name: value for name, value in item.items() if name in names}
        return cls(**values | {"kind": FileKind(item["kind"]), "state": FileState(item["state"])})


def nobody_went_on(done: int) -> Condition:
    """The file is as far as it was when it was read."""
    return Condition("NOBODY_WENT_ON", "#done = :done_was", {"done_was": done})


def file_key(sha256: str) -> Key:
    """Where a file's row is."""
    return Key(TABLE, f"FILE#{sha256}", "FILE")


def unplaced_row(sha256: str, part: int, kind: str, reference: str, net: int, lines: int) -> Write:
    """The write that remembers lines that name no batch of ours: a person looks at them."""
    item = {
        "entity": UNPLACED_ENTITY,
        "kind": kind,
        "settlement_reference": reference,
        "net_cents": net,
        "line_count": lines,
    }
    return Put(Key(TABLE, f"FILE#{sha256}", f"UNPLACED#{part:08d}"), item, NOT_CREATED)
