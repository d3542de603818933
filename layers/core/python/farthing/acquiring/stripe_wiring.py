"""A merchant's Stripe account, with the key that its secret holds.

Each merchant and mode has a secret of its own. A live key cannot be used for test payments, nor the
other way round, whatever the secret's name says.
"""

from __future__ import annotations

import re
from typing import Any

from farthing import runtime
from farthing.acquiring.charge import CannotSend
from farthing.acquiring.secrets_wiring import merchant_secret
from farthing.acquiring.stripe.api import CLOCK_HEADER, HEADERS, Api
from farthing.acquiring.stripe.connector import StripeAcquirer
from farthing.acquiring.stripe.guarantees import ANSWER_BYTES_MAX, API_URL
from farthing.payments.names import merchant_reference
from farthing.store import TenantScope

KEYS_SETTING, URL_SETTING = "STRIPE_KEYS_PREFIX", "STRIPE_URL"
REPORTING_SETTING = "STRIPE_REPORTING_PREFIX"
BALANCE_BYTES_MAX = 4 * 1024 * 1024
"""Room for a hundred balance transactions, each with its charge."""
SECRET_KEY = re.compile(r"(?:sk|rk)_(test|live)_[A-Za-z0-9_]{3,250}")
RESTRICTED_KEY = re.compile(r"rk_(test|live)_[A-Za-z0-9_]{3,250}")
"""May what it was made for: one that only reads the balance can move no money."""


def stripe(tenant: TenantScope) -> StripeAcquirer:
    """The connector of a merchant in a mode. Raises CannotSend if there is no key for it."""
    found = merchant_secret(KEYS_SETTING, tenant).get("secret_key")
    api = _api(tenant, secret_key(found, tenant.mode), ANSWER_BYTES_MAX)
    return StripeAcquirer(api, runtime.clock().now, merchant_reference(tenant))


def balance(tenant: TenantScope) -> Api:
    """The account of a merchant in a mode, for its balance to be read with a key of its own.

    Raises CannotSend if there is no such key.
    """
    found = merchant_secret(REPORTING_SETTING, tenant).get("secret_key")
    return _api(tenant, secret_key(found, tenant.mode, RESTRICTED_KEY), BALANCE_BYTES_MAX)


def _api(tenant: TenantScope, key: str, answer_bytes_max: int) -> Api:
    url = runtime.setting(URL_SETTING, API_URL)
    if tenant.mode != "test" and url != API_URL:
        raise CannotSend("live payments go to Stripe itself and to nobody else")
    exchange = runtime.platform().form_exchange(url, key, answer_bytes_max, HEADERS, CLOCK_HEADER)
    return Api(exchange, lambda: runtime.platform().now().timestamp())


def secret_key(text: Any, mode: str, form: re.Pattern[str] = SECRET_KEY) -> str:
    """An API key of this mode. Raises CannotSend for anything else."""
    match = form.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[1] != mode:
        raise CannotSend(f"there is no {mode} key of this merchant")
    return match[0]
