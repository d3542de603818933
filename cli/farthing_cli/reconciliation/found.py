"""What came of a file, and the breaks of the batches that it is about, read by the operator."""

from __future__ import annotations

import hashlib
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from farthing.reconciliation.bank_file import COLUMNS as BANK_COLUMNS
from farthing.reconciliation.bank_file import deposits_of
from farthing.reconciliation.break_row import Break
from farthing.reconciliation.file_row import FOLDER, FileKind, FileRow, FileState, file_key
from farthing.reconciliation.names import batch_of
from farthing.reconciliation.reading import BatchReader, NoSuchBatch
from farthing.reconciliation.report_file import reports_of
from farthing.settlement.csv_rows import FileRefused
from farthing.store.scope import SystemScope
from farthing.store.table import DynamoStore
from farthing_cli.failure import Failure
from farthing_cli.place import Place

POLL_SECONDS = 0.3
SILENT_SECONDS_MAX = 600
"""A file of which nothing is heard for so long is somebody's to look into."""
NAME_LENGTH_MAX = 60


@dataclass(frozen=True)
class Files:
    """One stack's bucket of files, and the rows that say what came of them."""

    place: Place

    def store(self) -> DynamoStore:
        """The settlement table."""
        return DynamoStore(
            self.place.client("dynamodb"),
            {"settlement": self.place.output("SettlementTable")},
            SystemScope(),
            sleep=time.sleep,
            chance=random.random,
            new_token=lambda: uuid.uuid4().hex,
        )

    def bring(self, kind: FileKind, by: str, name: str, content: bytes) -> str:
        """Put a file where reconciliation takes it from. Its SHA-256."""
        sha256 = hashlib.sha256(content).hexdigest()
        who, called = quote(by[:NAME_LENGTH_MAX], safe=""), quote(name[-NAME_LENGTH_MAX:], safe="")
        self.place.client("s3").put_object(
            Bucket=self.place.output("FilesBucket"),
            Key=f"{FOLDER}{kind.value}/{who}/{sha256}/{called}",
            Body=content,
            ContentType="text/csv",
        )
        return sha256

    def row(self, sha256: str) -> FileRow | None:
        """How far a file is; None if nobody has begun with it."""
        item = self.store().get(file_key(sha256))
        return None if item is None else FileRow.of(item)

    def follow(self, sha256: str) -> Iterator[FileRow]:
        """The file's row as often as it changes, until it is dealt with. Raises Failure."""
        store, last, silent = self.store(), None, 0.0
        while silent < SILENT_SECONDS_MAX:
            item = store.get(file_key(sha256))
            row = None if item is None else FileRow.of(item)
            if row is not None and row != last:
                last, silent = row, 0.0
                yield row
                if row.state is not FileState.READING:
                    return
            time.sleep(POLL_SECONDS)
            silent += POLL_SECONDS
        raise Failure("Nothing is heard of the file: look at `farthing logs reconcile`.")

    def breaks(self, references: list[str]) -> list[Break]:
        """The breaks that are open in these batches, by batch and kind."""
        store, found = self.store(), []
        for reference in references:
            name = batch_of(reference)
            if name is None:
                continue
            reader = BatchReader(name.tenant, store)
            try:
                standing = reader.standing(name.settlement_id)
            except NoSuchBatch:
                continue
            found += [one for one in reader.breaks(standing).values() if one.is_open]
        return sorted(found, key=lambda one: (one.settlement_id, one.kind, one.break_id))


def kind_of(content: bytes) -> FileKind:
    """What a file is, by its header."""
    first = content[:1000].decode("utf-8-sig", "replace").splitlines()[:1]
    return FileKind.BANK if first == [",".join(BANK_COLUMNS)] else FileKind.REPORT


def references_of(kind: FileKind, content: bytes) -> list[str]:
    """Which batches a file is about. Raises Failure if it would be refused."""
    try:
        if kind is FileKind.REPORT:
            return list(reports_of(content))
        return list(dict.fromkeys(one.reference for one in deposits_of(content)))
    except FileRefused as refused:
        raise Failure(f"The file would be refused: {refused}") from None
