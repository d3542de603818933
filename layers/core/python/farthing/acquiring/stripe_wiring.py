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
BALANCE_BYTES_MAX = 4 * 1024 * 1024
"""Room for a hundred balance transactions, each with its charge."""
SECRET_KEY = re.compile(r"(?:sk|rk)_(test|live)_[A-Za-z0-9_]{3,250}")


def stripe(tenant: TenantScope) -> StripeAcquirer:
    """The connector of a merchant in a mode. Raises CannotSend if there is no key for it."""
    return StripeAcquirer(api(tenant), runtime.clock().now, merchant_reference(tenant))


def api(tenant: TenantScope, answer_bytes_max: int = ANSWER_BYTES_MAX) -> Api:
    """The account of a merchant in a mode. Raises CannotSend if there is no key for it."""
    url = runtime.setting(URL_SETTING, API_URL)
    if tenant.mode != "test" and url != API_URL:
        raise CannotSend("live payments go to Stripe itself and to nobody else")
    key = secret_key(merchant_secret(KEYS_SETTING, tenant).get("secret_key"), tenant.mode)
    exchange = runtime.platform().form_exchange(url, key, answer_bytes_max, HEADERS, CLOCK_HEADER)
    return Api(exchange, lambda: runtime.platform().now().timestamp())


def secret_key(text: Any, mode: str) -> str:
    """An API key of this mode. Raises CannotSend for anything else."""
    match = SECRET_KEY.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[1] != mode:
        raise CannotSend(f"there is no {mode} key of this merchant")
    return match[0]
