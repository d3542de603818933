"""A saved card, charged again.

Stripe lets a card that its fields gave us pay once, and again only as a customer's. So its first
payment says that it will be used again, and before the second one the card is given to a customer
of its own, which is made for it. Each step has a key of its own, so it happens once, whenever and
however often it is tried. A card that is used once is never looked up: whose it is, if it is
somebody's, must not make it pay for others.
"""

from __future__ import annotations

from farthing.acquiring.exchange import NoUsableAnswer
from farthing.acquiring.port import Initiator, Instruction, Use
from farthing.acquiring.stripe.api import Deadline
from farthing.acquiring.stripe.find import PAYMENTS
from farthing.acquiring.stripe.form import Fields
from farthing.vault.source import AcquirerToken

METHODS, CUSTOMERS = "/v1/payment_methods", "/v1/customers"


def is_used_again(instruction: Instruction) -> bool:
    """Whether the card has paid before, as a saved one."""
    stored = instruction.stored_credential
    return stored is not None and stored.use is Use.SUBSEQUENT


def give_to_customer(
    deadline: Deadline, instruction: Instruction, source: AcquirerToken, payment_id: str
) -> None:
    """Let the PaymentIntent be the customer's whose card pays for it."""
    fields = {"customer": _customer_of(deadline, source)}
    deadline.prepare(f"{PAYMENTS}/{payment_id}", fields, f"{instruction.reference}-customer")


def confirmation(instruction: Instruction, source: AcquirerToken) -> Fields:
    """What confirms the PaymentIntent.

    What needs the payer's authentication is declined: nobody is asked for it yet. Off session
    Stripe does so by itself.
    """
    stored = instruction.stored_credential
    alone = stored is not None and stored.initiator is Initiator.MERCHANT
    first = stored is not None and stored.use is Use.FIRST
    return {
        "payment_method": source.token,
        "off_session": True if alone else None,
        "error_on_requires_action": None if alone else True,
        "setup_future_usage": "off_session" if first else None,
        "expand": ["latest_charge"],
    }


def _customer_of(deadline: Deadline, source: AcquirerToken) -> str:
    method = deadline.read(f"{METHODS}/{source.token}").document
    customer = method.get("customer")
    if isinstance(customer, str):
        return customer
    if customer is not None:
        raise NoUsableAnswer("no payment method")
    made = deadline.prepare(CUSTOMERS, {}, f"{source.token}-customer").document.get("id")
    if not isinstance(made, str):
        raise NoUsableAnswer("no customer")
    attached = f"{METHODS}/{source.token}/attach"
    deadline.prepare(attached, {"customer": made}, f"{source.token}-attach")
    return made
