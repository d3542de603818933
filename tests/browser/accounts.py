"""Accounts to type, and what became of them."""

from __future__ import annotations

import json
from typing import Any

from tests.browser.visit import Visit

PAYS = "DE73009900000000000004"
"""The sandbox's: a debit of it is pending, and then paid."""
IBAN = "DE89370400440532013000"
ROUTING = "021000021"
NUMBER = "000123456789"
AGREED = {"mandate_accepted": True}


def type_iban(visit: Visit, iban: str = IBAN) -> Visit:
    """Type an account in the euro fields, key by key."""
    visit.field("iban").press_sequentially(iban)
    visit.field("holder_name").press_sequentially("Ada Lovelace")
    return visit


def type_ach(visit: Visit, routing: str = ROUTING, number: str = NUMBER) -> Visit:
    """Type an account in the dollar fields, key by key."""
    visit.field("routing_number").press_sequentially(routing)
    visit.field("account_number").press_sequentially(number)
    visit.field("holder_name").press_sequentially("Ada Lovelace")
    return visit


def sent(visit: Visit) -> list[dict[str, Any]]:
    """The bodies that went out."""
    return [json.loads(body) for method, _, body in visit.requests if method == "POST"]
