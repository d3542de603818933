"""AWS inside the test process (moto), with the tables and keys that the template declares."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from farthing import runtime
from tests.support import fast_moto
from tests.support.template import resources

REGION = "eu-west-1"

fast_moto.install()


_make_client = boto3.client
_clients: dict[str, Any] = {}


def client(service: str, config: Config | None = None) -> Any:
    """`boto3.client`, made once in this process for each setting: making one takes 20 ms.

    moto answers every client that was made after moto was imported, in whichever test.
    """
    key = f"{service} {vars(config) if config else None}"
    if key not in _clients:
        _clients[key] = _make_client(service, region_name=REGION, config=config)
    return _clients[key]


@contextmanager
def fake_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """moto with every table of the template, and the environment that the functions expect."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    # moto knows the stream endpoint without the account in its host name only.
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "test")
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
    monkeypatch.delenv("TEST_CLOCK_TABLE", raising=False)
    monkeypatch.setattr(boto3, "client", client)
    with mock_aws():
        runtime.reset()
        for logical_id, table in resources("AWS::DynamoDB::Table").items():
            name = re.sub(r"(?<!^)(?=[A-Z])", "_", logical_id.removesuffix("Table")).upper()
            monkeypatch.setenv(f"{name}_TABLE", logical_id)
            create_table(logical_id, table["Properties"])
        yield
        runtime.reset()


def create_table(name: str, properties: dict[str, Any]) -> None:
    """A table with the keys, indexes and stream of the template's."""
    wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    arguments = {key: properties[key] for key in wanted if key in properties}
    if stream := properties.get("StreamSpecification"):
        arguments["StreamSpecification"] = {**stream, "StreamEnabled": True}
    boto3.client("dynamodb").create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST", **arguments
    )
