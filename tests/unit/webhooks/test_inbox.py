"""The inbox: what an acquirer told is applied once it is ours, however often it comes, and kept
until then."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from farthing import runtime
from farthing.acquiring.apply import QUEUE_DELAY_SECONDS_MAX, InOtherHands, Services, apply
from farthing.acquiring.inbound import Item, NotYet
from farthing.acquiring.inbox import (
    KEPT_DAYS,
    LEASE_SECONDS,
    WAITS_SECONDS,
    InboxScope,
    ItemAddress,
    Kept,
    Turn,
    kept_put,
)
from farthing.acquiring.inbox_due import Services as DueServices
from farthing.acquiring.inbox_due import queue_due
from farthing.clock import epoch_seconds
from farthing.store import KeyOutsideScope, TenantScope
from tests.support import inbox
from tests.support.inbox import HEARD_AT
from tests.support.lambdas import MERCHANT
from tests.support.stack import APPROVED

ADDRESS = ItemAddress("sandbox", "", "msg_1")


@dataclass
class Worker:
    """acquirer_events with a clock that is moved by hand, and a queue that only remembers."""

    now: datetime = HEARD_AT
    sent: list[tuple[ItemAddress, int]] = field(default_factory=list)
    done: list[Kept] = field(default_factory=list)

    def send(self, address: ItemAddress, delay_seconds: int = 0) -> None:
        self.sent.append((address, delay_seconds))

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def apply(self, work: Callable[[Kept], None] | None = None) -> Turn | None:
        services = Services(runtime.store(InboxScope()), self, lambda: self.now)
        return apply(ADDRESS, services, work or self.done.append)

    def tick(self) -> int:
        store = runtime.store(InboxScope())
        return queue_due(DueServices(store, self, self.now, lambda: 50.0))


@pytest.fixture
def worker(aws: None) -> Worker:
    """A worker, and one item."""
    inbox.heard("sandbox", {}, event_id=ADDRESS.name)
    return Worker()


def not_there(kept: Kept) -> None:
    raise NotYet


def die(kept: Kept) -> None:
    raise KeyboardInterrupt


def test_an_item_is_applied_once(worker: Worker) -> None:
    assert worker.apply() is Turn.READY
    assert worker.apply() is Turn.APPLIED
    assert [kept.address for kept in worker.done] == [ADDRESS]
    (row,) = inbox.rows()
    assert (row["state"]["S"], row["applied_at"]["S"]) == ("APPLIED", "2026-11-22T09:00:00.000Z")


def test_a_row_is_kept_for_a_month(worker: Worker) -> None:
    (row,) = inbox.rows()
    assert int(row["ttl"]["N"]) == epoch_seconds(HEARD_AT + timedelta(days=KEPT_DAYS))


def test_of_two_workers_at_once_one_applies(worker: Worker) -> None:
    # Given a worker that is at it
    def meanwhile(kept: Kept) -> None:
        # When the same message comes to another, Then that one does nothing, and it comes again
        with pytest.raises(InOtherHands):
            worker.apply()
        worker.done.append(kept)

    assert worker.apply(meanwhile) is Turn.READY
    assert len(worker.done) == 1


def test_of_two_workers_that_read_the_same_row_one_claims(worker: Worker) -> None:
    # Given a worker that has read the row, When another one claims it before it does
    other = Worker()
    claims: list[Turn | None] = []

    def moment() -> datetime:
        if not claims:
            claims.append(None)
            claims[0] = other.apply()
        return worker.now

    # Then it is not applied twice
    with pytest.raises(InOtherHands):
        apply(ADDRESS, Services(runtime.store(InboxScope()), worker, moment), worker.done.append)
    assert (claims, len(other.done), worker.done) == ([Turn.READY], 1, [])


def test_a_crash_before_the_mark_is_applied_again_when_the_claim_is_over(worker: Worker) -> None:
    # Given
    with pytest.raises(KeyboardInterrupt):
        worker.apply(die)
    assert inbox.states() == ["RECEIVED"]
    # When
    with pytest.raises(InOtherHands):
        worker.apply()
    worker.move(LEASE_SECONDS + 1)
    # Then
    assert worker.apply() is Turn.READY
    assert len(worker.done) == 1


def test_who_lost_its_claim_marks_nothing(worker: Worker) -> None:
    # Given a worker that stands still until another one has claimed the item, and not marked it
    def stand_still(kept: Kept) -> None:
        worker.move(LEASE_SECONDS + 1)
        with pytest.raises(KeyboardInterrupt):
            worker.apply(die)

    # When it goes on, Then the item is not its own to mark
    with pytest.raises(InOtherHands):
        worker.apply(stand_still)
    assert inbox.states() == ["RECEIVED"]


def test_what_fails_is_not_marked(worker: Worker) -> None:
    def fail(kept: Kept) -> None:
        raise LookupError("a bug of ours is not something that may come")

    with pytest.raises(LookupError):
        worker.apply(fail)
    assert (inbox.states(), worker.sent) == (["RECEIVED"], [])


def test_what_is_not_there_yet_is_waited_for_longer_each_time(worker: Worker) -> None:
    waited = []
    for wait_seconds in WAITS_SECONDS:
        assert worker.apply(not_there) is Turn.WAITING
        # What SQS can wait for, it waits for
        if wait_seconds <= QUEUE_DELAY_SECONDS_MAX:
            assert worker.sent == [(ADDRESS, wait_seconds)]
        else:
            assert worker.sent == []
        worker.sent.clear()
        # Whatever comes before its time changes nothing
        worker.move(wait_seconds - 1)
        assert worker.apply(not_there) is Turn.WAITING
        assert worker.tick() == 0
        # And what is lost, the tick finds
        worker.move(2)
        assert worker.tick() == 1
        assert worker.sent == [(ADDRESS, 0)]
        assert worker.tick() == 0
        worker.sent.clear()
        waited.append(wait_seconds)
    # When it has waited often enough, Then its message fails, and waits in the dead letters
    assert sum(waited) > 7 * 3600
    with pytest.raises(NotYet):
        worker.apply(not_there)
    worker.move(LEASE_SECONDS + 1)
    assert (worker.sent, worker.tick()) == ([], 0)
    # from where somebody may bring it back
    assert worker.apply() is Turn.READY


def test_what_comes_while_it_is_waited_for_is_applied(worker: Worker) -> None:
    assert worker.apply(not_there) is Turn.WAITING
    worker.move(WAITS_SECONDS[0])
    assert worker.apply() is Turn.READY
    assert inbox.states() == ["APPLIED"]
    worker.move(24 * 3600)
    assert worker.tick() == 0


def test_a_tick_that_dies_after_its_message_sends_it_again(worker: Worker) -> None:
    worker.apply(not_there)
    worker.move(WAITS_SECONDS[0] + 1)

    class Dies(Worker):
        def send(self, address: ItemAddress, delay_seconds: int = 0) -> None:
            super().send(address, delay_seconds)
            raise KeyboardInterrupt

    dying = Dies(worker.now)
    with pytest.raises(KeyboardInterrupt):
        dying.tick()
    assert worker.tick() == 1


def test_a_tick_leaves_alone_what_a_worker_has_taken_since(worker: Worker) -> None:
    # Given an item that is due, When a worker claims it while the tick sends its message
    worker.apply(not_there)
    worker.move(WAITS_SECONDS[0] + 1)

    class Overtaken(Worker):
        def send(self, address: ItemAddress, delay_seconds: int = 0) -> None:
            assert worker.apply(not_there) is Turn.WAITING

    # Then its next wait stands
    assert Overtaken(worker.now).tick() == 0
    worker.move(WAITS_SECONDS[1] + 1)
    assert worker.tick() == 1


def test_a_message_of_what_is_not_there_does_nothing(aws: None) -> None:
    worker = Worker()
    assert worker.apply() is None
    assert worker.done == []


def test_nothing_but_the_inbox_is_reached(aws: None) -> None:
    store = runtime.store(InboxScope())
    theirs = TenantScope(MERCHANT, "test").pk("ENDPOINTS")
    with pytest.raises(KeyOutsideScope):
        store.query("webhooks", theirs)


@pytest.mark.parametrize("event_id", [APPROVED, "é", "a b", "a#b", "", "x" * 129, "\ud800"])
def test_an_id_that_no_key_may_hold_goes_by_its_digest(aws: None, event_id: str) -> None:
    address = ItemAddress.of("sandbox", "", event_id)
    digest = hashlib.sha256(event_id.encode(errors="replace")).hexdigest()
    assert address.name == f"sha256-{digest}"
    # and whatever an acquirer says can be stored
    item = Item(event_id, f"{event_id} " * 500, event_id, "body")
    runtime.store(InboxScope()).write(kept_put(address, item, HEARD_AT))
    (row,) = inbox.rows()
    assert APPROVED not in str(row)


def test_accounts_and_acquirers_have_ids_of_their_own() -> None:
    addresses = {
        ItemAddress.of(acquirer, account, "evt_1").key
        for acquirer in ("stripe", "sandbox")
        for account in ("", f"{MERCHANT}:test", f"{MERCHANT}:live")
    }
    assert len(addresses) == 6
