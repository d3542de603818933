"""What a token service posts: that something became of a token. What, it is asked itself."""

from __future__ import annotations

import json

from farthing.acquiring.webhooks import MERCHANT_PREFIX, MODES, Message, NotAHint
from farthing.ids import is_id
from farthing.network_tokens.on_file import MethodAddress
from farthing.payments.names import tenant_of_reference

TOKEN_SERVICES = frozenset({"sandbox_tokens"})
"""Who posts about tokens, among those who may post at all."""


def method_named(message: Message) -> MethodAddress:
    """The method whose token a message is about. Raises NotAHint if it names none of theirs."""
    try:
        data = json.loads(message.body)["data"]
        tenant = tenant_of_reference(data["merchant_reference"])
        address = MethodAddress.of_reference(tenant, data["reference"])
        known = is_id(MERCHANT_PREFIX, tenant.merchant_id)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NotAHint(message.webhook_id) from error
    if not known or tenant.mode != MODES.get(message.acquirer):
        raise NotAHint(message.webhook_id)
    return address
