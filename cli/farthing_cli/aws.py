"""boto3 clients of the local stack. They take nothing from the user's own AWS configuration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from farthing_cli.state import Dev


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

    def client(self, service: str) -> Any:
        """A client of one service, made once."""
        return _client(self, service)


@cache
def _client(account: Account, service: str) -> Any:
    import boto3
    from botocore.config import Config

    session = boto3.session.Session(
        aws_access_key_id=account.access_key_id,
        aws_secret_access_key=account.secret_access_key,
        region_name=account.region,
    )
    config = Config(
        connect_timeout=2,
        read_timeout=60,
        retries={"total_max_attempts": 1},
        max_pool_connections=16,
        ignore_configured_endpoint_urls=True,
        s3={"addressing_style": "path"},
    )
    return session.client(service, endpoint_url=account.endpoint_url, config=config)
