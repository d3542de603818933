"""An acquirer says that something became of a dispute: it is asked, and then it is believed."""

from __future__ import annotations

import re

from farthing.acquiring.inbound import NotAHint, NotYet
from farthing.disputes.converge import converge
from farthing.disputes.dispute import Dispute
from farthing.disputes.services import Services
from farthing.disputes.settle_answer import settle_open_answer
from farthing.ids import is_id
from farthing.payments.names import merchant_reference

REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,80}")
"""What an acquirer may call a dispute: it becomes a part of an address."""


def hear(connector: str, reference: str, services: Services) -> Dispute | None:
    """The dispute after looking; None if it is of a payment that was made without us.

    Raises NotAHint for what is nobody's or another merchant's, NotYet if it is not there, or its
    payment is not, LookUpFailed if the acquirer could not be asked, Contradicted, StoreBusy.
    """
    if not REFERENCE.fullmatch(reference):
        raise NotAHint("no reference of a dispute")
    case = services.desk.find_dispute(services.tenant, connector, reference)
    if case is None:
        raise NotYet(reference)
    if case.order_id is None or case.merchant_reference is None:
        return None
    ours = case.merchant_reference == merchant_reference(services.tenant)
    if not ours or not is_id("pi", case.order_id):
        raise NotAHint(reference)
    return settle_open_answer(converge(case, case.order_id, connector, services), services)
