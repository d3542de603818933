"""`farthing redrive`: what failed goes back to its queue, and what was done is not done again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from farthing.webhooks import wiring
from farthing_cli import dead_letters, redrive
from farthing_cli.app import app
from farthing_cli.pace import Pace
from farthing_cli.place import Place
from tests.support import inbox
from tests.support.lambdas import MERCHANT, Context, event_of, load
from tests.support.methods import address_of
from tests.support.stack import Stack
from tests.support.template import resources
from tests.unit.webhooks.world import World

STACK = "farthing-test"
ARN = "arn:aws:sqs:eu-west-1:123456789012"
DEAD, SOURCE = "AcquirerEventsDeadLetters", "AcquirerEventsQueue"
PAIRS = {
    "AcquirerEventsDeadLetters": "AcquirerEventsQueue",
    "DeliveriesDeadLetters": "DeliveriesQueue",
    "ExhaustedQueue": "DeliveriesQueue",
    "ResolveFailures": "ResolveQueue",
}
Run = Callable[..., Result]


class Queues:
    """The template's queues, made in moto, and the stack that lists them."""

    def __init__(self) -> None:
        sqs, declared = boto3.client("sqs"), resources("AWS::SQS::Queue")
        self.urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in declared}
        self.place = Place(STACK, self._client)
        for name, one in declared.items():
            if policy := one["Properties"].get("RedrivePolicy"):
                target = f"{ARN}:{policy['deadLetterTargetArn']['Fn::GetAtt'][0]}"
                text = json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": 5})
                sqs.set_queue_attributes(
                    QueueUrl=self.urls[name], Attributes={"RedrivePolicy": text}
                )

    def _client(self, service: str) -> Any:
        return self if service == "cloudformation" else boto3.client(service)

    def get_paginator(self, operation: str) -> Any:
        """CloudFormation's, on two pages."""
        assert operation == "list_stack_resources"
        return self

    def paginate(self, *, StackName: str) -> list[dict[str, Any]]:
        assert StackName == STACK
        rows = [
            {
                "ResourceType": "AWS::SQS::Queue",
                "LogicalResourceId": name,
                "PhysicalResourceId": url,
            }
            for name, url in self.urls.items()
        ]
        table = {"ResourceType": "AWS::DynamoDB::Table", "LogicalResourceId": "PaymentsTable"}
        return [
            {"StackResourceSummaries": [*rows[:4], table]},
            {"StackResourceSummaries": rows[4:]},
        ]

    def put(self, name: str, *bodies: str) -> None:
        for body in bodies:
            boto3.client("sqs").send_message(QueueUrl=self.urls[name], MessageBody=body)

    def depth(self, name: str) -> int:
        wanted = ["ApproximateNumberOfMessages"]
        found = boto3.client("sqs").get_queue_attributes(
            QueueUrl=self.urls[name], AttributeNames=wanted
        )
        return int(found["Attributes"][wanted[0]])

    def taken(self, name: str) -> list[str]:
        """What is in a queue, received and deleted."""
        url, bodies = self.urls[name], []
        while True:
            answer = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            if "Messages" not in answer:
                return bodies
            for message in answer["Messages"]:
                receipt = message["ReceiptHandle"]
                boto3.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=receipt)
                bodies.append(message["Body"])


@pytest.fixture
def queues(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Queues:
    made = Queues()
    for setting, name in (
        ("ACQUIRER_EVENTS_QUEUE_URL", "AcquirerEventsQueue"),
        ("DELIVERIES_QUEUE_URL", "DeliveriesQueue"),
        ("EXHAUSTED_QUEUE_URL", "ExhaustedQueue"),
    ):
        monkeypatch.setenv(setting, made.urls[name])
    monkeypatch.setattr(redrive.Place, "of", lambda stack: made.place)
    monkeypatch.setattr(redrive, "console", Console(width=80))
    monkeypatch.setattr(dead_letters, "WAIT_SECONDS", 0)
    return made


@pytest.fixture
def run(queues: Queues) -> Run:
    def run(*arguments: str, typed: str = "") -> Result:
        fast = () if "--list" in arguments else ("--per-second", "1000")
        return CliRunner().invoke(app, ["redrive", *arguments, *fast], input=typed)

    return run


def test_every_queue_of_failures_is_listed_with_its_depth_and_its_source(
    queues: Queues, run: Run
) -> None:
    queues.put(DEAD, "a", "b")
    result = run("--list")
    assert result.exit_code == 0
    shown = {line.split("│")[1].strip(): line for line in result.output.splitlines() if "│" in line}
    for name, source in (PAIRS | {"OutboxFailures": "no queue"}).items():
        assert source in shown[name]
    assert " 2 " in shown[DEAD] and " 0 " in shown["ResolveFailures"]
    assert "ScheduleFailures" in shown and SOURCE not in shown


def test_each_pair_of_the_template_is_known(queues: Queues) -> None:
    found = {one.name: one.source for one in dead_letters.of_stack(queues.place)}
    policies = [r["Properties"].get("RedrivePolicy") for r in resources("AWS::SQS::Queue").values()]
    targets = {p["deadLetterTargetArn"]["Fn::GetAtt"][0] for p in policies if p}
    assert targets <= set(found)
    assert {name: found[name] for name in PAIRS} == PAIRS


def test_messages_go_back_and_are_counted(queues: Queues, run: Run) -> None:
    queues.put(DEAD, *(str(n) for n in range(25)))
    result = run(DEAD, "--yes")
    assert result.exit_code == 0
    assert f"25 of 25 messages went to {SOURCE}" in result.output
    assert queues.depth(DEAD) == 0
    assert sorted(map(int, queues.taken(SOURCE))) == list(range(25))


def test_no_more_than_asked(queues: Queues, run: Run) -> None:
    queues.put(DEAD, "a", "b", "c")
    assert f"2 of 2 messages went to {SOURCE}" in run(DEAD.lower(), "--max", "2", "--yes").output
    assert (queues.depth(DEAD), queues.depth(SOURCE)) == (1, 2)


def test_a_dry_run_changes_nothing(queues: Queues, run: Run) -> None:
    queues.put(DEAD, "a", "b")
    result = run(DEAD, "--dry-run")
    assert f"2 messages, of which 2 go to {SOURCE}" in result.output
    assert "Nothing was changed" in result.output
    assert (queues.depth(DEAD), queues.depth(SOURCE)) == (2, 0)
    # not even how often a message was received
    (one, *_) = boto3.client("sqs").receive_message(
        QueueUrl=queues.urls[DEAD], MessageSystemAttributeNames=["All"]
    )["Messages"]
    assert one["Attributes"]["ApproximateReceiveCount"] == "1"


def test_somebody_who_is_asked_may_say_no(queues: Queues, run: Run) -> None:
    queues.put(DEAD, "a")
    assert run(DEAD, typed="n\n").exit_code == 1
    assert (queues.depth(DEAD), queues.depth(SOURCE)) == (1, 0)
    assert run(DEAD, typed="y\n").exit_code == 0
    assert (queues.depth(DEAD), queues.depth(SOURCE)) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "Name a queue of failures"),
        ((DEAD, "--list"), "Name a queue of failures"),
        (("Nowhere",), "no queue of failures"),
        ((SOURCE,), "no queue of failures"),
        (("OutboxFailures",), "nowhere to send it back"),
    ],
)
def test_what_cannot_be_is_refused(run: Run, arguments: tuple[str, ...], why: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert why in " ".join(str(result.exception).split())


def test_what_could_not_be_sent_is_not_deleted(
    queues: Queues, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues.put(DEAD, "a")
    sqs = boto3.client("sqs")
    deleted: list[Any] = []
    with monkeypatch.context() as broken:
        broken.setattr(sqs, "send_message", lambda **_: 1 / 0)
        broken.setattr(sqs, "delete_message", lambda **given: deleted.append(given))
        assert run(DEAD, "--yes").exit_code == 1
    assert deleted == []


def test_it_goes_no_faster_than_asked(queues: Queues) -> None:
    queues.put(DEAD, *"abcdef")
    slept: list[float] = []
    clock = [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    queue = dead_letters.named(queues.place, DEAD)
    gone = list(dead_letters.move(queues.place, queue, 6, Pace(2, lambda: clock[0], sleep)))
    assert gone == [1, 2, 3, 4, 5, 6]
    assert sum(slept) == pytest.approx(2.5)


def test_everything_twice_changes_nothing(
    queues: Queues, run: Run, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a payment of whose outcome we learned, an acquirer's word about it, and an event that
    # was delivered
    world = World()
    monkeypatch.setattr(wiring, "sender", lambda: world.sender)
    world.endpoint()
    load("outbox").handler(event_of("outbox.event"), Context())
    deliveries = queues.taken("DeliveriesQueue")
    assert stack.pay(100).status == 201
    (operation,) = stack.items("operation")
    named = {
        "reference": operation["reference"]["S"],
        "order_id": operation["intent_id"]["S"],
        "merchant_reference": f"{MERCHANT}:test",
        "operation": "AUTHORIZE",
    }
    messages = {
        "AcquirerEventsDeadLetters": [inbox.heard("sandbox", {"data": named})],
        "ResolveFailures": [json.dumps({"operation": address_of(operation)})],
        "DeliveriesDeadLetters": deliveries,
        "ExhaustedQueue": deliveries,
    }
    # When all of it is put back and worked off, once
    work_off_all(queues, run, messages)
    once = everything()
    asked, posted = len(stack.acquirer.requests), len(world.sender.posts)
    assert inbox.states() == ["APPLIED"]
    assert posted == 1
    # And twice more
    for _ in range(2):
        work_off_all(queues, run, messages)
    # Then nothing has changed, nobody was asked, and nobody was told
    assert everything() == once
    assert (len(stack.acquirer.requests), len(world.sender.posts)) == (asked, posted)


def work_off_all(queues: Queues, run: Run, messages: dict[str, list[str]]) -> None:
    """Messages in the queues of failures, redriven, through the functions that read the queues."""
    readers = {
        "AcquirerEventsQueue": "acquirer_events",
        "DeliveriesQueue": "deliver_webhooks",
        "ResolveQueue": "resolve_unknown",
    }
    for name, bodies in messages.items():
        queues.put(name, *bodies)
        assert run(name, "--yes").exit_code == 0
        back = queues.taken(PAIRS[name])
        assert sorted(back) == sorted(bodies)
        records = [{"messageId": str(n), "body": body} for n, body in enumerate(back)]
        context = Context(remaining_milliseconds=60_000)
        answer = load(readers[PAIRS[name]]).handler({"Records": records}, context)
        assert answer == {"batchItemFailures": []}


def everything() -> list[str]:
    """Every row of every table."""
    dynamodb = boto3.client("dynamodb")
    return sorted(
        json.dumps(row, sort_keys=True, default=str)
        for table in dynamodb.list_tables()["TableNames"]
        for row in dynamodb.scan(TableName=table)["Items"]
    )
