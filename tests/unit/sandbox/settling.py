"""Settling at the sandbox in a test: a file in, a report out."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from tests.unit.sandbox.conftest import SECRETS

if TYPE_CHECKING:
    from tests.unit.sandbox.conftest import Client

HEADER = "settlement_reference,line,type,reference,order_id,currency,amount_cents\n"
KEY = SECRETS["reporting"]


def file_of(*entries: tuple[str, str, int], reference: str = "st-1", currency: str = "EUR") -> str:
    """A submission of (reference, type, amount) lines."""
    rows = (
        f"{reference},{n},{type_},{of},order,{currency},{cents}\n"
        for n, (of, type_, cents) in enumerate(entries, start=1)
    )
    return HEADER + "".join(rows)


def submit(
    client: Client, *entries: tuple[str, str, int], reference: str = "st-1", currency: str = "EUR"
) -> dict[str, Any]:
    """The answer to a submission."""
    file = file_of(*entries, reference=reference, currency=currency)
    return client.send("POST", "/v1/settlements", file, secret=KEY)


def report(client: Client, reference: str = "st-1") -> list[dict[str, str]]:
    """The lines of a report, the TOTAL last."""
    answer = client.send("GET", f"/v1/settlements/{reference}/report", secret=KEY)
    assert answer["statusCode"] == 200
    assert answer["headers"]["Content-Type"] == "text/csv"
    return list(csv.DictReader(io.StringIO(answer["body"])))


def paid(client: Client, reference: str = "st-1") -> list[str]:
    """The references that a report pays."""
    return [line["reference"] for line in report(client, reference)[:-1]]


def sums(client: Client, reference: str = "st-1") -> tuple[int, int, int]:
    """Gross, fee and net of a report."""
    total = report(client, reference)[-1]
    assert total["type"] == "TOTAL"
    return int(total["amount_cents"]), int(total["fee_cents"]), int(total["net_cents"])


def transfers(client: Client, booked_on: str) -> list[dict[str, str]]:
    """What banks booked on a day."""
    query = {"booked_on": booked_on}
    answer = client.send("GET", "/transfers", query=query, secret=None)
    assert answer["statusCode"] == 200
    return list(csv.DictReader(io.StringIO(answer["body"])))
