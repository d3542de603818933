"""Payments with their labels, from CSV, Parquet or what `export` wrote, in the order of time.

One row, or line, is one try to pay:

    paid_at       Unix seconds, or RFC 3339 such as 2026-11-22T09:00:00Z          needed
    amount_cents  in the minor unit                                                needed
    customer      who paid; the card's fingerprint where nobody is known           needed
    fraud         1 or true if it turned out to be fraud                           needed
    terminal      the merchant, or the point of sale; without one nothing is learned of it
    labelled_at   when that was known; else seven days after the payment
    failed        1 or true if the issuer declined it
    blocked       1 or true if it was not let through: nobody knows what it was
    outcome       APPROVED, VOIDED; what is anything else and did not fail was never taken
    payment, card, ip, card_country, ip_country                                    text

A line of the export has the features that it was scored by: they are taken as they are, so that a
model learns from what it will be told.

An address counts as it does online, in IPv6 by its /64; a text that is no address stands for one.
"""

from __future__ import annotations

import csv
import importlib.util
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from farthing.fraud.counter_row import network
from farthing.fraud.model.features import FEATURES, Payment, unpack_row
from farthing_cli.failure import Failure

NEEDED = ("paid_at", "amount_cents", "customer", "fraud")
OPTIONAL = (
    "terminal",
    "labelled_at",
    "failed",
    "payment",
    "card",
    "ip",
    "card_country",
    "ip_country",
)
LINES = ".ndjson"
"""How the name of an export ends."""
VOIDED = "VOIDED"
_GRANTED = {"", "APPROVED", VOIDED}
_TRUE, _FALSE = {"1", "true", "True"}, {"0", "false", "False", "", "None"}


class Labelled(NamedTuple):
    """A payment and what became of it. `labelled_at` in Unix seconds, if it is known.

    `unsent` was never taken, and not because of the card: held, never sent, refused by a system
    that failed, or nobody knows yet. `voided` was granted and given up, so that nobody can ever
    dispute it.
    """

    payment: Payment
    fraud: bool
    failed: bool = False
    labelled_at: int | None = None
    id: str = ""
    blocked: bool = False
    unsent: bool = False
    voided: bool = False
    features: tuple[float, ...] | None = None

    @property
    def was_tried(self) -> bool:
        """Whether the issuer answered, so that it is in the histories of what follows."""
        return not self.blocked and not self.unsent

    @property
    def teaches(self) -> bool:
        """Whether its label can be known: it went through, or a person held it and called it
        fraud. What a declined or a blocked one was nobody learns."""
        if self.failed or self.blocked:
            return False
        return self.fraud or not (self.unsent or self.voided)


def read(path: Path) -> list[Labelled]:
    """All payments of the file, sorted by time. Raises Failure that names the line and column."""
    if not path.is_file():
        raise Failure(f"There is no file {path}.")
    rows = {".parquet": _parquet, LINES: lines}.get(path.suffix, _csv)(path)
    found = [labelled(row, f"{path.name}, row {number}") for number, row in enumerate(rows, 1)]
    if not found:
        raise Failure(f"{path} has no payments.")
    found.sort(key=lambda one: one.payment.at)
    return found


def write(path: Path, payments: Iterable[Labelled]) -> int:
    """Write them as CSV, as `read` reads them. How many."""
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((*NEEDED, *OPTIONAL))
        for one in payments:
            paid = one.payment
            count += 1
            needed = (paid.at, paid.amount_cents, paid.customer, int(one.fraud))
            known = (paid.terminal, one.labelled_at, int(one.failed), one.id, paid.card, paid.ip)
            writer.writerow((*needed, *known, paid.card_country, paid.ip_country))
    return count


def _csv(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            _require_columns(path, rows.fieldnames or ())
            yield from rows
    except (UnicodeDecodeError, csv.Error) as error:
        raise Failure(f"{path} is no CSV in UTF-8: {error}") from None


def lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """What `export` wrote, line by line. Raises Failure for a line that is no JSON object."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise Failure(f"{path.name}, row {number} is no JSON object.")
            yield row


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    if importlib.util.find_spec("pyarrow") is None:
        raise Failure("Parquet is read with pyarrow: pip install pyarrow, or give a CSV file.")
    from pyarrow import ArrowException, parquet

    try:
        file = parquet.ParquetFile(path)
    except (ArrowException, OSError) as error:
        raise Failure(f"{path} is no Parquet file: {error}") from None
    _require_columns(path, file.schema_arrow.names)
    for batch in file.iter_batches():
        yield from batch.to_pylist()


def _require_columns(path: Path, there: Iterable[str]) -> None:
    lacking = [name for name in NEEDED if name not in there]
    if lacking:
        raise Failure(f"{path} lacks {', '.join(lacking)}. It needs {', '.join(NEEDED)}.")


def labelled(row: Mapping[str, Any], where: str) -> Labelled:
    """The payment of one row. Raises Failure that begins with `where`."""

    def text(name: str) -> str | None:
        value = row.get(name)
        return None if value is None or value == "" else str(value)

    def must(name: str) -> str:
        value = text(name)
        if value is None:
            raise Failure(f"{where}: {name} is empty.")
        return value

    def truth(name: str) -> bool:
        value = text(name) or ""
        if value not in _TRUE | _FALSE:
            raise Failure(f"{where}: {name} is {value!r}, not 0 or 1.")
        return value in _TRUE

    told, ip = row.get("labelled_at"), text("ip")
    payment = Payment(
        at=seconds(row.get("paid_at"), f"{where}: paid_at"),
        amount_cents=_cents(must("amount_cents"), where),
        customer=must("customer"),
        terminal=text("terminal"),
        card=text("card"),
        ip=network(ip) or ip,
        card_country=text("card_country"),
        ip_country=text("ip_country"),
    )
    labelled_at = None if told in (None, "") else seconds(told, f"{where}: labelled_at")
    failed, blocked, outcome = truth("failed"), truth("blocked"), text("outcome") or ""
    return Labelled(
        payment,
        truth("fraud"),
        failed,
        labelled_at,
        text("payment") or "",
        blocked,
        unsent=not failed and not blocked and outcome not in _GRANTED,
        voided=outcome == VOIDED,
        features=_features(row.get("decision"), where),
    )


def _features(decision: Any, where: str) -> tuple[float, ...] | None:
    """What a decision was scored by, as `export` writes it; None if that is not there."""
    known = decision.get("known") if isinstance(decision, Mapping) else None
    packed = known.get("features") if isinstance(known, Mapping) else None
    if not packed:
        return None
    try:
        return tuple(unpack_row(packed))
    except (TypeError, ValueError):
        raise Failure(f"{where}: the features are not {len(FEATURES)} numbers.") from None


def _cents(text: str, where: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise Failure(f"{where}: amount_cents is {text!r}, not a whole number.")
    return int(text)


def seconds(value: Any, where: str) -> int:
    """An instant in Unix seconds. Raises Failure that begins with `where`."""
    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    text = "" if value is None else str(value)
    try:
        if text.isascii() and text.isdigit():
            return int(text)
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Failure(f"{where} is {text!r}, neither Unix seconds nor a time with its zone.")
    return int(at.timestamp())
