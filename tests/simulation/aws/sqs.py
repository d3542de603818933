"""Standard queues in memory, with boto3's names, arguments and errors.

A message is delivered at least once and in no order. Which of the visible ones come, and whether
one comes twice, is for the caller to choose (`visible`, `choose`, `duplicate`); by default the
longest visible come first. A message that was received as often as its queue allows goes to the
dead letters when it would come once more, as in AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import md5
from typing import Any

from tests.simulation.aws.errors import Exceptions, answer, client_error
from tests.simulation.aws.sqs_limits import BATCH_MAX, check_batch, refusal

REGION_URL = "https://sqs.eu-west-1.amazonaws.com/000000000000/"
ARN = "arn:aws:sqs:eu-west-1:000000000000:"
RETENTION_SECONDS = 345_600
ENTRY_FIELDS = frozenset({"Id", "MessageBody", "DelaySeconds", "MessageGroupId"})


@dataclass(slots=True)
class Message:
    """One message in a queue."""

    message_id: str
    body: str
    sent_at: float
    visible_at: float
    turn: int
    group: str = ""
    """Whose it is, for SQS to be fair by; the order here is anybody's anyway."""
    received: int = 0
    first_received_at: float | None = None
    receipt: str = ""


@dataclass(slots=True)
class Queue:
    """A queue and what is in it. `dead_letters` is a queue's name."""

    name: str
    visibility_seconds: int = 30
    dead_letters: str | None = None
    receives_max: int | None = None
    retention_seconds: int = RETENTION_SECONDS
    messages: list[Message] = field(default_factory=list)

    @property
    def url(self) -> str:
        """What clients call it by."""
        return REGION_URL + self.name


Choose = Callable[[Sequence[Message]], Sequence[Message]]


class Queues:
    """All queues. `now` says the time."""

    exceptions = Exceptions(
        "BatchEntryIdsNotDistinct",
        "BatchRequestTooLong",
        "EmptyBatchRequest",
        "InvalidBatchEntryId",
        "InvalidMessageContents",
        "MessageNotInflight",
        "QueueDoesNotExist",
        "ReceiptHandleIsInvalid",
        "RequestThrottled",
        "TooManyEntriesInBatchRequest",
    )

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.on_send: list[Callable[[str, Message], None]] = []
        """Called with the queue's name and each message that was put into it."""
        self._queues: dict[str, Queue] = {}
        self._turn = 0

    # The world's side

    def create_queue(self, name: str, **settings: Any) -> str:
        """A new queue, with the settings of `Queue`. Its URL."""
        queue = self._queues[name] = Queue(name, **settings)
        return queue.url

    def create_declared(self, name: str, properties: Mapping[str, Any]) -> str:
        """A queue as a template's AWS::SQS::Queue declares it; its dead letters' logical id is
        taken for their name. Its URL."""
        redrive = properties.get("RedrivePolicy", {})
        target = redrive.get("deadLetterTargetArn", {}).get("Fn::GetAtt", [None])[0]
        return self.create_queue(
            name,
            visibility_seconds=properties.get("VisibilityTimeout", 30),
            retention_seconds=properties.get("MessageRetentionPeriod", RETENTION_SECONDS),
            dead_letters=target,
            receives_max=redrive.get("maxReceiveCount"),
        )

    def messages(self, name: str) -> list[Message]:
        """All messages of a queue, for looking only: visible, delayed and being worked on."""
        return self._queues[name].messages

    def visible(self, name: str) -> list[Message]:
        """The messages that a receive may bring, the longest visible first."""
        now = self.now()
        ready = [one for one in self._queues[name].messages if one.visible_at <= now]
        return sorted(ready, key=lambda one: (one.visible_at, one.turn))

    def next_visible_at(self, name: str) -> float | None:
        """When the next receive may bring anything; None if there is no message."""
        return min((one.visible_at for one in self._queues[name].messages), default=None)

    def duplicate(self, name: str, message: Message) -> None:
        """Deliver a message once more, as SQS may: the same id and body, visible now."""
        again = replace(message, visible_at=self.now(), turn=self._next(), receipt="")
        self._queues[name].messages.append(again)

    def receive(
        self, name: str, max_messages: int = 1, choose: Choose = lambda visible: visible
    ) -> list[Message]:
        """Up to `max_messages`, each invisible from now on for the queue's time."""
        queue = self._queues[name]
        return self._receive(queue, max_messages, queue.visibility_seconds, choose)

    def delete(self, name: str, receipt: str) -> None:
        """Delete a message by its latest receipt. An older one deletes nothing."""
        queue = self._queues[name]
        queue.messages = [one for one in queue.messages if one.receipt != receipt]

    def snapshot(self) -> dict[str, Queue]:
        """What all queues hold."""
        return {name: _copied(queue) for name, queue in self._queues.items()}

    def restore(self, snapshot: Mapping[str, Queue]) -> None:
        """Hold again what a snapshot holds."""
        self._queues = {name: _copied(queue) for name, queue in snapshot.items()}

    # The client's side

    def send_message(
        self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0
    ) -> dict[str, Any]:
        """Send one message."""
        queue = self._queue("SendMessage", QueueUrl)
        if why := refusal(MessageBody, DelaySeconds):
            raise client_error("SendMessage", *why)
        message = self._add(queue, MessageBody, DelaySeconds)
        return answer(MessageId=message.message_id, MD5OfMessageBody=_md5(MessageBody))

    def send_message_batch(
        self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Send up to ten messages; each may be refused by itself."""
        queue = self._queue("SendMessageBatch", QueueUrl)
        check_batch(Entries)
        done, failed = [], []
        for entry in Entries:
            if unknown := entry.keys() - ENTRY_FIELDS:
                raise TypeError(f"the fake has no {sorted(unknown)}")
            body, delay = entry["MessageBody"], entry.get("DelaySeconds", 0)
            if why := refusal(body, delay):
                code, text = why
                failed.append(
                    {"Id": entry["Id"], "SenderFault": True, "Code": code, "Message": text}
                )
                continue
            message = self._add(queue, body, delay, entry.get("MessageGroupId", ""))
            done.append(
                {
                    "Id": entry["Id"],
                    "MessageId": message.message_id,
                    "MD5OfMessageBody": _md5(body),
                }
            )
        fields: dict[str, Any] = {"Successful": done} if done else {}
        return answer(**fields, **({"Failed": failed} if failed else {}))

    def receive_message(
        self,
        *,
        QueueUrl: str,
        MaxNumberOfMessages: int = 1,
        VisibilityTimeout: int | None = None,
        WaitTimeSeconds: int = 0,
        MessageSystemAttributeNames: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Receive; never waits."""
        queue = self._queue("ReceiveMessage", QueueUrl)
        if not 1 <= MaxNumberOfMessages <= BATCH_MAX:
            raise client_error(
                "ReceiveMessage",
                "InvalidParameterValue",
                f"Value {MaxNumberOfMessages} for parameter MaxNumberOfMessages is invalid. "
                "Reason: Must be between 1 and 10, if provided.",
            )
        seconds = queue.visibility_seconds if VisibilityTimeout is None else VisibilityTimeout
        found = self._receive(queue, MaxNumberOfMessages, seconds, lambda visible: visible)
        shown = [_shown(message, MessageSystemAttributeNames) for message in found]
        return answer(Messages=shown) if shown else answer()

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> dict[str, Any]:
        """Delete a received message."""
        self.delete(self._queue("DeleteMessage", QueueUrl).name, ReceiptHandle)
        return answer()

    def change_message_visibility(
        self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int
    ) -> dict[str, Any]:
        """Let a received message come again after so many seconds from now."""
        queue = self._queue("ChangeMessageVisibility", QueueUrl)
        now = self.now()
        for message in queue.messages:
            if message.receipt == ReceiptHandle and message.visible_at > now:
                message.visible_at = now + VisibilityTimeout
                return answer()
        raise client_error(
            "ChangeMessageVisibility",
            "MessageNotInflight",
            "The message referred to is not in flight.",
            code="AWS.SimpleQueueService.MessageNotInflight",
        )

    # How

    def _queue(self, operation: str, url: str) -> Queue:
        queue = self._queues.get(url.rsplit("/", 1)[-1])
        if queue is None:
            raise client_error(
                operation,
                "QueueDoesNotExist",
                "The specified queue does not exist.",
                code="AWS.SimpleQueueService.NonExistentQueue",
            )
        return queue

    def _add(self, queue: Queue, body: str, delay_seconds: float, group: str = "") -> Message:
        now, turn = self.now(), self._next()
        message = Message(f"{turn:08x}-aaaa-4aaa-8aaa-aaaaaaaaaaaa", body, now, now, turn, group)
        message.visible_at += delay_seconds
        queue.messages.append(message)
        for hook in self.on_send:
            hook(queue.name, message)
        return message

    def _receive(
        self, queue: Queue, max_messages: int, seconds: float, choose: Choose
    ) -> list[Message]:
        now = self.now()
        queue.messages = [
            one for one in queue.messages if now - one.sent_at < queue.retention_seconds
        ]
        received: list[Message] = []
        for message in choose(self.visible(queue.name)):
            if len(received) == max_messages:
                break
            if queue.receives_max is not None and message.received >= queue.receives_max:
                self._bury(queue, message)
                continue
            message.received += 1
            message.first_received_at = message.first_received_at or now
            message.visible_at = now + seconds
            message.receipt = f"{message.message_id}#{self._next()}"
            received.append(replace(message))
        return received

    def _bury(self, queue: Queue, message: Message) -> None:
        assert queue.dead_letters is not None
        queue.messages = [one for one in queue.messages if one is not message]
        message.visible_at, message.receipt = self.now(), ""
        self._queues[queue.dead_letters].messages.append(message)

    def _next(self) -> int:
        self._turn += 1
        return self._turn


def lambda_record(queue_name: str, message: Message) -> dict[str, Any]:
    """A received message as Lambda gets it."""
    return {
        "messageId": message.message_id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": _attributes(message),
        "messageAttributes": {},
        "md5OfBody": _md5(message.body),
        "eventSource": "aws:sqs",
        "eventSourceARN": ARN + queue_name,
        "awsRegion": "eu-west-1",
    }


def _shown(message: Message, wanted: Sequence[str]) -> dict[str, Any]:
    attributes = _attributes(message)
    chosen = {
        name: value for name, value in attributes.items() if name in wanted or "All" in wanted
    }
    return {
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": _md5(message.body),
        "Body": message.body,
        **({"Attributes": chosen} if chosen else {}),
    }


def _attributes(message: Message) -> dict[str, str]:
    return {
        "ApproximateReceiveCount": str(message.received),
        "SentTimestamp": str(int(message.sent_at * 1000)),
        "SenderId": "AROAFARTHING:sender",
        "ApproximateFirstReceiveTimestamp": str(int((message.first_received_at or 0) * 1000)),
        **({"MessageGroupId": message.group} if message.group else {}),
    }


def _md5(body: str) -> str:
    return md5(body.encode(), usedforsecurity=False).hexdigest()


def _copied(queue: Queue) -> Queue:
    return replace(queue, messages=[replace(message) for message in queue.messages])
