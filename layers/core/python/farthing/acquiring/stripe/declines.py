"""Stripe's error and decline codes in our words.

A decline code is the issuer's reason, an error code what Stripe makes of it. Stripe asks not to
tell the payer of loss, theft or fraud: those reasons say no more than that the issuer refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from farthing.acquiring.decline import Decline, decline

CODE_LENGTH_MAX = 80

_CODES = {
    "AUTHENTICATION_REQUIRED": (
        "authentication_required authentication_not_handled requires_action_not_handled "
        "payment_intent_action_required payment_intent_authentication_failure "
        "mobile_device_authentication_required offline_pin_required online_or_offline_pin_required"
    ),
    "INSUFFICIENT_FUNDS": "insufficient_funds",
    "EXPIRED_CARD": "expired_card invalid_expiry_month invalid_expiry_year",
    "INCORRECT_CVC": "incorrect_cvc invalid_cvc",
    "INVALID_NUMBER": "incorrect_number invalid_number",
    "PROCESSING_ERROR": (
        "processing_error try_again_later reenter_transaction issuer_not_available "
        "approve_with_id balance_insufficient payment_method_provider_timeout"
    ),
    "SECURITY_VIOLATION": (
        "fraudulent lost_card stolen_card pickup_card restricted_card security_violation "
        "merchant_blacklist card_not_supported currency_not_supported service_not_allowed "
        "transaction_not_allowed not_permitted invalid_account card_velocity_exceeded "
        "withdrawal_count_limit_exceeded stop_payment_order revocation_of_authorization "
        "revocation_of_all_authorizations"
    ),
    "DO_NOT_HONOR": (
        "do_not_honor generic_decline call_issuer no_action_taken do_not_try_again card_declined"
    ),
}
REASON_OF_CODE = {code: reason for reason, codes in _CODES.items() for code in codes.split()}

NOT_PERMITTED = "NOT_PERMITTED"
"""For requests that Stripe refuses by itself, without asking an issuer."""


def decline_of(error: Mapping[str, Any], otherwise: str) -> Decline:
    """The decline that an error, or a PaymentIntent's last one, tells of."""
    codes = [error.get("decline_code"), error.get("code")]
    named = [code[:CODE_LENGTH_MAX] for code in codes if isinstance(code, str) and code]
    for code in named:
        if code in REASON_OF_CODE:
            return decline(REASON_OF_CODE[code], named[0])
    kind = error.get("type")
    code = named[0] if named else kind[:CODE_LENGTH_MAX] if isinstance(kind, str) else "unknown"
    return decline(otherwise, code)
