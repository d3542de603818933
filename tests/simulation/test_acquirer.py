"""The hostile acquirer: the real connectors run on it, and its books are right whatever happens."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

import pytest

from farthing.acquiring.answer import Answer, Outcome
from farthing.acquiring.batch_webhooks import BatchWebhooks
from farthing.acquiring.port import Found, Instruction, Kind, LookUpFailed, Undone
from farthing.acquiring.sandbox import Post, SandboxAcquirer
from farthing.payments.operation import OperationState
from farthing.runtime import PLATFORM, Platform
from farthing.settlement.batch import BatchName
from farthing.settlement.batch_file import batch_file
from farthing.settlement.entry import Operation as Movement
from farthing.settlement.line import Line
from farthing.settlement.ports import OutcomeUnknown
from farthing.settlement.report import Report
from farthing.settlement.report_file import read_report
from farthing.settlement.sandbox import SandboxSettlement
from farthing.store import TenantScope
from farthing.vault.card import Card
from farthing.vault.pan import Pan
from tests.simulation.acquirer import (
    WEBHOOK_TRIES_MAX,
    HostileAcquirer,
    Webhook,
    kind_of,
)
from tests.simulation.acquirer_faults import (
    DAY_SECONDS,
    POSSIBLE,
    Behaviour,
    Fault,
    draw_behaviour,
)
from tests.simulation.dice import Dice
from tests.simulation.violation import Violation
from tests.unit.settlement.bank import adds_up

NUMBER = "4242424242424242"
CARD = Card(Pan(NUMBER), 12, 2030, "123")
PI = "pi_1"


class Clock:
    """Time that passes when somebody sleeps; what is due then happens on the way."""

    def __init__(self) -> None:
        self.now = 1_780_000_000.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (when, len(self._due), action))

    def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        while self._due and self._due[0][0] <= until:
            when, _, action = heapq.heappop(self._due)
            self.now = max(self.now, when)
            action()
        self.now = until


class Place:
    """An acquirer that does what a test says, with the real connector before it."""

    def __init__(self, fault: Fault | None = None, **behaviour: object) -> None:
        self.clock = Clock()
        self.told: list[Webhook] = []
        self.acquirer = HostileAcquirer(
            Dice(1),
            lambda: self.clock.now,
            self.clock.sleep,
            self.clock.at,
            replace(Behaviour(), **behaviour),  # type: ignore[arg-type]
            post_webhook=self.told.append,
        )
        self.connector = SandboxAcquirer(self.acquirer.post("payments-secret"), b"payments-secret")
        self.meets(fault)

    def meets(self, *faults: Fault | None) -> None:
        """From now on each exchange meets one of these, or none."""
        on = frozenset(fault for fault in faults if fault)
        self.acquirer.behaviour = replace(
            self.acquirer.behaviour, chance=1.0 if on else 0.0, faults=on
        )

    def send(self, kind: Kind, reference: str = "R1", **more: object) -> Answer:
        return self.connector.send(instruction(kind, reference, **more), CARD)

    def net(self) -> tuple[int, int, tuple[int, ...]]:
        standing = self.acquirer.books.standing(PI, self.clock.now)
        return standing.captured, standing.refunded, standing.held


def instruction(kind: Kind, reference: str = "R1", **more: object) -> Instruction:
    values = {"order_id": PI, "amount_cents": 1000, "currency": "eur", **more}
    if kind is Kind.AUTHORIZE:
        values.setdefault("capture", True)
    else:
        values.setdefault("original_reference", "R1")
    return Instruction(kind, reference, **values)  # type: ignore[arg-type]


def test_a_combined_charge_is_approved_and_in_the_books() -> None:
    place = Place()
    answer = place.send(Kind.AUTHORIZE)
    assert answer.outcome is Outcome.APPROVED
    assert answer.network_reference
    assert answer.expires_at
    assert place.net() == (1000, 0, ())


def test_a_held_amount_is_captured_in_part_and_refunded() -> None:
    place = Place()
    place.send(Kind.AUTHORIZE, capture=False)
    assert place.net() == (0, 0, (1000,))
    assert place.send(Kind.CAPTURE, "R2", amount_cents=600).outcome is Outcome.APPROVED
    assert place.net() == (600, 0, ())
    assert place.send(Kind.REFUND, "R3", amount_cents=700).outcome is Outcome.DECLINED
    assert place.send(Kind.REFUND, "R4", amount_cents=500).outcome is Outcome.APPROVED
    assert place.net() == (600, 500, ())


def test_a_void_gives_back_all_of_it_once() -> None:
    place = Place()
    place.send(Kind.AUTHORIZE, capture=False)
    assert place.send(Kind.VOID, "R2").outcome is Outcome.APPROVED
    assert place.send(Kind.VOID, "R3").outcome is Outcome.DECLINED
    assert place.send(Kind.CAPTURE, "R4").outcome is Outcome.DECLINED
    assert place.net() == (0, 0, ())


@pytest.mark.parametrize(("idempotent", "captured"), [(True, 1000), (False, 2000)])
def test_a_reference_counts_once_or_each_time(idempotent: bool, captured: int) -> None:
    place = Place(idempotent_by_reference=idempotent)
    assert place.send(Kind.AUTHORIZE).outcome is Outcome.APPROVED
    assert place.send(Kind.AUTHORIZE).outcome is Outcome.APPROVED
    assert place.net()[0] == captured


def test_a_reference_is_forgotten_after_its_time() -> None:
    place = Place(key_retention_seconds=3600)
    place.send(Kind.AUTHORIZE)
    place.clock.sleep(3601)
    place.send(Kind.AUTHORIZE)
    assert place.net()[0] == 2000


def test_a_reference_for_something_else_is_a_violation() -> None:
    place = Place()
    place.send(Kind.AUTHORIZE)
    with pytest.raises(Violation, match=r"invariant 7, pi_1: R1 was used twice"):
        place.send(Kind.AUTHORIZE, amount_cents=999)


BOOKED = {
    Fault.SLOW,
    Fault.SILENCE,
    Fault.RESET,
    Fault.HTML,
    Fault.GARBAGE,
    Fault.UNSIGNED,
    Fault.WRONGLY_SIGNED,
    Fault.WRONG_AMOUNT,
    Fault.WRONG_CURRENCY,
    Fault.WRONG_OPERATION,
    Fault.WRONG_REFERENCE,
    Fault.TOKEN_REFUSED,
}


@pytest.mark.parametrize("fault", POSSIBLE["AUTHORIZE"])
def test_each_fault_of_a_charge_is_what_it_says(fault: Fault) -> None:
    place = Place(fault)
    started = place.clock.now
    answer = place.send(Kind.AUTHORIZE)
    wanted = {
        Fault.REFUSED: Outcome.NOT_SENT,
        Fault.DECLINE: Outcome.DECLINED,
        Fault.SOFT_DECLINE: Outcome.DECLINED,
        Fault.SLOW: Outcome.APPROVED,
        Fault.TOKEN_REFUSED: Outcome.APPROVED,  # a card is none
    }.get(fault, Outcome.UNKNOWN)
    assert answer.outcome is wanted
    assert place.clock.now - started <= 15.0
    if fault is not Fault.DELAYED:
        assert place.net()[0] == (1000 if fault in BOOKED else 0)
    place.meets()
    place.clock.sleep(60)
    assert place.net()[0] == (1000 if fault in {*BOOKED, Fault.DELAYED} else 0)
    assert place.acquirer.hits == {("AUTHORIZE", fault.name): 1}


def test_a_request_lands_although_its_sender_died_on_the_way() -> None:
    class Dies(BaseException):
        pass

    place = Place(latency_seconds=(2.0, 2.0))
    sleep = place.clock.sleep

    def die(seconds: float) -> None:
        sleep(seconds and 1.0)
        if seconds:
            raise Dies

    place.acquirer.sleep = die
    with pytest.raises(Dies):
        place.send(Kind.AUTHORIZE)
    assert place.net()[0] == 0
    sleep(1.0)
    assert place.net()[0] == 1000


def test_a_dead_sender_sends_nothing() -> None:
    class Dead(BaseException):
        pass

    def dead(_: float) -> None:
        raise Dead

    place = Place()
    place.acquirer.sleep = dead
    with pytest.raises(Dead):
        place.send(Kind.AUTHORIZE)
    place.clock.sleep(60)
    assert place.net()[0] == 0


def test_a_late_request_lands_after_a_look_up_said_not_found() -> None:
    place = Place(Fault.DELAYED)
    assert place.send(Kind.AUTHORIZE).outcome is Outcome.UNKNOWN
    place.meets()
    asked = instruction(Kind.AUTHORIZE)
    found = [place.connector.look_up(asked).found]
    while place.clock.now < 1_780_000_075:
        place.clock.sleep(5)
        found.append(place.connector.look_up(asked).found)
    assert found[0] is Found.NOT_FOUND or found[-1] is Found.FOUND
    assert found[-1] is Found.FOUND


def test_a_look_up_is_behind_by_up_to_the_declared_lag() -> None:
    place = Place(lookup_lag_seconds=30.0)
    place.send(Kind.AUTHORIZE)
    asked = instruction(Kind.AUTHORIZE)
    seen = {place.connector.look_up(asked).found for _ in range(20)}
    assert Found.NOT_FOUND in seen
    place.clock.sleep(30)
    assert {place.connector.look_up(asked).found for _ in range(20)} == {Found.FOUND}


@pytest.mark.parametrize("fault", POSSIBLE["LOOK_UP"])
def test_a_look_up_that_fails_says_nothing(fault: Fault) -> None:
    place = Place()
    place.send(Kind.AUTHORIZE)
    place.meets(fault)
    if fault is Fault.SLOW:
        assert place.connector.look_up(instruction(Kind.AUTHORIZE)).found is Found.FOUND
        return
    with pytest.raises(LookUpFailed):
        place.connector.look_up(instruction(Kind.AUTHORIZE))


def test_a_reversal_undoes_what_arrived_and_nothing_that_arrives_later() -> None:
    place = Place(idempotent_by_reference=False)
    asked = instruction(Kind.AUTHORIZE)
    assert place.connector.reverse(asked, "R1R2").undone is Undone.NOT_FOUND
    place.send(Kind.AUTHORIZE)
    assert place.net()[0] == 1000
    reversal = place.connector.reverse(asked, "R1R3")
    assert (reversal.undone, place.net()[0]) == (Undone.REVERSED, 0)
    assert place.connector.look_up(asked).answer == Answer(Outcome.ABSENT)
    assert place.connector.reverse(asked, "R1R4").undone is Undone.REVERSED
    place.send(Kind.AUTHORIZE)
    assert place.net()[0] == 1000


def test_a_refunded_charge_is_not_reversed() -> None:
    place = Place()
    place.send(Kind.AUTHORIZE)
    place.send(Kind.REFUND, "R2", amount_cents=1)
    assert place.connector.reverse(instruction(Kind.AUTHORIZE), "X").undone is Undone.REFUSED


@pytest.mark.parametrize(
    ("fault", "outcome", "refunded"),
    [
        (Fault.PENDING, Outcome.APPROVED, 300),
        (Fault.PENDING_DECLINED, Outcome.DECLINED, 0),
    ],
)
def test_a_pending_refund_ends_later_and_is_told(
    fault: Fault, outcome: Outcome, refunded: int
) -> None:
    place = Place()
    place.send(Kind.AUTHORIZE)
    place.meets(fault)
    assert place.send(Kind.REFUND, "R2", amount_cents=300).outcome is Outcome.UNKNOWN
    place.meets()
    asked = instruction(Kind.REFUND, "R2", amount_cents=300)
    assert place.connector.look_up(asked).found is Found.PENDING
    assert place.send(Kind.REFUND, "R3", amount_cents=701).outcome is Outcome.DECLINED
    place.clock.sleep(2 * DAY_SECONDS)
    answer = place.connector.look_up(asked).answer
    assert answer is not None
    assert answer.outcome is outcome
    assert place.net() == (1000, refunded, ())
    (webhook,) = place.told
    assert webhook.headers["webhook-signature"].startswith("v1,")
    assert b'"reference":"R2"' in webhook.body


def test_a_webhook_that_is_not_taken_comes_again_for_days() -> None:
    place = Place()
    place.send(Kind.AUTHORIZE)
    place.meets(Fault.PENDING)
    place.send(Kind.REFUND, "R2", amount_cents=300)
    place.meets()
    place.acquirer.post_webhook = lambda webhook: (
        place.told.append(webhook),
        place.acquirer.not_taken(webhook),
    )[0]
    place.clock.sleep(5 * DAY_SECONDS)
    assert [webhook.tries for webhook in place.told] == list(range(1, WEBHOOK_TRIES_MAX + 1))
    moments = [webhook.at for webhook in place.told]
    assert DAY_SECONDS < moments[-1] - moments[0] < 3 * DAY_SECONDS
    assert len({webhook.headers["webhook-id"] for webhook in place.told}) == 1


def test_each_operation_is_told_and_those_of_a_moment_in_one_body() -> None:
    # Given an acquirer that tells of everything, in batches
    place = Place(tells_all=True, in_batches=True)
    of = {"merchant_reference": "mer_x:test"}
    place.send(Kind.AUTHORIZE, **of)
    place.send(Kind.REFUND, "R2", amount_cents=300, **of)
    # When its moment is over
    place.clock.sleep(60.0)
    # Then both are in one body, signed as the product's adapter wants it
    (webhook,) = place.told
    keys = [b"webhook-secret".hex()]
    items = BatchWebhooks().verify(webhook.body, webhook.headers, lambda: keys, 0)
    assert {item.type for item in items} == {"AUTHORISATION", "REFUND"}
    assert {item.event_id for item in items} == set(webhook.told)
    # And what was heard is known
    place.acquirer.answered(webhook, 200)
    assert place.acquirer.heard == {("sandbox_batch", name) for name in webhook.told}


def row(**more: object) -> dict[str, object]:
    base: dict[str, object] = {
        "kind": "AUTHORIZE",
        "intent_id": PI,
        "amount_cents": 1000,
        "currency": "eur",
        "state": OperationState.OPEN.value,
    }
    return base | more


def test_a_reference_that_was_not_written_before_is_a_violation() -> None:
    place = Place()
    place.acquirer.operation_of = {}.get  # type: ignore[assignment]
    with pytest.raises(Violation, match=r"invariant 6, pi_1: AUTHORIZE R1 was sent; no row"):
        place.send(Kind.AUTHORIZE)


def test_what_is_sent_is_what_was_written() -> None:
    place = Place()
    place.acquirer.operation_of = {"R1": row()}.get  # type: ignore[assignment]
    place.send(Kind.AUTHORIZE)
    place.acquirer.operation_of = {"R2": row(kind="REFUND", amount_cents=5)}.get  # type: ignore[assignment]
    with pytest.raises(Violation, match=r"invariant 6, pi_1: R2 was sent with other content"):
        place.send(Kind.REFUND, "R2", amount_cents=6)


def test_a_reversal_is_recorded_before_it_is_sent() -> None:
    place = Place()
    place.acquirer.operation_of = {"R1": row()}.get  # type: ignore[assignment]
    with pytest.raises(Violation, match=r"invariant 6, pi_1: R1 is reversed, and no row says so"):
        place.connector.reverse(instruction(Kind.AUTHORIZE), "R1R2")
    place.acquirer.operation_of = {"R1": row(reversal_at="2026")}.get  # type: ignore[assignment]
    place.connector.reverse(instruction(Kind.AUTHORIZE), "R1R2")


def test_its_list_shows_each_reference_once_oldest_first() -> None:
    place = Place()
    for number in range(1, 4):
        place.send(Kind.AUTHORIZE, f"R{number}")
        place.clock.sleep(10)
    page = place.connector.transactions("2026-01-01T00:00:00.000Z", None)
    assert [one.reference for one in page.transactions] == ["R1", "R2", "R3"]
    assert page.next is None


NAME = BatchName(TenantScope("mer_a", "test"), "sandbox", "eur", date(2026, 5, 28))
LINE = Line("op_1-capture", PI, "R1", Movement.CAPTURE, 1000, "eur", "2026-05-28")


class Wired(Platform):
    """A platform whose lines to the outside all end at one acquirer."""

    def __init__(self, acquirer: HostileAcquirer) -> None:
        super().__init__()
        self._acquirer = acquirer

    def exchange(
        self, base_url: str, secret: str, answer_bytes_max: int, content_type: str = ""
    ) -> Post:
        return self._acquirer.post(secret)


@pytest.fixture
def settling() -> Iterator[tuple[Place, SandboxSettlement]]:
    place = Place()
    before = PLATFORM.set(Wired(place.acquirer))
    yield place, SandboxSettlement("", lambda: "reporting-secret")
    PLATFORM.reset(before)


def submit(settlement: SandboxSettlement, *lines: Line, number: int = 1) -> str:
    reference = replace(NAME, number=number).reference
    settlement.submit(reference, batch_file(reference, lines))
    return reference


def reported(settlement: SandboxSettlement, number: int = 1) -> Report:
    name = replace(NAME, number=number)
    file = settlement.report(name, ())
    assert file is not None
    return read_report(file, name.reference)


def test_a_batch_is_paid_from_the_books_and_each_row_once(
    settling: tuple[Place, SandboxSettlement],
) -> None:
    place, settlement = settling
    place.send(Kind.AUTHORIZE)
    unknown = replace(LINE, entry_id="op_2-capture", reference="NOBODY")
    assert not settlement.has(NAME.reference)
    submit(settlement, LINE, LINE, unknown)
    assert adds_up(reported(settlement))
    assert [line.reference for line in reported(settlement).lines] == ["R1"]
    submit(settlement, LINE, number=2)
    assert reported(settlement, 2).lines == ()


def test_a_submission_whose_answer_is_lost_is_found(
    settling: tuple[Place, SandboxSettlement],
) -> None:
    place, settlement = settling
    place.meets(Fault.SILENCE)
    with pytest.raises(OutcomeUnknown):
        submit(settlement, LINE)
    place.meets()
    assert settlement.has(NAME.reference)


def test_a_batch_with_other_lines_is_a_violation(
    settling: tuple[Place, SandboxSettlement],
) -> None:
    _, settlement = settling
    submit(settlement, LINE)
    submit(settlement, LINE)
    with pytest.raises(Violation, match="invariant 7"):
        submit(settlement, LINE, LINE)


def test_a_report_may_be_late(settling: tuple[Place, SandboxSettlement]) -> None:
    place, settlement = settling
    place.meets(Fault.REPORT_LATE)
    submit(settlement, LINE)
    place.meets()
    assert settlement.has(NAME.reference)
    assert settlement.report(NAME, ()) is None
    place.clock.sleep(2 * DAY_SECONDS)
    assert settlement.report(NAME, ()) is not None


def test_a_seed_is_a_whole_history() -> None:
    def history(seed: int) -> list[object]:
        place = Place()
        place.acquirer.dice = Dice(seed)
        place.acquirer.behaviour = draw_behaviour(Dice(seed, "b"), Behaviour())
        answers = [place.send(Kind.AUTHORIZE, f"R{n}").outcome for n in range(20)]
        return [*answers, place.acquirer.sent, place.clock.now]

    assert all(history(seed) == history(seed) for seed in range(20))
    assert len({str(history(seed)) for seed in range(20)}) > 10


def test_a_good_day_has_no_faults_and_keeps_what_it_guarantees() -> None:
    drawn = draw_behaviour(Dice(3), Behaviour(idempotent_by_reference=False))
    calm = drawn.calm()
    assert (calm.chance, calm.faults) == (0.0, frozenset())
    assert not calm.idempotent_by_reference
    assert calm.clock_offset_seconds == drawn.clock_offset_seconds


def test_every_request_has_its_kind() -> None:
    assert kind_of("GET", "/v1/operations/R1") == "LOOK_UP"
    assert kind_of("GET", "/v1/operations?since=x") == "LIST"
    assert kind_of("POST", "/v1/reversals") == "REVERSE"
    assert set(POSSIBLE) >= {kind_of("POST", path) for path in ("/v1/captures", "/nothing")}
