"""boto3 clients: of the local stack, or of AWS.

Those of the local stack take nothing from the user's own AWS configuration, and those of AWS
nothing from the local stack's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from farthing_cli.failure import Failure
from farthing_cli.state import Dev

CONNECT_TIMEOUT_SECONDS = 2
READ_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Account:
    """An endpoint and the credentials that it knows."""

    endpoint_url: str
    region: str
    access_key_id: str
    secret_access_key: str

    @classmethod
    def of(cls, dev: Dev) -> Account:
        """The account of the running local stack."""
        return cls(
            dev.aws_endpoint_url,
            dev.aws_region,
            dev.aws_access_key_id,
            dev.aws_secret_access_key,
        )

    def client(self, service: str, read_timeout_seconds: int = READ_TIMEOUT_SECONDS) -> Any:
        """A client of one service, made once."""
        return _client(self, service, read_timeout_seconds)


def own_client(service: str, read_timeout_seconds: int = READ_TIMEOUT_SECONDS) -> Any:
    """A client in AWS, as the user's own configuration says. Raises Failure if it says nothing."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=read_timeout_seconds,
        retries={"total_max_attempts": 1},
    )
    try:
        return boto3.client(service, config=config)
    except (BotoCoreError, ValueError) as error:
        raise Failure(str(error)) from None


@cache
def _client(account: Account, service: str, read_timeout_seconds: int) -> Any:
    import boto3
    from botocore.config import Config

    session = boto3.session.Session(
        aws_access_key_id=account.access_key_id,
        aws_secret_access_key=account.secret_access_key,
        region_name=account.region,
    )
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=read_timeout_seconds,
        retries={"total_max_attempts": 1},
        max_pool_connections=16,
        ignore_configured_endpoint_urls=True,
        s3={"addressing_style": "path"},
    )
    return session.client(service, endpoint_url=account.endpoint_url, config=config)
