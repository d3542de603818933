"""The conditions hold when the facts are stale: each of these fails without its condition.

The first read of a charge here gives what it was before somebody else changed
it. A decision on that is wrong, the write must refuse it, and the second look
decides rightly.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from farthing_sandbox import runtime
from farthing_sandbox.acquirer import Busy
from farthing_sandbox.asks import FollowUp, Operation
from farthing_sandbox.books import Books
from farthing_sandbox.operations import Numbers

if TYPE_CHECKING:
    from farthing_sandbox.books import Recorded
    from farthing_sandbox.operations import Charge
    from tests.unit.sandbox.conftest import Client


@dataclass(frozen=True)
class Late(Books):
    """Books whose first looks show what was there a moment ago."""

    stale_charges: list[Charge | None] = field(default_factory=list)
    stale_operations: list[Recorded | None] = field(default_factory=list)

    def charge(self, reference: str) -> Charge | None:
        return self.stale_charges.pop() if self.stale_charges else super().charge(reference)

    def operation(self, reference: str) -> Recorded | None:
        return (
            self.stale_operations.pop() if self.stale_operations else super().operation(reference)
        )


def late(**stale: list[Any]) -> Any:
    """An acquirer on such books."""
    acquirer = runtime.services().acquirer
    books = Late(acquirer.books.client, acquirer.books.table, **stale)
    return replace(acquirer, books=books, pause=lambda attempt: None)


def follow_up(client: Client, kind: str, charge: dict[str, Any], **fields: Any) -> FollowUp:
    body = client.following(kind, charge, **fields)
    return FollowUp(operation=Operation(kind.upper()), **body)


def operate(acquirer: Any, ask: Any) -> str:
    answer: str = acquirer.operate(ask, runtime.services().now(), Numbers("late", "LATE", "LATE"))
    return answer


CASES = [
    # taken at once, what happened meanwhile, what comes late
    pytest.param(False, ("capture", 1000), ("capture", 1000), id="ENOUGH_LEFT_TO_CAPTURE"),
    pytest.param(False, ("capture", 1), ("void", 1000), id="NOTHING_CAPTURED"),
    pytest.param(False, ("void", 1000), ("capture", 1000), id="ENOUGH_LEFT_TO_CAPTURE after void"),
    pytest.param(True, ("refund", 501), ("refund", 500), id="ENOUGH_LEFT_TO_REFUND"),
    pytest.param(True, ("void", 1000), ("refund", 1), id="ENOUGH_LEFT_TO_REFUND after void"),
    pytest.param(True, ("refund", 1), ("void", 1000), id="NOTHING_REFUNDED"),
]


@pytest.mark.parametrize(("taken", "meanwhile", "then"), CASES)
def test_a_decision_on_stale_facts_is_not_written(
    client: Client, taken: bool, meanwhile: tuple[str, int], then: tuple[str, int]
) -> None:
    # Given a charge as one request sees it, and another one that changes it
    charge = client.authorize(capture=taken)
    seen = runtime.services().acquirer.books.charge(charge["reference"])
    assert client.follow(meanwhile[0], charge, amount_cents=meanwhile[1])["status"] == "APPROVED"
    before = client.books(order_id=charge["order_id"])
    # When the first one goes on with what it saw
    ask = follow_up(client, then[0], charge, amount_cents=then[1])
    answer = operate(late(stale_charges=[seen]), ask)
    # Then it is declined, and changed nothing
    assert '"DECLINED"' in answer
    declined = (then[0].upper(), then[1], "DECLINED")
    assert sorted(client.books(order_id=charge["order_id"])) == sorted([*before, declined])


def test_a_reference_is_claimed_once(client: Client) -> None:
    # Given a refund that an equal request made a moment ago (NOT_CREATED)
    charge = client.authorize(capture=True)
    ask = follow_up(client, "refund", charge, amount_cents=100)
    first = operate(late(), ask)
    # When the equal request still sees no trace of it
    again = operate(late(stale_operations=[None]), ask)
    # Then it gets the first one's answer, and there is one refund
    assert again == first
    assert client.books(order_id=charge["order_id"]).count(("REFUND", 100, "APPROVED")) == 1


def test_a_charge_that_never_holds_still_is_given_up_with_nothing_written(client: Client) -> None:
    charge = client.authorize(capture=True)
    seen = runtime.services().acquirer.books.charge(charge["reference"])
    client.follow("refund", charge)
    before = client.stored()
    with pytest.raises(Busy):
        operate(late(stale_charges=[seen] * 100), follow_up(client, "refund", charge))
    assert client.stored() == before


def test_another_failure_of_the_table_is_not_taken_for_a_race(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.authorize()
    books = runtime.services().acquirer.books
    kind = books.client.exceptions.TransactionCanceledException
    reasons = {"CancellationReasons": [{"Code": "ThrottlingError"}, {"Code": "None"}]}
    cancelled = kind({"Error": {"Code": "TransactionCanceledException"}, **reasons}, "op")

    def fail(**_: object) -> None:
        raise cancelled

    monkeypatch.setattr(books.client, "transact_write_items", fail)
    with pytest.raises(kind):
        client.authorize()
