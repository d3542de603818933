"""The report comes from the acquirer's own books, to the last minor unit."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing_sandbox import books, reports, runtime
from farthing_sandbox.asks import Operation
from farthing_sandbox.books import Books
from farthing_sandbox.settlement import capture_fee_minor
from tests.unit.sandbox.conftest import SECRETS

if TYPE_CHECKING:
    from tests.unit.sandbox.conftest import Client

KEY = SECRETS["reporting"]


def submit(client: Client, *entries: tuple[str, str, int], **fields: Any) -> dict[str, Any]:
    body = {
        "reference": "st-1",
        "merchant_reference": "mer-1",
        "business_day": "2026-11-22",
        "currency": "EUR",
        "entries": [
            {"entry_id": f"e-{n}", "reference": ref, "operation": op, "amount_cents": amount}
            for n, (ref, op, amount) in enumerate(entries)
        ],
    } | fields
    return client.send("POST", "/v1/settlements", body, secret=KEY)


def report(client: Client, reference: str = "st-1") -> dict[str, Any]:
    answer = client.send("GET", f"/v1/settlements/{reference}", secret=KEY)
    found: dict[str, Any] = json.loads(answer["body"])["report"]
    return found


@given(st.integers(1, 99_999_999))
def test_the_fee_is_rounded_half_to_even(amount: int) -> None:
    assert capture_fee_minor(amount) == round(Fraction(amount * 14, 1000)) + 10


@pytest.mark.parametrize(("amount", "fee"), [(1, 10), (250, 14), (750, 20), (1000, 24), (1250, 28)])
def test_fees(amount: int, fee: int) -> None:
    assert capture_fee_minor(amount) == fee


def test_a_day_of_captures_and_refunds(client: Client) -> None:
    # Given a combined charge, a partial capture and a refund
    charge = client.authorize(capture=True)
    held = client.authorize()
    capture = client.follow("capture", held, amount_cents=600)
    refund = client.follow("refund", charge, amount_cents=900)
    # When the day is submitted
    answer = submit(
        client,
        (charge["reference"], "CAPTURE", 1000),
        (capture["reference"], "CAPTURE", 600),
        (refund["reference"], "REFUND", 900),
    )
    # Then the report has fees on captures only, and its sums agree
    assert json.loads(answer["body"]) == {"reference": "st-1", "status": "ACCEPTED"}
    lines = [tuple(line.values()) for line in report(client)["lines"]]
    assert [sorted(map(str, line)) for line in lines] == [
        sorted([charge["reference"], "CAPTURE", "1000", "24", "976"]),
        sorted([capture["reference"], "CAPTURE", "600", "18", "582"]),
        sorted([refund["reference"], "REFUND", "900", "0", "-900"]),
    ]
    totals = {name: report(client)[name] for name in ("gross_cents", "fee_cents", "net_cents")}
    assert totals == {"gross_cents": 700, "fee_cents": 42, "net_cents": 658}


def test_what_the_client_says_is_not_believed(client: Client) -> None:
    # Given a capture, and things on which no money moved
    charge = client.authorize(capture=True)
    undone = client.authorize(capture=True)
    client.follow("void", undone)
    declined = client.authorize("4000000000000002", capture=True)
    dollars = client.authorize(capture=True, currency="usd")
    held = client.authorize()
    refused = client.follow("refund", held)
    # When all is submitted, with a wrong amount, one thing twice, another never heard of
    submit(
        client,
        (charge["reference"], "CAPTURE", 99999),
        (charge["reference"], "CAPTURE", 1000),
        *((c["reference"], "CAPTURE", 1000) for c in (undone, declined, dollars, held)),
        (refused["reference"], "REFUND", 1000),
        (charge["reference"], "REFUND", 1000),
        ("nobody", "CAPTURE", 1000),
    )
    # Then the report has what the books have
    assert [(x["reference"], x["amount_cents"]) for x in report(client)["lines"]] == [
        (charge["reference"], 1000)
    ]


def test_a_settlement_is_accepted_once(client: Client) -> None:
    charge = client.authorize(capture=True)
    entry = (charge["reference"], "CAPTURE", 1000)
    first = submit(client, entry)
    before = report(client)
    client.follow("void", charge)
    assert submit(client, entry) == first
    assert submit(client, entry, business_day="2026-11-23")["statusCode"] == 409
    assert report(client) == before


def test_what_one_settlement_paid_no_other_one_pays_again(client: Client) -> None:
    # Given two captures, one of them settled
    first, second = (client.authorize(capture=True)["reference"] for _ in range(2))
    submit(client, (first, "CAPTURE", 1000))
    # When another settlement asks for both
    submit(client, (first, "CAPTURE", 1000), (second, "CAPTURE", 1000), reference="st-2")
    # Then each is paid by one
    assert [line["reference"] for line in report(client)["lines"]] == [first]
    assert [line["reference"] for line in report(client, "st-2")["lines"]] == [second]
    # and the public books show no more than they did
    row = json.loads(client.send("GET", "/transactions", query={"reference": first})["body"])
    assert "settled_by" not in row["data"][0]


def test_two_settlements_at_once_do_not_both_pay(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a settlement that read the books before another one paid
    reference = client.authorize(capture=True)["reference"]
    real, stale = Books.rows, []

    def rows(books: Books, wanted: Any) -> Any:
        found = real(books, wanted)
        if not stale:
            stale.append(found)
            submit(client, (reference, "CAPTURE", 1000), reference="st-2")
        return found

    monkeypatch.setattr(Books, "rows", rows)
    # When it goes on
    assert submit(client, (reference, "CAPTURE", 1000))["statusCode"] == 200
    # Then it reads again, and leaves the row to the other
    assert report(client)["lines"] == []
    assert [line["reference"] for line in report(client, "st-2")["lines"]] == [reference]


def test_a_settlement_that_died_before_its_report_is_gone_on_with(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given rows that were marked as paid, and no report
    references = [client.authorize(capture=True)["reference"] for _ in range(3)]
    entries = [(reference, "CAPTURE", 1000) for reference in references]
    monkeypatch.setattr(books, "WRITES_PER_TRANSACTION_MAX", 2)
    with monkeypatch.context() as dying:
        dying.setattr(reports, "keep", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            submit(client, *entries)
    # When it comes again, then it pays them all
    submit(client, *entries)
    assert [line["reference"] for line in report(client)["lines"]] == references


def test_a_charge_that_is_undone_meanwhile_is_not_paid(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge = client.authorize(capture=True)
    real, undone = Books.rows, []

    def rows(books: Books, wanted: Any) -> Any:
        found = real(books, wanted)
        if not undone:
            undone.append(client.follow("void", charge))
        return found

    monkeypatch.setattr(Books, "rows", rows)
    submit(client, (charge["reference"], "CAPTURE", 1000))
    assert report(client)["lines"] == []


def test_books_that_keep_changing_are_left_alone(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = client.authorize(capture=True)["reference"]
    monkeypatch.setattr(Books, "pay", lambda *_: False)
    monkeypatch.setattr(runtime, "pause", lambda _: None)
    assert submit(client, (reference, "CAPTURE", 1000))["statusCode"] == 503
    assert client.send("GET", "/v1/settlements/st-1", secret=KEY)["statusCode"] == 404


def test_the_head_decides_between_two_that_write_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an equal submission that came in between the look and the write
    charge = client.authorize(capture=True)
    entry = (charge["reference"], "CAPTURE", 1000)
    submit(client, entry)
    before = report(client)
    client.follow("void", charge)
    real, looks = reports.find_head, iter([None])
    monkeypatch.setattr(reports, "find_head", lambda *a: next(looks, real(*a)))
    # When the other one goes on, then it is accepted and the first report stands
    assert submit(client, entry)["statusCode"] == 200
    assert report(client) == before


def test_a_long_day_comes_back_whole_and_in_order(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "LINES_PER_ITEM", 2)
    references = [client.authorize(capture=True)["reference"] for _ in range(5)]
    submit(client, *((reference, "CAPTURE", 1000) for reference in references))
    assert [line["reference"] for line in report(client)["lines"]] == references


def test_entries_beyond_one_batch_of_reads_are_found(client: Client) -> None:
    reference = client.authorize(capture=True)["reference"]
    unknown = [(f"nobody-{n}", "CAPTURE", 1) for n in range(100)]
    submit(client, *unknown, (reference, "CAPTURE", 1000))
    assert [line["reference"] for line in report(client)["lines"]] == [reference]


def test_keys_that_dynamodb_left_out_are_asked_for_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a table that gives one item at a time
    references = [client.authorize(capture=True)["reference"] for _ in range(3)]
    books = runtime.services().acquirer.books
    real = books.client.batch_get_item

    def one_at_a_time(RequestItems: dict[str, Any]) -> dict[str, Any]:
        [(table, asked)] = RequestItems.items()
        first, *rest = asked["Keys"]
        answer: dict[str, Any] = real(RequestItems={table: asked | {"Keys": [first]}})
        return answer | {"UnprocessedKeys": {table: asked | {"Keys": rest}} if rest else {}}

    monkeypatch.setattr(books.client, "batch_get_item", one_at_a_time)
    # Then all are found
    wanted = [(reference, Operation.CAPTURE) for reference in references]
    assert set(books.rows(wanted)) == set(wanted)
    # and a table that gives nothing is not waited for forever
    monkeypatch.setattr(
        books.client,
        "batch_get_item",
        lambda RequestItems: {"Responses": {}, "UnprocessedKeys": RequestItems},
    )
    with pytest.raises(TimeoutError):
        books.rows(wanted)


def test_an_empty_day_and_an_unknown_one(client: Client) -> None:
    assert submit(client)["statusCode"] == 200
    assert report(client) == {"lines": [], "gross_cents": 0, "fee_cents": 0, "net_cents": 0}
    assert client.send("GET", "/v1/settlements/nobody", secret=KEY)["statusCode"] == 404


@pytest.mark.parametrize("bad", [{"entries": None}, {"business_day": "today"}, {"reference": "#"}])
def test_bad_settlements_write_nothing(client: Client, bad: dict[str, Any]) -> None:
    assert submit(client, **bad)["statusCode"] == 400
    assert client.stored() == []
