"""What the model is told of a payment before it is tried: its rows, as the histories of a replay.

    row (risk_keys)          what the model takes of it
    the card's counter       Tries: when the issuer declined
    the address's counter    Tries: the same, and which cards were tried
    the payer's history      Customer

The model's own code makes the features of both, so what it learned from a replay of payments is
what it is asked online. For that an attempt in flight is no failure here, which a replay could not
know of either. There is no terminal: a merchant's rows are a merchant's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from farthing.fraud.counter_row import address_key, card_key, counter_of, network
from farthing.fraud.history import history_key, past_of
from farthing.fraud.model.features import History, Payment, row
from farthing.fraud.model.history import Customer, Tries
from farthing.fraud.window import milliseconds
from farthing.store import Item, Key, TenantScope

if TYPE_CHECKING:
    from farthing.fraud.facts import Facts


def features_of(
    tenant: TenantScope, facts: Facts, rows: Mapping[Key, Item], now: datetime
) -> list[float]:
    """The values of FEATURES, in their order. `now` is the time of the attempt."""
    return row(_payment(facts, now), _history(tenant, facts, rows))


def _payment(facts: Facts, now: datetime) -> Payment:
    """The country that a card is of is that of its billing address: nobody tells another one."""
    return Payment(
        at=milliseconds(now) // 1000,
        amount_cents=facts.amount_cents,
        customer=facts.payer or "",
        card=facts.fingerprint,
        ip=network(facts.ip_address),
        card_country=facts.billing_country,
        ip_country=facts.ip_country,
    )


def _history(tenant: TenantScope, facts: Facts, rows: Mapping[Key, Item]) -> History:
    card, payer = facts.fingerprint, facts.payer
    paid = history_key(tenant, payer, facts.currency) if payer else None
    return History(
        customer=Customer(dict(past_of(_row(rows, paid)).customer)),
        card=_tries(_row(rows, card_key(tenant, card) if card else None)),
        ip=_tries(_row(rows, address_key(tenant, facts.ip_address))),
    )


def _row(rows: Mapping[Key, Item], key: Key | None) -> Item | None:
    return None if key is None else rows.get(key)


def _tries(item: Item | None) -> Tries:
    counter = counter_of(item)
    return Tries(
        {
            "failures": [one.at_ms // 1000 for one in counter.failed],
            "cards": [one.fingerprint for one in counter.cards],
            "card_times": [one.at_ms // 1000 for one in counter.cards],
        }
    )
