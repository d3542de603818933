"""Taking an operation over, and doing what was decided: under its fence, and in time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from farthing.acquiring.answer import Answer, Outcome
from farthing.acquiring.port import Found, LookUp, Reversal, Undone
from farthing.clock import from_text, later
from farthing.payments import resolve
from farthing.payments.address import Address
from farthing.payments.operation import Operation, OperationState
from farthing.payments.recovery import Plan, Step
from farthing.payments.services import Services
from farthing.payments.wiring import services_of
from farthing.store import EXISTS, TenantScope, Update
from tests.support.lambdas import MERCHANT, Context, load
from tests.support.stack import ANSWER_NEVER_COMES, Stack

TENANT = TenantScope(MERCHANT, "test")
APPROVED = Answer(Outcome.APPROVED)
DAY = 24 * 60 * 60
TEXT = "2026-11-22T09:00:00.000Z"


@dataclass
class Told:
    """A way to `charge` and a queue that note what they are told, and find nothing out."""

    told: list[str] = field(default_factory=list)
    delays: list[int] = field(default_factory=list)

    def send(self, address: Address) -> Answer:
        self.told.append("SEND")
        return Answer(Outcome.UNKNOWN)

    def look_up(self, address: Address) -> LookUp:
        self.told.append("LOOK_UP")
        raise AssertionError

    def reverse(self, address: Address) -> Reversal:
        self.told.append("REVERSE")
        return Reversal(Undone.UNKNOWN)

    def look(self, address: Address, delay_seconds: int) -> None:
        self.delays.append(delay_seconds)


def unknown(stack: Stack) -> Operation:
    """An operation of unknown outcome, with nobody at it."""
    stack.pay(number=ANSWER_NEVER_COMES)
    return read(stack)


def read(stack: Stack) -> Operation:
    (row,) = stack.items("operation")
    address = Address(TENANT, row["intent_id"]["S"], row["operation_id"]["S"])
    return resolve.read_operation(address, services_of(TENANT))


def services(told: Told, age_seconds: int = 10, **more: Any) -> Services:
    real = services_of(TENANT)
    now = replace_time(real, age_seconds)
    values = {"sender": told, "later": told, "seconds_left": lambda: 60.0, "now": now, **more}
    return replace(real, **values)


def replace_time(real: Services, age_seconds: int) -> Any:
    now = from_text(later(real.now(), seconds=age_seconds))
    return lambda: now


def test_who_is_taken_over_cannot_send_any_more(stack: Stack) -> None:
    # Given an operation that was opened to be sent again, and whose sender fell silent
    ours = resolve.take_over(unknown(stack), services(Told()))
    assert ours is not None
    again = ours.opened_again(from_text(ours.lease_until))
    services_of(TENANT).store.write(
        Update(
            ours.address.key,
            EXISTS,
            set={"state": "OPEN", "lease_until": later(services_of(TENANT).now(), seconds=5)},
        )
    )
    # When somebody takes it over, Then `charge` does nothing for the sender
    taken = resolve.take_over(again, services(Told(), age_seconds=10))
    assert taken is not None
    assert (taken.state, taken.fence) == (OperationState.UNKNOWN, 3)
    before = list(stack.acquirer.requests)
    answer = load("charge").handler({"task": "SEND", "operation": str(ours.address)}, Context())
    assert answer["outcome"] == "UNKNOWN"
    assert stack.acquirer.requests == before


def test_of_two_who_take_it_over_one_after_the_other_the_first_has_nothing(stack: Stack) -> None:
    operation, real = unknown(stack), services(Told())

    class Overtaken:
        """Somebody raises the fence between our write and our read."""

        def write(self, *writes: Any) -> None:
            real.store.write(*writes)
            real.store.write(Update(operation.address.key, EXISTS, set={"fence": 9}))

        def get(self, key: Any) -> Any:
            return real.store.get(key)

    assert resolve.take_over(operation, replace(real, store=Overtaken())) is None


def test_without_time_nobody_takes_it_over(stack: Stack) -> None:
    operation, told = unknown(stack), Told()
    resolve.resolve(operation, services(told, seconds_left=lambda: 22.9))
    assert (read(stack).fence, told.told) == (1, [])


@pytest.mark.parametrize("step", [Step.RESEND, Step.REVERSE])
@pytest.mark.parametrize(("seconds_left", "done"), [(22.9, False), (23.0, True)])
def test_what_there_is_no_time_for_is_left_to_the_next_look(
    stack: Stack, step: Step, seconds_left: float, done: bool
) -> None:
    told = Told()
    world = services(told, seconds_left=lambda: seconds_left)
    ours = resolve.take_over(unknown(stack), world)
    assert ours is not None
    resolve.carry_out(Plan(step, ours), None, world)
    assert told.told == ([{Step.RESEND: "SEND", Step.REVERSE: "REVERSE"}[step]] if done else [])
    after = read(stack)
    assert after.state is OperationState.UNKNOWN
    assert (after.due_at or "") > later(world.now(), seconds=0)


@pytest.mark.parametrize("step", [Step.RESEND, Step.REVERSE, Step.ADOPT, Step.WAIT, Step.ASK])
def test_who_lost_it_to_somebody_does_nothing(stack: Stack, step: Step) -> None:
    told = Told()
    world = services(told)
    ours = resolve.take_over(unknown(stack), world)
    assert ours is not None
    world.store.write(Update(ours.address.key, EXISTS, set={"fence": 9}))
    before = stack.items("operation"), stack.items("intent")
    resolve.carry_out(Plan(step, ours, APPROVED if step is Step.ADOPT else None), None, world)
    assert (stack.items("operation"), stack.items("intent")) == before
    assert told.told == []


def test_what_the_payment_no_longer_waits_for_is_not_adopted(stack: Stack) -> None:
    operation = unknown(stack)
    stack.get(f"payment_intents/{operation.intent_id}")
    before = stack.items("operation"), stack.items("intent")
    resolve.adopt(operation, APPROVED, services(Told()))
    assert (stack.items("operation"), stack.items("intent")) == before


def test_a_resend_begins_the_wait_anew(stack: Stack) -> None:
    world = services(Told())
    ours = resolve.take_over(unknown(stack), world)
    assert ours is not None
    resolve.wait(replace(ours, quiet_since=TEXT), world)
    assert read(stack).quiet_since
    resolve.carry_out(Plan(Step.RESEND, read(stack)), None, world)
    assert read(stack).quiet_since is None


def test_an_acquirer_that_cannot_be_asked_is_not(stack: Stack) -> None:
    operation, told = unknown(stack), Told()
    world = services(told)
    blind = replace(world.capabilities("sandbox"), lookup_by_reference=False)
    assert resolve.look_up(operation, replace(world, capabilities=lambda _: blind)) is None
    assert told.told == []


@pytest.mark.parametrize(
    ("age_seconds", "delays"), [(10, [11]), (120, [481]), (650, []), (2 * DAY, [])]
)
def test_the_queue_is_told_of_looks_within_its_reach_and_the_tick_finds_the_others(
    stack: Stack, age_seconds: int, delays: list[int]
) -> None:
    told = Told()
    world = services(told, age_seconds)
    operation = unknown(stack)
    operation = replace(operation, created_at=later(world.now(), seconds=-age_seconds))
    ours = resolve.take_over(operation, world)
    assert ours is not None
    resolve.wait(replace(ours, created_at=operation.created_at), world)
    assert told.delays == delays


@pytest.mark.parametrize("step", [Step.ASK, Step.WAIT])
def test_that_a_person_is_asked_is_kept(stack: Stack, step: Step) -> None:
    world = services(Told())
    ours = resolve.take_over(unknown(stack), world)
    assert ours is not None
    resolve.carry_out(Plan(step, ours), None, world)
    assert read(stack).requires_decision is (step is Step.ASK)
    asked = replace(read(stack), requires_decision=True)
    resolve.carry_out(Plan(Step.WAIT, asked), None, world)
    assert read(stack).requires_decision


def test_what_will_not_be_undone_is_for_a_person(stack: Stack) -> None:
    class Refuses(Told):
        def reverse(self, address: Address) -> Reversal:
            assert read(stack).reversal_at  # it is written before anything is undone
            return Reversal(Undone.REFUSED, TEXT)

    world = services(Refuses())
    ours = resolve.take_over(unknown(stack), world)
    assert ours is not None
    looked = LookUp(Found.FOUND, TEXT, APPROVED)
    resolve.carry_out(Plan(Step.REVERSE, ours), looked, world)
    after = read(stack)
    assert (after.state, after.requires_decision) == (OperationState.UNKNOWN, True)
    assert after.quiet_since == TEXT
