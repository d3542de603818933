"""Fixtures of the webhooks tests."""

from __future__ import annotations

import boto3
import pytest

from tests.unit.webhooks.world import World


@pytest.fixture
def world(aws: None) -> World:
    """One merchant's webhooks over moto."""
    return World()


@pytest.fixture
def queue_url(aws: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """The deliveries queue, in moto, beside that of acquirers' events."""
    url: str = boto3.client("sqs").create_queue(QueueName="deliveries")["QueueUrl"]
    events = boto3.client("sqs").create_queue(QueueName="acquirer-events")["QueueUrl"]
    monkeypatch.setenv("DELIVERIES_QUEUE_URL", url)
    monkeypatch.setenv("ACQUIRER_EVENTS_QUEUE_URL", events)
    topic = boto3.client("sns").create_topic(Name="notices")["TopicArn"]
    monkeypatch.setenv("NOTICES_TOPIC_ARN", topic)
    exhausted = boto3.client("sqs").create_queue(QueueName="exhausted")["QueueUrl"]
    monkeypatch.setenv("EXHAUSTED_QUEUE_URL", exhausted)
    return url
