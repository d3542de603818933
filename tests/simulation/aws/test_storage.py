"""What only a simulation has: time that is ours, indexes that lag, snapshots, streams, hooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.simulation.aws.dynamo import Tables, WriteRecord
from tests.simulation.aws.kms import Keys
from tests.simulation.aws.sqs import Queues, lambda_record
from tests.support.template import resources

INDEXES = {"due": ("due_pk", "due_at")}


class Clock:
    """The time, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.lag = 0.0
        self.stale = False


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tables(clock: Clock) -> Tables:
    made = Tables(lambda: clock.now, lambda: clock.lag, lambda: clock.stale)
    made.create_table("t", INDEXES, stream=True)
    return made


def put(tables: Tables, sk: str = "s", **attributes: Any) -> None:
    item = {"pk": {"S": "p"}, "sk": {"S": sk}}
    tables.put_item(
        TableName="t", Item=item | {name: {"S": str(value)} for name, value in attributes.items()}
    )


def due(tables: Tables) -> list[str]:
    page = tables.query(
        TableName="t",
        IndexName="due",
        KeyConditionExpression="due_pk = :d",
        ExpressionAttributeValues={":d": {"S": "d"}},
    )
    return [item["sk"]["S"] + item["due_at"]["S"] for item in page["Items"]]


def get(tables: Tables, sk: str = "s", *, consistent: bool = True) -> Any:
    key = {"pk": {"S": "p"}, "sk": {"S": sk}}
    return tables.get_item(TableName="t", Key=key, ConsistentRead=consistent).get("Item")


def test_an_index_shows_a_write_when_its_lag_is_over(tables: Tables, clock: Clock) -> None:
    put(tables, due_pk="d", due_at=1)
    clock.lag = 5
    put(tables, due_pk="d", due_at=2)
    put(tables, "gone", due_pk="d", due_at=3)
    clock.lag = 1
    tables.delete_item(TableName="t", Key={"pk": {"S": "p"}, "sk": {"S": "gone"}})
    assert due(tables) == ["s1"]
    clock.now += 5
    assert due(tables) == ["s2"]


def test_an_index_shows_the_writes_of_one_item_in_their_order(tables: Tables, clock: Clock) -> None:
    clock.lag = 5
    put(tables, due_pk="d", due_at=1)
    clock.lag = 0
    put(tables, due_pk="d", due_at=2)
    assert due(tables) == []
    clock.now += 5
    assert due(tables) == ["s2"]
    clock.now += 5
    assert due(tables) == ["s2"]


def test_a_stale_read_shows_what_was_before_for_a_moment(tables: Tables, clock: Clock) -> None:
    put(tables, x=1)
    clock.now += 10
    put(tables, x=2)
    put(tables, "new")
    clock.stale = True
    assert get(tables)["x"] == {"S": "2"}
    assert get(tables, consistent=False)["x"] == {"S": "1"}
    assert get(tables, "new", consistent=False) is None
    values = {":p": {"S": "p"}}
    asked = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": values}
    assert tables.query(TableName="t", **asked)["Count"] == 1
    assert tables.query(TableName="t", ConsistentRead=True, **asked)["Count"] == 2
    clock.now += 1
    assert get(tables, consistent=False)["x"] == {"S": "2"}


def test_a_snapshot_is_not_touched_by_what_comes_after(tables: Tables, clock: Clock) -> None:
    put(tables, due_pk="d", due_at=1)
    clock.lag = 1
    put(tables, "late", due_pk="d", due_at=2)
    before = tables.snapshot()
    for _ in range(2):
        put(tables, due_pk="d", due_at=9)
        put(tables, "more", due_pk="d", due_at=9)
        clock.now += 1
        assert due(tables) == ["late2", "more9", "s9"]
        tables.restore(before)
        assert get(tables, "more") is None
        assert get(tables)["due_at"] == {"S": "1"}
        assert [record["eventName"] for record in tables.stream("t")] == ["INSERT", "INSERT"]
        clock.now -= 1
        assert due(tables) == ["s1"]


def test_a_restored_backup_leaves_the_stream_alone(tables: Tables) -> None:
    put(tables, x=1)
    backup = tables.snapshot()
    put(tables, x=2)
    put(tables, "more")
    tables.restore_items(backup, ["t"])
    assert get(tables)["x"] == {"S": "1"}
    assert get(tables, "more") is None
    assert len(tables.stream("t")) == 3
    put(tables, x=3)
    numbers = [record["dynamodb"]["SequenceNumber"] for record in tables.stream("t")]
    assert numbers == sorted(set(numbers))
    tables.restore(backup)
    assert get(tables)["x"] == {"S": "1"}


def test_the_stream_tells_what_changed(tables: Tables) -> None:
    put(tables, x=1)
    put(tables, x=1)
    put(tables, x=2)
    tables.delete_item(TableName="t", Key={"pk": {"S": "p"}, "sk": {"S": "s"}})
    tables.delete_item(TableName="t", Key={"pk": {"S": "p"}, "sk": {"S": "s"}})
    told = [(one["eventName"], one["dynamodb"].get("NewImage")) for one in tables.stream("t")]
    key = {"pk": {"S": "p"}, "sk": {"S": "s"}}
    assert told == [
        ("INSERT", {**key, "x": {"S": "1"}}),
        ("MODIFY", {**key, "x": {"S": "2"}}),
        ("REMOVE", None),
    ]
    assert {repr(one["dynamodb"]["Keys"]) for one in tables.stream("t")} == {repr(key)}


def test_hooks_hear_of_a_transaction_at_once_and_of_no_failure(tables: Tables) -> None:
    heard: list[Sequence[WriteRecord]] = []
    tables.on_write.append(heard.append)
    first, second = ({"pk": {"S": "p"}, "sk": {"S": sk}} for sk in "ab")
    new = "attribute_not_exists(pk)"
    tables.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": "t", "Item": item, "ConditionExpression": new}}
            for item in (first, second)
        ]
    )
    with pytest.raises(ClientError):
        tables.transact_write_items(
            TransactItems=[
                {"Delete": {"TableName": "t", "Key": first}},
                {"Put": {"TableName": "t", "Item": second, "ConditionExpression": new}},
            ]
        )
    assert heard == [[("t", ("p", "a"), None, first), ("t", ("p", "b"), None, second)]]


def test_what_a_caller_does_with_its_items_changes_nothing(tables: Tables) -> None:
    item = {"pk": {"S": "p"}, "sk": {"S": "s"}}
    tables.put_item(TableName="t", Item=item)
    item["x"] = {"S": "later"}
    get(tables)["y"] = {"S": "later"}
    assert get(tables) == {"pk": {"S": "p"}, "sk": {"S": "s"}}


def test_a_token_is_known_for_ten_minutes(tables: Tables, clock: Clock) -> None:
    key = {"pk": {"S": "p"}, "sk": {"S": "s"}}
    update = {
        "TableName": "t",
        "Key": key,
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    for later, times in ((0, 1), (599, 1), (1, 2), (1, 2)):
        clock.now += later
        tables.transact_write_items(TransactItems=[{"Update": update}], ClientRequestToken="x")
        assert get(tables)["n"] == {"N": str(times)}
    other = {**update, "ExpressionAttributeValues": {":one": {"N": "2"}}}
    with pytest.raises(tables.exceptions.IdempotentParameterMismatchException):
        tables.transact_write_items(TransactItems=[{"Update": other}], ClientRequestToken="x")
    assert get(tables)["n"] == {"N": "2"}


def test_expired_items_go_when_told_and_not_before(tables: Tables, clock: Clock) -> None:
    item = {"pk": {"S": "p"}, "sk": {"S": "s"}, "ttl": {"N": "1500"}}
    tables.put_item(TableName="t", Item=item)
    assert tables.expire(1500) == 0
    assert tables.expire(1501, lambda table, key: False) == 0
    assert get(tables) is not None
    assert tables.expire(1501) == 1
    assert get(tables) is None
    last = tables.stream("t")[-1]
    assert last["userIdentity"]["principalId"] == "dynamodb.amazonaws.com"


def test_a_page_ends_after_a_megabyte(tables: Tables) -> None:
    for number in range(5):
        put(tables, f"{number}", text="x" * 300_000)
    values = {":p": {"S": "p"}}
    asked = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": values}
    page = tables.query(TableName="t", **asked)
    assert page["Count"] == 4
    rest = tables.query(TableName="t", ExclusiveStartKey=page["LastEvaluatedKey"], **asked)
    assert rest["Count"] == 1
    assert "LastEvaluatedKey" not in rest


def test_every_table_and_queue_of_the_template_can_be_made(clock: Clock) -> None:
    tables, queues = Tables(lambda: clock.now), Queues(lambda: clock.now)
    for name, table in resources("AWS::DynamoDB::Table").items():
        tables.create_declared(name, table["Properties"])
    for name, queue in resources("AWS::SQS::Queue").items():
        queues.create_declared(name, queue["Properties"])
    assert tables.stream("PaymentsTable") == []
    url = queues.create_queue("more")
    queues.send_message(QueueUrl=url, MessageBody="x")


def test_a_message_comes_again_and_ends_among_the_dead(clock: Clock) -> None:
    queues = Queues(lambda: clock.now)
    queues.create_queue("dead")
    url = queues.create_queue("work", visibility_seconds=30, dead_letters="dead", receives_max=2)
    queues.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=5)
    assert queues.receive("work") == []
    assert queues.next_visible_at("work") == 1005
    clock.now += 5
    (first,) = queues.receive("work")
    assert queues.receive("work") == []
    clock.now += 30
    (second,) = queues.receive("work")
    assert (second.message_id, second.received) == (first.message_id, 2)
    assert lambda_record("work", second)["attributes"]["ApproximateReceiveCount"] == "2"
    queues.delete("work", first.receipt)
    clock.now += 30
    assert queues.receive("work") == []
    assert [one.body for one in queues.messages("dead")] == ["x"]


def test_a_duplicate_is_a_delivery_of_its_own(clock: Clock) -> None:
    queues = Queues(lambda: clock.now)
    url = queues.create_queue("work")
    queues.send_message(QueueUrl=url, MessageBody="x")
    (first,) = queues.receive("work")
    queues.duplicate("work", first)
    (again,) = queues.receive("work")
    assert again.message_id == first.message_id
    kept = queues.snapshot()
    queues.delete("work", first.receipt)
    queues.delete("work", again.receipt)
    assert queues.messages("work") == []
    queues.restore(kept)
    assert len(queues.messages("work")) == 2


def test_the_same_seed_gives_the_same_keys() -> None:
    def made(seed: bytes) -> tuple[str, bytes]:
        keys = Keys(seed)
        key_id = keys.create_key()
        return key_id, keys.generate_data_key(KeyId=key_id, NumberOfBytes=32)["CiphertextBlob"]

    assert made(b"1") == made(b"1") != made(b"2")
