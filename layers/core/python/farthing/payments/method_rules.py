"""What may be paid by what: rules that hold before anything is written. Pure."""

from __future__ import annotations

from farthing.acquiring.port import Capabilities
from farthing.errors import invalid
from farthing.method_type import CURRENCY_OF, BankScheme, MethodType
from farthing.payments.intent import CaptureMethod, Instrument, Intent


def require_payable(intent: Intent, instrument: Instrument) -> None:
    """Raises FarthingError if what pays cannot pay in this currency, or not in this way."""
    if instrument.type is not MethodType.BANK or instrument.scheme is None:
        return
    currency = CURRENCY_OF[BankScheme(instrument.scheme)]
    if intent.currency != currency:
        raise invalid("currency", f"is {currency}: {instrument.scheme} debits nothing else")
    if intent.capture_method is CaptureMethod.MANUAL:
        raise invalid("capture_method", "is AUTOMATIC for a debit: a bank holds no money for later")


def require_taken(instrument: Instrument, currency: str, declared: Capabilities) -> None:
    """Raises FarthingError unless the acquirer of the currency takes what pays."""
    if instrument.type not in declared.methods:
        named = "token" if instrument.method_id is None else "payment_method_id"
        raise invalid(named, f"is of a type ({instrument.type}) that nobody takes in {currency}")
