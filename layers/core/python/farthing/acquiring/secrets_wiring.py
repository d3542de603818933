"""Secrets of each merchant, by their names: read when they are needed, and again after a minute.

So a rotation is seen without a new process. A name that somebody made up costs one read a minute,
and what is remembered is bounded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from farthing import runtime
from farthing.store import TenantScope

FRESH = timedelta(seconds=60)
REMEMBERED_MAX = 500
NOTHING: Mapping[str, Any] = {}


def merchant_secret(prefix_setting: str, tenant: TenantScope) -> Mapping[str, Any]:
    """The JSON object in `{prefix}/{merchant}/{mode}`; empty if there is none, or it is none."""
    name = f"{runtime.setting(prefix_setting)}/{tenant.merchant_id}/{tenant.mode}"
    try:
        document = json.loads(_named(name) or "{}")
    except ValueError:
        return NOTHING
    return document if isinstance(document, dict) else NOTHING


def _named(name: str) -> str | None:
    remembered: dict[str, tuple[datetime, str | None]] = runtime.once("merchant_secrets", dict)
    now = runtime.platform().now()
    found = remembered.get(name)
    if found is not None and now - found[0] < FRESH:
        return found[1]
    remembered.pop(name, None)
    while len(remembered) >= REMEMBERED_MAX:
        del remembered[next(iter(remembered))]
    text = _read(name)
    remembered[name] = now, text
    return text


def _read(name: str) -> str | None:
    try:
        answer = runtime.client("secretsmanager").get_secret_value(SecretId=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise
    return str(answer["SecretString"])
