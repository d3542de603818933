"""The report comes from the acquirer's own books, to the last minor unit."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing_sandbox import books, files, reports, runtime
from farthing_sandbox.asks import Operation
from farthing_sandbox.books import Books
from farthing_sandbox.settlement import capture_fee_minor
from tests.unit.sandbox.settling import KEY, file_of, paid, report, submit, sums, transfers

if TYPE_CHECKING:
    from tests.unit.sandbox.conftest import Client


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
    day = (
        (charge["reference"], "CAPTURE", 1000),
        (capture["reference"], "CAPTURE", 600),
        (refund["reference"], "REFUND", 900),
    )
    answer = submit(client, *day)
    # Then the report has fees on captures only, and its sums agree
    file = file_of(*day).encode()
    assert json.loads(answer["body"]) == {
        "reference": "st-1",
        "status": "ACCEPTED",
        "content_sha256": hashlib.sha256(file).hexdigest(),
    }
    on = datetime.now(UTC).date().isoformat()
    order, other = charge["order_id"], held["order_id"]
    assert [list(line.values()) for line in report(client)] == [
        ["st-1", "1", "CAPTURE", charge["reference"], order, "eur", "1000", "24", "976", on],
        ["st-1", "2", "CAPTURE", capture["reference"], other, "eur", "600", "18", "582", on],
        ["st-1", "3", "REFUND", refund["reference"], order, "eur", "900", "0", "-900", on],
        ["st-1", "4", "TOTAL", "", "", "eur", "700", "42", "658", on],
    ]


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
    assert [(x["reference"], x["amount_cents"]) for x in report(client)[:-1]] == [
        (charge["reference"], "1000")
    ]


def test_a_settlement_is_accepted_once(client: Client) -> None:
    charge = client.authorize(capture=True)
    entry = (charge["reference"], "CAPTURE", 1000)
    first = submit(client, entry)
    before = report(client)
    client.follow("void", charge)
    assert submit(client, entry) == first
    assert submit(client, entry, entry)["statusCode"] == 409
    assert report(client) == before


def test_what_one_settlement_paid_no_other_one_pays_again(client: Client) -> None:
    # Given two captures, one of them settled
    first, second = (client.authorize(capture=True)["reference"] for _ in range(2))
    submit(client, (first, "CAPTURE", 1000))
    # When another settlement asks for both
    submit(client, (first, "CAPTURE", 1000), (second, "CAPTURE", 1000), reference="st-2")
    # Then each is paid by one
    assert paid(client) == [first]
    assert paid(client, "st-2") == [second]
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
    assert paid(client) == []
    assert paid(client, "st-2") == [reference]


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
    assert paid(client) == references


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
    assert paid(client) == []


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
    assert paid(client) == references


def test_entries_beyond_one_batch_of_reads_are_found(client: Client) -> None:
    reference = client.authorize(capture=True)["reference"]
    unknown = [(f"nobody-{n}", "CAPTURE", 1) for n in range(100)]
    submit(client, *unknown, (reference, "CAPTURE", 1000))
    assert paid(client) == [reference]


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


def test_an_unknown_settlement_has_neither_a_state_nor_a_report(client: Client) -> None:
    for path in ("/v1/settlements/nobody", "/v1/settlements/nobody/report"):
        answer = client.send("GET", path, secret=KEY)
        assert answer["statusCode"] == 404
        assert json.loads(answer["body"])["reference"] == "nobody"


def test_an_accepted_settlement_says_what_was_submitted_and_that_it_is_reported(
    client: Client,
) -> None:
    first = json.loads(submit(client, ("nobody", "CAPTURE", 1))["body"])
    found = json.loads(client.send("GET", "/v1/settlements/st-1", secret=KEY)["body"])
    assert found == first | {"reported": True}


@pytest.mark.parametrize(
    ("find", "put"),
    [
        ("settlement_reference,", "reference,"),
        ("st-1,1,", "st#1,1,"),
        ("st-1,1,", "st-1,2,"),
        ("st-1,2,", "st-2,2,"),
        ("CAPTURE", "VOID"),
        ("r-1,", "r 1,"),
        ("EUR", "EURO"),
        ("EUR,1000", "USD,1000"),
        (",1000", ",-1000"),
        (",1000", ",0"),
        (",1000", ",1000.0"),
        (",1000", ",100000000"),
        (",1000", ""),
        (",1000", ',"1000'),
    ],
)
def test_a_file_that_is_not_right_is_refused_and_writes_nothing(
    client: Client, find: str, put: str
) -> None:
    file = file_of(("r-1", "CAPTURE", 1000), ("r-2", "CAPTURE", 500))
    assert find in file
    answer = client.send("POST", "/v1/settlements", file.replace(find, put, 1), secret=KEY)
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["error"]["code"] == "MALFORMED"
    assert client.stored() == []


def test_a_file_without_lines_or_with_too_many_is_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ENTRIES_MAX", 2)
    for count, status in ((0, 400), (2, 200), (3, 400)):
        entries = [(f"nobody-{n}", "CAPTURE", 1) for n in range(count)]
        assert submit(client, *entries)["statusCode"] == status
    assert client.send("POST", "/v1/settlements", "", secret=KEY)["statusCode"] == 400
    assert client.send("POST", "/v1/settlements", {"entries": []}, secret=KEY)["statusCode"] == 400


# --- cards whose captures are settled wrongly ----------------------------------------------------


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("number", "lines"),
    [
        ("4000009900000095", []),
        ("4000009900000103", [(1000, 24, 976), (1000, 24, 976)]),
        ("4000009900000111", [(900, 23, 877)]),
    ],
)
def test_some_captures_are_missing_twice_or_otherwise_in_the_report(
    client: Client, number: str, lines: list[tuple[int, int, int]], *, at_once: bool
) -> None:
    # Given such a charge, captured at once or later, beside one that is settled as it is
    charge = client.authorize(number, capture=at_once)
    capture = charge if at_once else client.follow("capture", charge)
    refund = client.follow("refund", charge, amount_cents=100)
    right = client.authorize(capture=True)
    # When the day is settled
    submit(
        client,
        (capture["reference"], "CAPTURE", 1000),
        (refund["reference"], "REFUND", 100),
        (right["reference"], "CAPTURE", 1000),
    )
    # Then its capture alone is reported wrongly, and the report adds up
    wrong = [*lines, (100, 0, -100), (1000, 24, 976)]
    names = ("amount_cents", "fee_cents", "net_cents")
    assert [tuple(int(line[name]) for name in names) for line in report(client)[:-1]] == wrong
    assert sums(client)[2] == sum(net for _, _, net in wrong)
    # and the books show what was captured
    assert ("CAPTURE", 1000, "APPROVED") in client.books(order_id=charge["order_id"])


def test_a_capture_of_one_is_settled_otherwise_too(client: Client) -> None:
    charge = client.authorize("4000009900000111", capture=True, amount_cents=1)
    submit(client, (charge["reference"], "CAPTURE", 1))
    assert report(client)[0]["amount_cents"] == "2"


# --- what is transferred -------------------------------------------------------------------------


def test_the_net_of_a_settlement_is_at_the_bank_on_the_next_day(client: Client) -> None:
    today = datetime.now(UTC).date()
    tomorrow = (today + timedelta(days=1)).isoformat()
    charge = client.authorize("4000009900000103", capture=True)
    dollars = client.authorize(capture=True, currency="usd")
    refund = client.follow("refund", dollars, currency="usd")
    entry = (charge["reference"], "CAPTURE", 1000)
    submit(client, entry)
    submit(client, entry)
    submit(client, (refund["reference"], "REFUND", 1000), reference="st-2", currency="USD")
    submit(client, ("nobody", "CAPTURE", 1000), reference="st-3")
    # Then nothing is booked before its day
    assert transfers(client, today.isoformat()) == transfers(client, tomorrow) == []
    # and then what each report says, once, but for what is nothing
    client.move_clock(86_400)
    assert [tuple(row.values()) for row in transfers(client, tomorrow)] == [
        (tomorrow, "eur", "1952", "st-1", "Sandbox settlement"),
        (tomorrow, "usd", "-1000", "st-2", "Sandbox settlement"),
    ]


@pytest.mark.parametrize("query", [{}, {"booked_on": "today"}, {"booked_on": "2026-1-1"}])
def test_transfers_are_asked_for_by_their_day(client: Client, query: dict[str, str]) -> None:
    answer = client.send("GET", "/transfers", query=query, secret=None)
    assert answer["statusCode"] == 400
