"""Lambda, SQS, streams and schedules as in AWS; real payments through the real handlers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from farthing import runtime
from farthing.access.principal import KeyKind
from farthing.payments.due import AHEAD_SECONDS
from tests.simulation.acquirer import HostileAcquirer
from tests.simulation.dice import Dice
from tests.simulation.faults import CRASHES, Fault, Faults, Script, Swarm, every_crash
from tests.simulation.functions import EXITED, FREEZE_SECONDS, GRACE_SECONDS, TIMED_OUT
from tests.simulation.gateway import Answer
from tests.simulation.stack import stack
from tests.simulation.streams import matches, wants
from tests.simulation.world import Prepared, World
from tests.support.template import ROOT

Handle = Callable[[Any, Any], Any]
QUEUE, DEAD_LETTERS = "ResolveQueue", "ResolveFailures"


class Only(Faults):
    """The faults of the world that it is given, each time."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__()
        self._faults = set(faults)

    def strikes(self, fault: Fault) -> bool:
        return fault in self._faults

    def heal(self) -> None:
        self._faults.clear()


def world(**handlers: Handle) -> World:
    """A world without faults in which these functions do something else."""
    return World(1, handlers=handlers)


def put(world: World, pk: str = "A", entity: str = "event", **more: str) -> None:
    """An item of the payments table."""
    item = {"pk": pk, "entity": entity, "sk": f"S{world.scheduler.now}"} | more
    world.tables.put_item(
        TableName="payments", Item={name: {"S": value} for name, value in item.items()}
    )


# --- functions -------------------------------------------------------------------------------


def test_a_function_runs_with_its_settings_its_clock_and_its_time() -> None:
    seen: list[Any] = []

    def handle(event: Any, context: Any) -> Any:
        runtime.platform().sleep(5)
        left = context.get_remaining_time_in_millis()
        seen.append((event, runtime.setting("CHARGE_FUNCTION"), left))
        return {"now": runtime.platform().now().timestamp()}

    with world(payment_intents=handle) as here:
        start = here.scheduler.now
        promise = here.functions.start("payment_intents", {"a": 1})
        here.run()

    assert seen == [({"a": 1}, "charge", 22_000)]
    assert promise.value.value == {"now": pytest.approx(start + 5.3, abs=0.01)}


def test_it_is_ended_at_the_timeout_of_the_template() -> None:
    done: list[str] = []

    def handle(event: Any, context: Any) -> None:
        runtime.platform().sleep(60)
        done.append("after its time")

    with world(charge=handle) as here:
        promise = here.functions.start("charge", {})
        here.run()

    assert (promise.value.error, done) == (TIMED_OUT, [])
    assert stack().functions["charge"].timeout_seconds == 20


def test_who_invokes_gives_up_at_its_own_timeout_and_the_function_goes_on() -> None:
    done: list[tuple[str, float]] = []

    def charge(event: Any, context: Any) -> dict[str, Any]:
        runtime.platform().sleep(15)
        done.append(("charged", runtime.platform().now().timestamp()))
        return {}

    def caller(event: Any, context: Any) -> None:
        client = runtime.client("lambda", read_timeout_seconds=10, attempts_max=1)
        with pytest.raises(ReadTimeoutError):
            client.invoke(FunctionName="charge", Payload=b"{}")
        done.append(("gave up", runtime.platform().now().timestamp()))

    with world(charge=charge, payment_intents=caller) as here:
        start = here.scheduler.now
        here.functions.start("payment_intents", {})
        here.run()

    assert [(what, round(at - start)) for what, at in done] == [("gave up", 10), ("charged", 16)]


class SlowToStart(Faults):
    def cold_start(self) -> float:
        return 10.0


def test_the_gateway_gives_up_after_29_seconds_and_the_function_goes_on() -> None:
    ends: list[Any] = []

    def handle(event: Any, context: Any) -> None:
        runtime.platform().sleep(25)
        ends.append(here.scheduler.now - start)

    def ask() -> None:
        ends.append((here.call("POST", "/v1/tokens", {}), here.scheduler.now - start))

    with World(1, handlers={"tokens": handle}, faults=SlowToStart()) as here:
        start = here.scheduler.now
        here.spawn("merchant", ask)
        here.run()

    assert ends == [(None, 29), 35]


def test_a_warm_environment_remembers_and_one_that_crashed_is_gone() -> None:
    made: list[int] = []

    def handle(event: Any, context: Any) -> int:
        number: int = runtime.once("number", lambda: made.append(1) or len(made))
        if event == "crash":
            runtime.platform().sleep(100)
        return number

    with world(charge=handle) as here:
        numbers = []
        for event in ("", "", "crash", ""):
            promise = here.functions.start("charge", event)
            here.run()
            numbers.append(promise.value.value)

    assert numbers == [1, 1, None, 2]


def test_an_invocation_that_crashes_is_an_error_to_who_waits() -> None:
    def handle(event: Any, context: Any) -> None:
        runtime.client("kms").generate_mac(KeyId="x", MacAlgorithm="y", Message=b"z")

    with World(1, handlers={"charge": handle}, faults=Script({1: Fault.CRASH_BEFORE})) as here:
        promise = here.functions.start("charge", {})
        here.run()

    assert promise.value.error == EXITED
    assert here.coverage.times("charge kms.generate_mac", "crash before") == 1


def test_clocks_are_wrong_by_up_to_five_minutes_and_stay_so() -> None:
    skews = []
    for seed in range(20):
        with World(seed, faults=Swarm(seed, only=[Fault.SKEW])) as here:
            env, _ = here.functions._environment(here.stack.functions["charge"])
            off = env.platform.now().timestamp() - here.scheduler.now
            assert off == pytest.approx(env.skew, abs=0.001)
            skews.append(env.skew)
    assert min(skews) < -100 and max(skews) > 100 and max(map(abs, skews)) <= 300


def test_a_frozen_process_goes_on_after_its_caller_was_told_of_the_timeout() -> None:
    ends: list[tuple[str, float]] = []

    def handle(event: Any, context: Any) -> None:
        start = runtime.platform().now().timestamp()
        runtime.client("sqs").send_message(
            QueueUrl=runtime.setting("RESOLVE_QUEUE_URL"), MessageBody="late"
        )
        ends.append(("sent", runtime.platform().now().timestamp() - start))

    handlers = {"payment_intents": handle, "resolve_unknown": lambda event, context: {}}
    with World(1, handlers=handlers, faults=Script({1: Fault.FREEZE})) as here:
        promise = here.functions.start("payment_intents", {})
        start = here.scheduler.now
        promise.then(lambda _: ends.append(("told", here.scheduler.now - start)))
        here.run()

    assert [what for what, _ in ends] == ["told", "sent"]
    assert ends[0][1] == pytest.approx(27.3)
    assert 27 < ends[1][1] < 27.3 + FREEZE_SECONDS[1] + GRACE_SECONDS


def test_what_runs_at_once_ends_together_in_order_and_crashes_together() -> None:
    done: list[int] = []

    def one(number: int) -> int:
        runtime.platform().sleep(10 - number)
        if number == 7:
            raise ValueError("seven")
        done.append(number)
        return number

    def handle(numbers: Any, context: Any) -> Any:
        return runtime.platform().at_once(one, numbers, 10)

    with world(charge=handle) as here:
        for numbers in ([1, 2, 3], [6, 7]):
            promise = here.functions.start("charge", numbers)
            here.run()
            done.append(0)
            done += promise.value.value or [promise.value.error]

    assert done == [3, 2, 1, 0, 1, 2, 3, 6, 0, "ValueError"]


# --- the SDK's errors ------------------------------------------------------------------------


def test_what_is_lost_is_sent_again_by_the_sdk_and_the_answer_says_so() -> None:
    answers: list[Any] = []

    def handle(event: Any, context: Any) -> None:
        answers.append(
            runtime.client("dynamodb").put_item(
                TableName="vault", Item={"pk": {"S": "A"}, "sk": {"S": "B"}}
            )
        )

    for fault in (Fault.LOST, Fault.REFUSED, Fault.THROTTLED, Fault.LATE):
        with World(1, handlers={"charge": handle}, faults=Script({1: fault})) as here:
            here.faults.dice = Dice(2)  # whose faults do not last
            here.functions.start("charge", {})
            here.run()
            assert here.tables.item("vault", "A", "B") is not None
        assert answers.pop()["ResponseMetadata"]["RetryAttempts"] >= 1, fault


def test_an_invoke_is_never_sent_again() -> None:
    started: list[Any] = []

    def caller(event: Any, context: Any) -> None:
        client = runtime.client("lambda", read_timeout_seconds=22, attempts_max=1)
        client.invoke(FunctionName="charge", Payload=b"{}")

    handlers = {
        "charge": lambda event, context: started.append(event),
        "payment_intents": caller,
    }
    for fault in (Fault.LOST, Fault.REFUSED, Fault.THROTTLED):
        with World(1, handlers=handlers, faults=Script({1: fault})) as here:
            promise = here.functions.start("payment_intents", {})
            here.run()
        assert promise.value.error, fault
    assert len(started) == 1


def test_an_invocation_may_run_twice() -> None:
    started: list[Any] = []

    def charge(event: Any, context: Any) -> int:
        started.append(event)
        return len(started)

    def caller(event: Any, context: Any) -> Any:
        client = runtime.client("lambda", read_timeout_seconds=22, attempts_max=1)
        return json.load(client.invoke(FunctionName="charge", Payload=b"{}")["Payload"])

    handlers = {"charge": charge, "payment_intents": caller}
    with World(1, handlers=handlers, faults=Script({1: Fault.TWICE})) as here:
        promise = here.functions.start("payment_intents", {})
        here.run()

    assert started == [{}, {}]
    assert promise.value.value in {1, 2}


# --- queues ----------------------------------------------------------------------------------


def send(here: World, body: str, **more: Any) -> None:
    url = here.stack.functions["payment_intents"].settings["RESOLVE_QUEUE_URL"]
    here.queues.send_message(QueueUrl=url, MessageBody=body, **more)


def test_a_message_that_fails_comes_again_and_ends_among_the_dead_letters() -> None:
    times: list[float] = []

    def handle(event: Any, context: Any) -> None:
        times.append(here.scheduler.now)
        raise ValueError(event["Records"][0]["body"])

    with world(resolve_unknown=handle) as here:
        send(here, "bad")
        here.run()

    assert len(times) == 5
    assert all(359 < later - earlier < 362 for earlier, later in pairwise(times))
    assert [message.body for message in here.queues.messages(DEAD_LETTERS)] == ["bad"]
    assert here.queues.messages(QUEUE) == []


def test_only_what_a_batch_names_as_failed_comes_again() -> None:
    seen: list[str] = []

    def handle(event: Any, context: Any) -> Any:
        failed = []
        for record in event["Records"]:
            seen.append(record["body"])
            if record["body"] == "b" and seen.count("b") == 1:
                failed.append({"itemIdentifier": record["messageId"]})
        return {"batchItemFailures": failed}

    with world(deliver_webhooks=handle) as here:
        url = here.stack.functions["outbox"].settings["DELIVERIES_QUEUE_URL"]
        for body in "abc":
            here.queues.send_message(QueueUrl=url, MessageBody=body)
        here.run()

    assert seen == ["a", "b", "c", "b"]


def test_a_delayed_message_waits() -> None:
    seen: list[float] = []

    with world(resolve_unknown=lambda e, c: seen.append(here.scheduler.now)) as here:
        start = here.scheduler.now
        send(here, "later", DelaySeconds=90)
        here.run()

    assert seen[0] - start == pytest.approx(90, abs=1)


@pytest.mark.parametrize(
    ("fault", "times"), [(Fault.MESSAGE_TWICE, 2), (Fault.MESSAGE_KEPT, 5), (Fault.MESSAGE_LATE, 1)]
)
def test_messages_come_twice_again_or_late(fault: Fault, times: int) -> None:
    seen: list[float] = []

    def handle(event: Any, context: Any) -> None:
        seen.append(here.scheduler.now)

    with World(1, handlers={"resolve_unknown": handle}, faults=Only(fault)) as here:
        start = here.scheduler.now
        send(here, "a")
        here.run()

    assert len(seen) == times
    assert (seen[0] - start > 1.0) == (fault is Fault.MESSAGE_LATE)


# --- streams ---------------------------------------------------------------------------------


def ids(event: Any) -> list[str]:
    return [record["dynamodb"]["Keys"]["sk"]["S"] for record in event["Records"]]


def test_records_of_one_key_come_in_their_order_and_only_those_of_the_filter() -> None:
    seen: list[str] = []

    with world(outbox=lambda event, context: seen.extend(ids(event))) as here:
        for number in range(20):
            put(here, sk=f"{number:02}")
            put(here, sk=f"x{number}", entity="operation")
            here.run(0.05)
        here.run(60)

    assert seen == [f"{number:02}" for number in range(20)]


def test_a_failed_batch_comes_again_from_its_first_failed_record_on() -> None:
    batches: list[list[str]] = []

    def handle(event: Any, context: Any) -> Any:
        batches.append(ids(event))
        if len(batches) == 1:
            failed = event["Records"][1]["dynamodb"]["SequenceNumber"]
            return {"batchItemFailures": [{"itemIdentifier": failed}]}
        return {"batchItemFailures": []}

    with world(outbox=handle) as here:
        for sk in "abc":
            put(here, sk=sk)
        here.run(60)

    assert batches == [["a", "b", "c"], ["b", "c"]]


def test_a_batch_that_raises_is_cut_in_half_and_holds_up_what_is_behind_it() -> None:
    batches: list[list[str]] = []

    def handle(event: Any, context: Any) -> None:
        batches.append(ids(event))
        if "b" in batches[-1] and len(batches) < 4:
            raise ValueError("poison for a while")

    with world(outbox=handle) as here:
        for sk in "abcd":
            put(here, sk=sk)
        here.run(60)

    assert batches == [["a", "b", "c", "d"], ["a", "b"], ["a"], ["b", "c", "d"]]


def test_what_the_stream_no_longer_keeps_is_told_to_the_failures_queue() -> None:
    def handle(event: Any, context: Any) -> None:
        raise ValueError("for more than a day")

    with world(outbox=handle) as here:
        put(here)
        here.run(days=1.2)

    (told,) = here.queues.messages("OutboxFailures")
    assert json.loads(told.body)["records"] == 1


def test_a_stream_may_bring_a_record_twice_or_stand_still() -> None:
    for fault in (Fault.STREAM_TWICE, Fault.STREAM_STALL):
        seen: list[float] = []

        def handle(event: Any, context: Any, seen: list[float] = seen) -> None:
            seen.append(here.scheduler.now)
            here.faults.heal()

        def twice(event: Any, context: Any, seen: list[float] = seen) -> None:
            seen.append(here.scheduler.now)
            if len(seen) == 2:
                here.faults.heal()

        handlers = {"outbox": twice if fault is Fault.STREAM_TWICE else handle}
        with World(1, handlers=handlers, faults=Only(fault)) as here:
            start = here.scheduler.now
            put(here)
            here.run(days=1.1)
        assert len(seen) == (2 if fault is Fault.STREAM_TWICE else 1)
        assert (seen[0] - start >= 60) == (fault is Fault.STREAM_STALL)


def test_patterns() -> None:
    declared = {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"entity": {"S": ["event"]}}}}
    pattern = wants(declared)
    image = {"NewImage": {"entity": {"S": "event"}}}
    assert matches(pattern, {"eventName": "INSERT", "dynamodb": image})
    assert not matches(pattern, {"eventName": "MODIFY", "dynamodb": image})
    assert not matches(pattern, {"eventName": "INSERT", "dynamodb": {}})


# --- schedules -------------------------------------------------------------------------------


def due(here: World, text: str) -> None:
    put(here, entity="operation", sk="due", due_pk="OPERATION#1", due_at=text)


def test_a_tick_comes_when_something_is_due_and_not_before() -> None:
    ticks: list[float] = []

    def handle(event: Any, context: Any) -> None:
        ticks.append(here.scheduler.now)
        put(here, entity="operation", sk="due")  # done

    with world(resolve_unknown=handle) as here:
        due(here, "2026-05-29T20:26:40.000Z")  # a day after the start
        here.run(days=8)
        start = here.scheduler.now - 8 * 86_400

    assert len(ticks) == 1
    assert 86_400 - AHEAD_SECONDS <= ticks[0] - start <= 86_400 + 1
    assert here.scheduler.steps < 10


def test_while_something_is_due_a_tick_comes_every_minute() -> None:
    ticks: list[float] = []

    with world(resolve_unknown=lambda e, c: ticks.append(here.scheduler.now)) as here:
        due(here, "2026-01-01T00:00:00.000Z")
        here.run(600)

    waits = {round(later - earlier) for earlier, later in pairwise(ticks)}
    assert (len(ticks), waits) == (10, {60})


@pytest.mark.parametrize(
    ("fault", "count"),
    [(Fault.SCHEDULE_MISSING, 0), (Fault.SCHEDULE_TWICE, 2), (Fault.SCHEDULE_LATE, 1)],
)
def test_schedules_fire_late_twice_or_not_at_all(fault: Fault, count: int) -> None:
    ticks: list[float] = []

    def handle(event: Any, context: Any) -> None:
        ticks.append(here.scheduler.now)
        put(here, entity="operation", sk="due")

    with World(1, handlers={"resolve_unknown": handle}, faults=Only(fault)) as here:
        start = here.scheduler.now
        due(here, "2026-01-01T00:00:00.000Z")
        here.run(1200)

    assert len(ticks) == count
    if fault is Fault.SCHEDULE_LATE:
        assert ticks[0] - start > 31  # and not 30


def test_a_daily_firing_that_fails_is_repeated_and_then_told() -> None:
    times: list[float] = []

    def handle(event: Any, context: Any) -> None:
        times.append(here.scheduler.now)
        raise ValueError("not today")

    with world(settle=handle) as here:
        put(here, entity="settlement_entry")
        here.run(days=1)

    assert {time // 86_400 for time in times} == {times[0] // 86_400}
    assert [round(time - times[0]) for time in times] == [0, 60, 180]
    assert times[0] % 86_400 == pytest.approx(4500, abs=1)  # 01:15
    assert len(here.queues.messages("ScheduleFailures")) == 1


def test_a_backup_brings_back_what_waits_for_a_tick() -> None:
    ticks: list[float] = []

    with world(resolve_unknown=lambda e, c: ticks.append(here.scheduler.now)) as here:
        due(here, "2026-05-28T20:30:00.000Z")
        backup = here.prepare()
        put(here, entity="operation", sk="due")  # done
        here.run(1200)
        assert ticks == []
        here.restore_backup(backup, ["payments"])
        here.run(120)

    assert len(ticks) == 2


def test_an_index_may_be_late() -> None:
    def shown(here: World) -> int:
        page = here.tables.query(
            TableName="payments",
            IndexName="due",
            KeyConditionExpression="due_pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "OPERATION#1"}},
        )
        return len(page["Items"])

    with World(1, faults=Swarm(1, only=[Fault.STALE_INDEX]), off=["resolve_unknown"]) as here:
        due(here, "2026-05-28T20:30:00.000Z")
        assert shown(here) == 0
        here.run(31)
        assert shown(here) == 1


def test_a_schedule_that_is_off_does_not_fire() -> None:
    with World(1, off=["resolve_unknown"]) as here:
        due(here, "2026-01-01T00:00:00.000Z")
        here.run(days=8)
    assert here.trace.steps == []


def test_an_error_that_no_fault_explains_is_a_mistake() -> None:
    def handle(event: Any, context: Any) -> None:
        raise KeyError("amount_cents") if event else ReadTimeoutError(endpoint_url="")

    with world(charge=handle) as here:
        here.functions.start("charge", {})
        here.functions.start("charge", {"a": 1})
        here.run()

    assert [kind for kind, _ in here.mistakes()] == ["KeyError"]


# --- payments through the real handlers --------------------------------------------------------


def with_acquirer(here: World) -> World:
    scheduler = here.scheduler
    here.acquirer = HostileAcquirer(
        Dice(here.seed, "acquirer"),
        lambda: scheduler.now,
        scheduler.sleep,
        scheduler.at,
        payments_secret="AcquirerSecret-text",
        reporting_secret="AcquirerReportingSecret-text",
    )
    return here


def card(here: World) -> str:
    body = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"}
    answer = here.call("POST", "/v1/tokens", body, kind=KeyKind.PUBLISHABLE)
    assert answer is not None and answer.status == 201
    token: str = answer.body["token"]
    return token


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare()


def prepare() -> Prepared:
    """A world with one card in its vault."""
    tokens: list[str] = []
    with with_acquirer(World("prepared")) as here:
        here.spawn("merchant", lambda: tokens.append(card(here)))
        here.run(60)
        return here.prepare(tokens[0])


def pay(here: World, token: str) -> Answer | None:
    body = {"amount_cents": 1000, "currency": "eur", "confirm": True, "token": token}
    return here.call("POST", "/v1/payment_intents", body, key="k1")


def payment(seed: int, prepared: Prepared, faults: Faults | None = None) -> tuple[World, Any]:
    """One charge under faults for two minutes, then at rest."""
    answers: list[Answer | None] = []
    with with_acquirer(World(seed, prepared=prepared, faults=faults)) as here:
        here.spawn("merchant", lambda: answers.append(pay(here, prepared.extra)))
        here.run(120)
        here.heal()
        here.run(days=1)
    return here, answers[0]


def test_a_payment_goes_through_the_real_handlers(prepared: Prepared) -> None:
    here, answer = payment(1, prepared)

    assert answer.status == 201
    assert answer.body["status"] == "SUCCEEDED"
    points = here.coverage.points()
    assert "payment_intents dynamodb.transact_write_items(payments+risk)" in points
    assert "charge acquirer.POST /v1/authorizations" in points
    assert "outbox dynamodb.transact_write_items(webhooks)" in points
    assert (here.errors, here.log.unhandled) == ([], [])


def test_a_prepared_world_is_not_changed_by_what_begins_with_it(prepared: Prepared) -> None:
    digests = {payment(1, prepared)[0].trace.digest() for _ in range(2)}
    assert len(digests) == 1


def test_every_crash_of_a_charge_strikes_where_it_should(prepared: Prepared) -> None:
    struck: set[tuple[str, str]] = set()
    reached: list[int] = []

    def run(script: Script) -> None:
        here, _ = payment(1, prepared, script)
        reached.append(len(script.reached))
        struck.update((point, fault) for point, fault in here.coverage.counts)

    runs = every_crash(run)

    assert runs == len(reached) >= 2 * reached[0]
    here, _ = payment(1, prepared)
    later = ("settle", "vault_purge ")
    first_phase = {point for point in here.coverage.points() if not point.startswith(later)}
    wanted = {(point, fault.value) for point in first_phase for fault in CRASHES}
    assert wanted <= struck


def traces(seeds: range, prepared: Prepared) -> list[str]:
    return [payment(seed, prepared, Swarm(seed))[0].trace.digest() for seed in seeds]


def test_the_same_seed_is_the_same_run(prepared: Prepared) -> None:
    digests = traces(range(15), prepared)
    assert digests == traces(range(15), prepared)
    assert len(set(digests)) == 15


def test_the_same_seed_is_the_same_run_under_another_hash_seed(prepared: Prepared) -> None:
    here = traces(range(15), prepared)
    script = (
        "import json; from tests.simulation import test_world as t;"
        "print(json.dumps(t.traces(range(15), t.prepare())))"
    )
    path = os.pathsep.join(str(ROOT / part) for part in ("layers/core/python", "cli", "."))
    for hash_seed in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(ran.stdout.splitlines()[-1]) == here


def test_the_log_of_a_scanned_run_is_the_real_one(prepared: Prepared) -> None:
    with with_acquirer(World(1, prepared=prepared, scanned=True)) as here:
        here.spawn("merchant", lambda: pay(here, prepared.extra))
        here.run(60)

    lines = [json.loads(line) for line in here.log.lines]
    assert {"asked the acquirer", "answered"} <= {line["message"] for line in lines}
    assert not any("4242424242424242" in line for line in here.log.lines)


def test_the_timeline_can_be_read(prepared: Prepared) -> None:
    here, _ = payment(1, prepared, Script({5: Fault.CRASH_BEFORE}))
    text = here.trace.render(only=["charge"])
    assert "charge dynamodb.get_item(payments)  !! crash before  → gone" in text
    assert "outbox" not in text
