"""Who may post webhooks to us, and in what form.

Where each merchant has an account of its own, the address says whose it is and a secret of that
account has to have signed. An acquirer with one secret for all merchants says itself whose payment
it means, and may mean those of one mode.
"""

from __future__ import annotations

from collections.abc import Mapping

from farthing.access.principal import Mode
from farthing.acquiring.batch_webhooks import BatchWebhooks
from farthing.acquiring.inbound import Adapter
from farthing.acquiring.standard_webhooks import StandardWebhooks, operation_in, token_in
from farthing.acquiring.stripe.webhooks import StripeWebhooks

ADAPTERS: Mapping[str, Adapter] = {
    "sandbox": StandardWebhooks(operation_in),
    "sandbox_batch": BatchWebhooks(),
    "sandbox_tokens": StandardWebhooks(token_in),
    "stripe": StripeWebhooks(),
}

MODES: Mapping[str, Mode] = {
    "sandbox": Mode.TEST,
    "sandbox_batch": Mode.TEST,
    "sandbox_tokens": Mode.TEST,
}
"""Acquirers with one secret for all merchants, and whose mode they may speak of."""

CONNECTORS: Mapping[str, str] = {
    "sandbox": "sandbox",
    "sandbox_batch": "sandbox",
    "stripe": "stripe",
}
"""By which connector an acquirer is asked about what it told."""

OF_ACCOUNTS = ADAPTERS.keys() - MODES.keys()
"""Acquirers at which each merchant has an account and secrets of its own."""
