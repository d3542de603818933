"""The sandbox's bank accounts: accepted now, decided later, perhaps taken back; whoever looks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from farthing_sandbox import acquirer, banks, maturity, runtime
from tests.unit.sandbox.conftest import QUEUE_URL
from tests.unit.sandbox.settling import report, submit, sums
from tests.unit.sandbox.test_pending import Receiver, register

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.sandbox.conftest import Client

PAYS, REFUSED, CLOSED, RETURNED, SILENT, NEVER, AT_ONCE = banks.IBANS
DECIDED = banks.DECIDES_AFTER_SECONDS
BACK = DECIDED + banks.RETURNS_AFTER_SECONDS
MANDATE = {"reference": "M-1", "accepted_at": "2026-05-04T08:00:00Z"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who wants to know."""
    import threading

    server = Receiver()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages come at once, whatever the clock says."""
    real = runtime.defer
    monkeypatch.setattr(runtime, "defer", lambda message, seconds: real(message, 0))


def asked(client: Client, iban: str = PAYS, **fields: Any) -> dict[str, Any]:
    """The body of a debit of 1000 EUR cents."""
    account = {"iban": iban, "holder_name": "Ada", "mandate": MANDATE}
    body = client.authorization(capture=True, bank_account=account) | fields
    return {name: value for name, value in body.items() if name != "card"}


def debit(client: Client, iban: str = PAYS, **fields: Any) -> dict[str, Any]:
    """Its answer."""
    return client.ask("/v1/authorizations", asked(client, iban, **fields))


def american(client: Client, number: str, **fields: Any) -> dict[str, Any]:
    """The answer to a debit by ACH."""
    account = {
        "account_number": number,
        "routing_number": banks.ROUTING_NUMBER,
        "account_type": "CHECKING",
        "holder_name": "Ada",
        "mandate": MANDATE,
    }
    return debit(client, currency="usd", bank_account=account, **fields)


def test_it_is_accepted_and_nothing_has_moved(client: Client) -> None:
    answer = debit(client)
    assert (answer["status"], answer["captured_cents"], answer["method"]) == ("PENDING", 0, "BANK")
    assert answer["expires_at"] is answer["network_reference"] is None
    assert client.look_up(answer["reference"])["status"] == "PENDING"
    assert client.books(order_id=answer["order_id"]) == []
    assert client.follow("refund", answer)["decline_code"] == "12"


@pytest.mark.parametrize("look", ["look_up", "books", "list_operations", "refund"])
def test_it_is_paid_when_its_time_has_come_whoever_looks_first(client: Client, look: str) -> None:
    # Given
    answer = debit(client)
    client.move_clock(DECIDED)
    # When somebody looks
    if look == "look_up":
        client.look_up(answer["reference"])
    elif look == "books":
        client.books(order_id=answer["order_id"])
    elif look == "list_operations":
        client.list_operations()
    else:
        assert client.follow("refund", answer, amount_cents=1)["status"] == "APPROVED"
    # Then
    found = client.look_up(answer["reference"])
    assert (found["status"], found["captured_cents"]) == ("APPROVED", 1000)
    assert found["returned"] is None
    rows = client.books(order_id=answer["order_id"])
    assert rows[:2] == [("AUTHORIZE", 1000, "APPROVED"), ("CAPTURE", 1000, "APPROVED")]
    (row,) = [r for r in client.list_operations()["data"] if r["operation"] == "AUTHORIZE"]
    assert (row["status"], row["method"], row["returned"]) == ("APPROVED", "BANK", False)


def test_a_second_earlier_it_is_not(client: Client) -> None:
    answer = debit(client)
    client.move_clock(DECIDED - 2)
    assert client.look_up(answer["reference"])["status"] == "PENDING"


@pytest.mark.parametrize(("iban", "code"), [(REFUSED, "AM04")])
def test_the_bank_may_refuse(client: Client, iban: str, code: str) -> None:
    answer = debit(client, iban)
    assert answer["status"] == "PENDING"
    client.move_clock(DECIDED)
    found = client.look_up(answer["reference"])
    assert (found["status"], found["decline_code"], found["captured_cents"]) == (
        "DECLINED",
        code,
        0,
    )
    assert found["authorization_code"] is None
    assert client.books(order_id=answer["order_id"]) == [("AUTHORIZE", 1000, "DECLINED")]
    assert client.follow("refund", answer)["decline_code"] == "12"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "AC04"),
        ({"capture": False}, "12"),
        ({"currency": "usd"}, "12"),
    ],
)
def test_some_are_not_even_accepted(client: Client, fields: dict[str, Any], code: str) -> None:
    answer = debit(client, CLOSED, **fields)
    assert (answer["status"], answer["decline_code"]) == ("DECLINED", code)
    client.move_clock(DECIDED)
    assert client.look_up(answer["reference"])["status"] == "DECLINED"


def test_a_number_that_is_no_iban_is_no_account(client: Client) -> None:
    assert debit(client, "DE89370400440532013001")["decline_code"] == "AC01"


@pytest.mark.parametrize(
    ("number", "at_once", "later"),
    [
        ("000000000004", "PENDING", "APPROVED"),
        ("000000000012", "PENDING", "DECLINED"),
        ("000000000020", "DECLINED", "DECLINED"),
        ("7654321", "PENDING", "APPROVED"),
    ],
)
def test_american_accounts_have_their_own_table(
    client: Client, number: str, at_once: str, later: str
) -> None:
    answer = american(client, number)
    assert answer["status"] == at_once
    client.move_clock(BACK)
    assert client.look_up(answer["reference"])["status"] == later


def test_it_is_taken_back_and_that_is_once(client: Client) -> None:
    answer = debit(client, RETURNED, merchant_reference="mer-1")
    client.move_clock(BACK)
    for _ in range(2):
        found = client.look_up(answer["reference"])
    assert found["status"] == "APPROVED"
    returned = found["returned"]
    assert (returned["amount_cents"], returned["code"]) == (1000, "MD06")
    assert returned["reference"].startswith("RTN-") and returned["at"] > answer["created_at"]
    assert client.books(reference=answer["reference"]) == [
        ("AUTHORIZE", 1000, "APPROVED"),
        ("CAPTURE", 1000, "APPROVED"),
        ("RETURN", 1000, "APPROVED"),
    ]
    assert client.follow("refund", answer, amount_cents=1)["decline_code"] == "12"
    assert client.reverse(answer) == "REFUSED"
    assert client.list_operations()["data"][0]["returned"] is True


def test_of_two_who_look_at_once_one_moves_the_money(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = debit(client)
    client.move_clock(DECIDED)
    real, raced = maturity.steps, []

    def steps(*facts: Any) -> Any:
        writes = real(*facts)
        if not raced:
            raced.append(True)
            client.look_up(answer["reference"])
        return writes

    monkeypatch.setattr(maturity, "steps", steps)
    client.look_up(answer["reference"])
    rows = client.books(order_id=answer["order_id"])
    assert rows == [("AUTHORIZE", 1000, "APPROVED"), ("CAPTURE", 1000, "APPROVED")]


@pytest.mark.parametrize("at", [0, DECIDED])
def test_a_reversal_takes_it_back_before_and_after_the_bank_decides(
    client: Client, at: int
) -> None:
    answer = debit(client)
    client.move_clock(at)
    assert client.reverse(answer) == "REVERSED"
    client.move_clock(BACK)
    found = client.look_up(answer["reference"])
    assert (found["status"], found["captured_cents"]) == ("REVERSED", 0)
    moved = [row for row in client.books(order_id=answer["order_id"]) if row[2] == "APPROVED"]
    assert moved == [("VOID", 1000, "APPROVED")]


def test_the_same_request_again_is_one_debit(client: Client) -> None:
    body = asked(client)
    first = client.ask("/v1/authorizations", body)
    assert client.ask("/v1/authorizations", body) == first
    other = body | {"bank_account": body["bank_account"] | {"iban": RETURNED}}
    assert client.ask("/v1/authorizations", other)["error"]["code"] == "REFERENCE_REUSED"
    client.move_clock(DECIDED)
    assert client.ask("/v1/authorizations", body) == first
    assert client.books(order_id=first["order_id"]).count(("CAPTURE", 1000, "APPROVED")) == 1


def test_where_the_answer_never_comes_the_debit_is_on_its_way(client: Client) -> None:
    body = asked(client, SILENT)
    answer = client.send("POST", "/v1/authorizations", body)
    assert answer["headers"]["Farthing-Sandbox-Fault"] == "no-answer"
    assert client.look_up(body["reference"])["status"] == "PENDING"


def test_the_number_is_written_nowhere(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    debit(client)
    american(client, "000000000004")
    stored = json.dumps(client.stored(), default=str) + caplog.text
    for secret in (PAYS, PAYS[4:18], "000000000004", "Ada"):
        assert secret not in stored


@pytest.mark.parametrize(
    "account",
    [
        {},
        {"iban": PAYS},
        {"iban": PAYS, "holder_name": "Ada", "mandate": {"reference": "M"}},
        {"iban": PAYS.lower(), "holder_name": "Ada", "mandate": MANDATE},
        {"account_number": "1234", "holder_name": "Ada", "mandate": MANDATE},
        {"routing_number": "110000000", "holder_name": "Ada", "mandate": MANDATE},
        {
            "iban": PAYS,
            "account_number": "1234",
            "routing_number": "110000000",
            "holder_name": "Ada",
            "mandate": MANDATE,
        },
    ],
)
def test_a_bad_account_is_refused(client: Client, account: dict[str, Any]) -> None:
    answer = client.send("POST", "/v1/authorizations", asked(client, bank_account=account))
    assert answer["statusCode"] == 400
    assert PAYS not in answer["body"] and client.stored() == []


def test_one_thing_pays(client: Client) -> None:
    both = client.authorization() | {"bank_account": asked(client)["bank_account"]}
    neither = {name: value for name, value in client.authorization().items() if name != "card"}
    for body in (both, neither):
        assert client.send("POST", "/v1/authorizations", body)["statusCode"] == 400
    assert client.stored() == []


# --- what is told by itself -----------------------------------------------------------------------


def test_the_message_comes_when_the_bank_decides(client: Client) -> None:
    debit(client)
    queue = runtime.client("sqs").get_queue_attributes(QueueUrl=QUEUE_URL, AttributeNames=["All"])
    assert queue["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"


@pytest.mark.usefixtures("soon")
def test_a_message_that_is_too_early_comes_again(client: Client, receiver: Receiver) -> None:
    register(client, receiver.url)
    debit(client)
    for _ in range(3):
        [message] = client.messages()
        assert client.wake(message) == []
    assert receiver.got == []


@pytest.mark.usefixtures("soon")
def test_what_the_bank_does_is_told_step_by_step(client: Client, receiver: Receiver) -> None:
    # Given a debit that will be taken back
    register(client, receiver.url)
    answer = debit(client, RETURNED, merchant_reference="mer-1")
    [message] = client.messages()
    # When it is paid
    client.move_clock(DECIDED)
    assert client.wake(message) == []
    # Then
    told = {
        "reference": answer["reference"],
        "order_id": answer["order_id"],
        "merchant_reference": "mer-1",
    }
    [fact] = receiver.facts()
    assert fact["type"] == "debit.updated"
    assert fact["data"] == told | {"operation": "AUTHORIZE", "status": "APPROVED"}
    # When it is taken back
    [message] = client.messages()
    client.move_clock(BACK)
    assert client.wake(message, message) == []
    # Then that is told, by the same bytes each time, and no message is left
    _, *again = receiver.facts()
    assert [fact["type"] for fact in again] == ["debit.returned"] * 2
    assert again[0] == again[1]
    assert again[0]["data"] == told | {"operation": "RETURN", "status": "APPROVED"}
    assert client.messages() == []


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    ("iban", "types"),
    [
        (PAYS, ["debit.updated"]),
        (REFUSED, ["debit.updated"]),
        (RETURNED, ["debit.updated", "debit.returned"]),
        (AT_ONCE, ["debit.returned"]),
    ],
)
def test_when_the_clock_was_moved_far_one_message_tells_all(
    client: Client, receiver: Receiver, iban: str, types: list[str]
) -> None:
    register(client, receiver.url)
    debit(client, iban)
    [message] = client.messages()
    client.move_clock(BACK)
    assert client.wake(message) == []
    assert [fact["type"] for fact in receiver.facts()] == types
    assert client.messages() == []


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(("iban", "reversed_"), [(NEVER, False), (CLOSED, False), (PAYS, True)])
def test_nothing_is_told_of_what_never_happens(
    client: Client, receiver: Receiver, iban: str, reversed_: bool
) -> None:
    register(client, receiver.url)
    answer = debit(client, iban)
    if reversed_:
        assert client.reverse(answer) == "REVERSED"
    client.move_clock(BACK)
    assert client.wake(*client.messages()) == []
    assert receiver.got == []


def test_a_message_that_overtakes_its_debit_comes_again(client: Client) -> None:
    due = {"order_id": "o", "entry": "2026-11-22T09:00:00.000Z#ab", "reference": "r"}
    body = json.dumps(due | {"what": "DECISION"})
    assert client.wake({"messageId": "m", "body": body}) == ["m"]
    assert acquirer.DEFER_SECONDS_MAX == 900


# --- settlement ----------------------------------------------------------------------------------


def test_a_settlement_pays_the_debit_and_takes_the_return(client: Client) -> None:
    answer = debit(client, RETURNED)
    client.move_clock(BACK)
    client.look_up(answer["reference"])
    submit(
        client,
        *((answer["reference"], kind, 1000) for kind in ("CAPTURE", "RETURN")),
        currency="eur",
    )
    lines = report(client)[:-1]
    assert [(line["type"], line["net_cents"]) for line in lines] == [
        ("CAPTURE", "976"),
        ("RETURN", "-1000"),
    ]
    assert sums(client) == (0, 24, -24)
