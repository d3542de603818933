"""The demo month: what explains a break, its figures, and how they are told."""

from __future__ import annotations

from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from farthing.access.principal import Mode
from farthing.reconciliation.deposit_row import Deposit
from farthing.settlement.batch import BatchName
from farthing.store.scope import TenantScope
from farthing_cli.failure import Failure
from farthing_cli.month import commands, explain
from farthing_cli.month.figures import deposited, rows_of, tables, totals
from farthing_cli.month.finance import Books, Story
from farthing_cli.month.page import page_of
from farthing_cli.month.plan import (
    CARDS,
    INJECTED,
    Payment,
    Tale,
)
from farthing_cli.month.shop import Sale
from farthing_cli.month.told import as_json, show, to_be_taken_back

FIRST = date(2026, 12, 1)
MERCHANT = TenantScope("mer_01kahzw1j2qc2x6j3q9r2v8w4s", Mode.TEST.value)
BATCH = BatchName(MERCHANT, "sandbox", "eur", FIRST, 1)
REPORT = (
    "settlement_reference,line,type,reference,order_id,currency,amount_cents,fee_cents,"
    "net_cents,settled_on\n"
    f"{BATCH.reference},1,CAPTURE,A,pi_1,eur,1000,24,976,2026-12-02\n"
    f"{BATCH.reference},2,REFUND,B,pi_2,eur,100,0,-100,2026-12-02\n"
    f"{BATCH.reference},3,DISPUTE,C,pi_3,eur,300,0,-300,2026-12-02\n"
    f"{BATCH.reference},4,TOTAL,,,eur,600,24,576,2026-12-02\n"
)


def sale(tale: Tale | None, intent_id: str = "pi_1", day: date = FIRST) -> Sale:
    card = CARDS[tale] if tale else "4242424242424242"
    return Sale(Payment(card, 1_000, "eur", tale), intent_id, day, paid=tale is not Tale.DECLINED)


def break_of(kind: str, intent_id: str | None = "pi_1", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "payment_intent_id": intent_id, "settlement_id": "st_1", **more}


# --- explaining ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tale", "kind", "resolution"),
    [
        (Tale.MISSING, "MISSING_IN_REPORT", "WRITE_OFF"),
        (Tale.TWICE, "DUPLICATE_LINE", "ACQUIRER_CORRECTS"),
        (Tale.OTHER_AMOUNT, "AMOUNT_MISMATCH", "ACCEPT_ACQUIRER_AMOUNT"),
    ],
)
def test_what_was_put_in_explains_its_break(tale: Tale, kind: str, resolution: str) -> None:
    found = explain.explained(break_of(kind), {"pi_1": tale}.get)

    assert found is not None
    assert found.resolution == resolution


@pytest.mark.parametrize(
    ("one", "tale"),
    [
        (break_of("AMOUNT_MISMATCH"), None),
        (break_of("AMOUNT_MISMATCH"), Tale.MISSING),
        (break_of("UNEXPECTED_DISPUTE"), Tale.WON),
        (break_of("DEPOSIT_MISMATCH", None), Tale.MISSING),
    ],
)
def test_nothing_else_explains_one(one: dict[str, Any], tale: Tale | None) -> None:
    assert explain.explained(one, lambda _: tale) is None


def test_what_was_put_in_is_named_by_exactly_one_break_of_its_kind() -> None:
    put_in = [sale(Tale.TWICE)]
    right = break_of("DUPLICATE_LINE")

    assert explain.unnamed([*put_in, sale(None), sale(Tale.LOST)], [right]) == []
    for wrong in ([], [right, right], [break_of("AMOUNT_MISMATCH")]):
        assert explain.unnamed(put_in, wrong) == put_in


def test_every_injected_tale_is_explained() -> None:
    assert explain.EXPLANATIONS.keys() == INJECTED


def settlement(status: str = "SETTLED", net: int | None = 576) -> dict[str, Any]:
    return {
        "settlement_id": BATCH.settlement_id,
        "business_day": "2026-12-01",
        "currency": "eur",
        "status": status,
        "net_cents": net,
    }


@pytest.mark.parametrize(
    ("one", "deposit", "says"),
    [
        (settlement(), 576, None),
        (settlement("EXCEPTION"), 576, "is EXCEPTION"),
        (settlement("SUBMITTED", None), 0, "is SUBMITTED"),
        (settlement(), 575, "pays 576, and the bank has 575"),
        (settlement(net=0), 0, None),
    ],
)
def test_a_batch_is_settled_and_its_money_at_the_bank(
    one: dict[str, Any], deposit: int, says: str | None
) -> None:
    found = explain.unsound([one], {BATCH.settlement_id: deposit})

    assert found == [] if says is None else says in found[0]


def test_suspense_is_seen_in_any_currency() -> None:
    accounts = {"eur": {"suspense:sandbox": 0, "merchant_payable": -5}, "usd": {"suspense:x": 7}}

    assert explain.in_suspense(accounts) == ["suspense:x holds 7 usd"]


# --- figures ------------------------------------------------------------------------------------


def rows() -> Any:
    transfer = Deposit(BATCH.reference, "2026-12-03", "eur", 576)
    return rows_of(
        [sale(None), sale(Tale.DECLINED), sale(None, day=FIRST + timedelta(days=1))],
        [settlement()],
        {BATCH.settlement_id: REPORT.encode()},
        [transfer, Deposit("somebody else's", "2026-12-03", "eur", 1)],
        [break_of("AMOUNT_MISMATCH") | {"settlement_id": BATCH.settlement_id}],
    )


def test_a_day_has_what_its_batches_report_and_the_bank_has() -> None:
    day = rows()["eur", "2026-12-01"]

    assert (day.payments, day.deposited, day.breaks) == (1, 576, 1)
    assert day.cells("eur") == ["1", "10.00", "-1.00", "-3.00", "-0.24", "5.76", "5.76", "1"]
    assert totals(rows())["eur"].payments == 2


def test_the_table_has_a_row_for_each_day_and_their_sums() -> None:
    shown = StringIO()

    [table] = tables(rows())
    Console(file=shown, width=120).print(table)

    lines = [line for line in shown.getvalue().splitlines() if "2026-12" in line or "all" in line]
    assert [line.split("│")[1].strip() for line in lines] == ["2026-12-01", "2026-12-02", "all"]
    assert "5.76" in lines[-1]


def test_transfers_are_of_the_batch_that_they_name() -> None:
    twice = [Deposit(BATCH.reference, "2026-12-03", "eur", cents) for cents in (600, -24)]

    assert deposited(twice) == {BATCH.settlement_id: 576}


def test_what_was_paid_twice_is_to_be_taken_back() -> None:
    paid = {"reported": {"currency": "eur", "net_cents": 976}}
    back = break_of("DUPLICATE_LINE", resolution="ACQUIRER_CORRECTS", **paid)
    kept = break_of("DUPLICATE_LINE", resolution="WRITE_OFF", **paid)
    still = break_of("DUPLICATE_LINE", resolution=None, **paid)

    assert to_be_taken_back([back, back, kept, still]) == {"eur": 1_952}


# --- told ---------------------------------------------------------------------------------------


def books(*problems: str) -> Books:
    told = Story(sale(Tale.TWICE), "DUPLICATE_LINE brk_1", "ACQUIRER_CORRECTS")
    accounts = {"eur": {"bank_settlement:sandbox": 576, "merchant_payable": -576}, "usd": {}}
    trial = {"accounts": accounts, "counts": {"entries": 3, "differences": 0}}
    back = {"resolved_at": "2026-12-05T01:15:00Z", "resolution": "ACQUIRER_CORRECTS"}
    one = break_of("DUPLICATE_LINE", reported={"currency": "eur", "net_cents": 976}, **back)
    return Books(rows(), 1, [told], [one], trial, problems, others=0)


def test_the_terminal_has_the_days_the_balance_what_happened_and_what_is_wrong() -> None:
    shown = StringIO()

    show(Console(file=shown, width=200), books("nothing explains brk_2"))

    said = shown.getvalue()
    assert "2 payments in 1 batches; 1 breaks of 1 kinds, 1 of them resolved." in said
    assert "to be taken back by the acquirer: 9.76 EUR" in said
    assert said.rstrip().endswith("nothing explains brk_2")


def test_as_data_amounts_are_minor_units() -> None:
    told = as_json(books(), 12.345)

    assert told["days"][0]["net_cents"] == told["days"][0]["deposited_cents"] == 576
    assert (told["stories"][0]["what"], told["problems"], told["seconds"]) == ("TWICE", [], 12.3)


def test_the_page_has_a_waterfall_for_the_month_and_each_day() -> None:
    page = page_of(books("nothing <b>explains</b> it"), "farthing demo month")

    assert page.count("<svg") == 1 + len(rows())
    assert "DUPLICATE_LINE brk_1" in page
    assert "nothing &lt;b&gt;explains&lt;/b&gt; it" in page


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "4242 4242 4242 4242"])
def test_who_is_nobody_is_refused_before_anything_happens(name: str) -> None:
    ran = CliRunner().invoke(commands.app, ["month", "--by", name])

    assert isinstance(ran.exception, Failure)
    assert "--by takes a person's name" in str(ran.exception)


def test_a_page_that_cannot_be_written_is_refused_before_anything_happens(tmp_path: Path) -> None:
    ran = CliRunner().invoke(commands.app, ["month", "--html", f"{tmp_path}/none/a.html"])

    assert isinstance(ran.exception, Failure)
    assert "is no folder" in str(ran.exception)
