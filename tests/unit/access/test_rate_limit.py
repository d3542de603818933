"""The bucket of a key, an address and a minute."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import boto3
import pytest

from farthing import runtime
from farthing.access.principal import KeyKind, Mode, Principal
from farthing.access.rate_limit import count_call, network_of
from farthing.clock import from_text
from farthing.errors import FarthingError
from tests.support.threads import one_call_at_a_time

NOW = from_text("2026-11-22T09:00:20Z")


def principal(key_id: str = "key_a", merchant_id: str = "mer_a") -> Principal:
    return Principal(merchant_id, Mode.TEST, KeyKind.PUBLISHABLE, key_id, frozenset())


def passes(
    source_ip: str = "203.0.113.7",
    *,
    who: Principal | None = None,
    limit: int = 2,
    later_seconds: int = 0,
) -> bool:
    who = who or principal()
    now = NOW + timedelta(seconds=later_seconds)
    try:
        count_call(runtime.tenant_store(who), who, "TOKENS", source_ip, limit, now)
    except FarthingError as full:
        assert full.code.status == 429
        assert full.retry_after_seconds == 60 - (20 + later_seconds) % 60
        return False
    return True


def test_the_limit_holds_until_the_minute_is_over(aws: None) -> None:
    assert [passes() for _ in range(3)] == [True, True, False]
    assert not passes(later_seconds=39)
    assert passes(later_seconds=40)


def test_other_addresses_keys_and_merchants_have_buckets_of_their_own(aws: None) -> None:
    assert passes(limit=1)
    assert not passes(limit=1)
    assert passes("203.0.113.8", limit=1)
    assert passes(who=principal("key_b"), limit=1)
    assert passes(who=principal(merchant_id="mer_b"), limit=1)


def test_the_bucket_is_swept_up(aws: None) -> None:
    passes()
    (item,) = boto3.client("dynamodb").scan(TableName=runtime.table_names()["risk"])["Items"]
    assert int(item["ttl"]["N"]) > NOW.timestamp()
    assert item["entity"]["S"] == "rate_bucket"
    assert item["schema_version"]["N"] == "1"
    assert item["calls"]["N"] == "1"


def test_calls_at_once_are_all_counted(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    one_call_at_a_time(monkeypatch)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: passes(limit=5), range(16))) == 5


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("", "unknown"),
        ("not an address", "unknown"),
    ],
)
def test_an_ipv6_address_counts_as_its_network(address: str, network: str) -> None:
    assert network_of(address) == network
