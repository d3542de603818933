"""What can be undone by reference, also when something else happens at the same time."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from farthing_sandbox import runtime
from farthing_sandbox.acquirer import Busy
from farthing_sandbox.asks import Reversal
from farthing_sandbox.operations import Numbers
from tests.support.threads import one_call_at_a_time
from tests.unit.sandbox.test_races import late

if TYPE_CHECKING:
    from tests.unit.sandbox.conftest import Client

DAY = 24 * 3600


def test_an_authorization_is_undone_once(client: Client) -> None:
    # Given an authorization
    charge = client.authorize()
    # When it is reversed twice by the same request and once by another one
    body = client.reversal(charge)
    first = client.ask("/v1/reversals", body)
    assert {name: value for name, value in first.items() if name != "as_of"} == body | {
        "operation": "REVERSAL",
        "result": "REVERSED",
    }
    assert client.ask("/v1/reversals", body)["result"] == "REVERSED"
    assert client.reverse(charge) == "REVERSED"
    # Then there is one void in the books, under the first one's reference
    undone = [("AUTHORIZE", 1000, "REVERSED"), ("VOID", 1000, "APPROVED")]
    assert client.books(order_id=charge["order_id"]) == undone
    assert client.books(reference=body["reference"]) == undone[1:]
    # and look-ups say so
    assert client.look_up(charge["reference"])["status"] == "REVERSED"
    void = client.look_up(body["reference"])
    assert (void["operation"], void["status"], void["amount_cents"]) == ("VOID", "APPROVED", 1000)
    assert client.follow("capture", charge)["decline_code"] == "12"


def test_a_combined_charge_is_undone_with_its_capture_for_a_day(client: Client) -> None:
    charge, old = client.authorize(capture=True), client.authorize(capture=True)
    assert client.reverse(charge) == "REVERSED"
    assert client.books(order_id=charge["order_id"]) == [
        ("AUTHORIZE", 1000, "REVERSED"),
        ("CAPTURE", 1000, "REVERSED"),
        ("VOID", 1000, "APPROVED"),
    ]
    assert client.follow("refund", charge)["decline_code"] == "12"
    client.move_clock(DAY)
    assert client.reverse(old) == "REFUSED"
    assert len(client.books(order_id=old["order_id"])) == 2


def test_what_was_voided_is_reversed_already(client: Client) -> None:
    charge = client.authorize()
    client.follow("void", charge)
    assert client.reverse(charge) == "REVERSED"
    assert len(client.books(order_id=charge["order_id"])) == 2


def test_an_unknown_original_leaves_nothing_behind(client: Client) -> None:
    # Given a reversal that overtakes its original
    body = client.authorization()
    reversal = client.reversal(body)
    assert client.ask("/v1/reversals", reversal)["result"] == "NOT_FOUND"
    assert client.stored() == []
    # When the original arrives, then it is approved
    assert client.ask("/v1/authorizations", body)["status"] == "APPROVED"
    # and the same reversal undoes it
    assert client.ask("/v1/reversals", reversal)["result"] == "REVERSED"


def test_what_cannot_be_undone_is_refused_and_left_alone(client: Client) -> None:
    declined = client.authorize("4000000000000002")
    refunded = client.authorize(capture=True)
    refund = client.follow("refund", refunded, amount_cents=1)
    captured = client.authorize()
    client.follow("capture", captured, amount_cents=1)
    elsewhere = client.authorize() | {"order_id": "another-order"}
    before = client.stored()
    for original in (declined, refunded, refund, captured, elsewhere):
        assert client.reverse(original) == "REFUSED"
    assert client.stored() == before


def test_the_reference_of_a_reversal_is_its_own(client: Client) -> None:
    charge, other = client.authorize(), client.authorize()
    body = client.reversal(charge, merchant_reference="mer-1")
    client.ask("/v1/reversals", body)
    reused = client.reversal(other, reference=body["reference"])
    assert client.send("POST", "/v1/reversals", reused)["statusCode"] == 409
    void = client.following("void", charge, reference=body["reference"])
    assert client.send("POST", "/v1/voids", void)["statusCode"] == 409
    # but who else it was for does not matter
    again = {name: value for name, value in body.items() if name != "merchant_reference"}
    assert client.ask("/v1/reversals", again)["result"] == "REVERSED"


@pytest.mark.parametrize("bad", [{"amount_cents": 1000}, {"reference": ""}, {"order_id": None}])
def test_a_bad_reversal_does_nothing(client: Client, bad: dict[str, Any]) -> None:
    charge = client.authorize()
    answer = client.send("POST", "/v1/reversals", client.reversal(charge) | bad)
    assert answer["statusCode"] == 400
    assert next(iter(bad)) in answer["body"]
    assert client.look_up(charge["reference"])["status"] == "APPROVED"


RACES = [
    # taken at once, what happens after the reversal looked
    pytest.param(False, "capture", 1000, "REFUSED", id="NOTHING_CAPTURED"),
    pytest.param(True, "refund", 1, "REFUSED", id="NOTHING_REFUNDED"),
    pytest.param(True, "refund", 1000, "REFUSED", id="NOTHING_REFUNDED by all"),
    pytest.param(False, "void", 1000, "REVERSED", id="NOTHING_CAPTURED after void"),
    pytest.param(True, "void", 1000, "REVERSED", id="NOTHING_REFUNDED after void"),
]


@pytest.mark.parametrize(("taken", "kind", "amount", "result"), RACES)
def test_a_reversal_on_stale_facts_is_not_written(
    client: Client, taken: bool, kind: str, amount: int, result: str
) -> None:
    # Given a charge as a reversal sees it, and something that gets in before
    charge = client.authorize(capture=taken)
    seen = runtime.services().acquirer.books.charge(charge["reference"])
    assert client.follow(kind, charge, amount_cents=amount)["status"] == "APPROVED"
    before = client.stored()
    # When the reversal goes on with what it saw
    ask = Reversal(**client.reversal(charge))
    numbers = Numbers("late", "LATE", "LATE")
    came = late(stale_charges=[seen]).reverse(ask, runtime.services().now(), numbers)
    # Then the database refuses it, and the second look decides rightly
    assert came == result
    assert client.stored() == before


@pytest.mark.parametrize(("taken", "kind"), [(False, "capture"), (True, "refund")])
def test_what_comes_on_stale_facts_after_a_reversal_is_declined(
    client: Client, taken: bool, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_call_at_a_time(monkeypatch)
    for _ in range(3):
        # Given a charge that is followed up and reversed at once
        charge = client.authorize(capture=taken)
        asked = [
            (f"/v1/{kind}s", client.following(kind, charge)),
            ("/v1/reversals", client.reversal(charge)),
        ]
        with ThreadPoolExecutor(2) as pool:
            followed, reversed_ = pool.map(lambda it: client.ask(*it), asked)
        # Then one of them happened, and the books show that one
        rows = client.books(order_id=charge["order_id"])
        did = followed["status"] == "APPROVED"
        assert reversed_["result"] == ("REFUSED" if did else "REVERSED")
        assert ((kind.upper(), 1000, "APPROVED") in rows) == did
        assert (("VOID", 1000, "APPROVED") in rows) != did


def test_reversals_at_once_make_one_void(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    one_call_at_a_time(monkeypatch)
    charge = client.authorize(capture=True)
    bodies = [client.reversal(charge) for _ in range(4)] * 2
    with ThreadPoolExecutor(8) as pool:
        came = list(pool.map(lambda body: client.ask("/v1/reversals", body)["result"], bodies))
    assert came == ["REVERSED"] * 8
    assert client.books(order_id=charge["order_id"]).count(("VOID", 1000, "APPROVED")) == 1


def test_a_reversal_that_never_gets_through_says_so(client: Client) -> None:
    charge = client.authorize()
    seen = runtime.services().acquirer.books.charge(charge["reference"])
    client.follow("capture", charge)
    before = client.stored()
    with pytest.raises(Busy):
        late(stale_charges=[seen] * 100).reverse(
            Reversal(**client.reversal(charge)),
            runtime.services().now(),
            Numbers("late", "LATE", "LATE"),
        )
    assert client.stored() == before


def test_at_an_acquirer_that_is_not_idempotent_a_reversal_still_undoes_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_IDEMPOTENT", "false")
    charge = client.authorize(capture=True)
    body = client.reversal(charge)
    for _ in range(2):
        assert json.loads(client.send("POST", "/v1/reversals", body)["body"])["result"] == (
            "REVERSED"
        )
    assert client.books(reference=body["reference"]) == [("VOID", 1000, "APPROVED")]
