"""What can be asked of which connector: whose tokens it takes, and which amounts.

It is asked before anything is written or sent, so that the caller hears what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from farthing.acquiring.stripe.units import NotRepresentable, to_stripe
from farthing.errors import invalid

TOKEN_FORMS = {"stripe": re.compile(r"pm_[A-Za-z0-9_]{4,200}")}
"""The connectors whose acquirer has fields of its own, and how the tokens look that these give.

They take those tokens and nothing else: no number, and no other acquirer's token.
"""


def owner_of(token: str, connectors: Iterable[str]) -> str | None:
    """Which of these connectors an acquirer's token is for, by how it looks; None if of none."""
    return next(
        (name for name in connectors if name in TOKEN_FORMS and TOKEN_FORMS[name].fullmatch(token)),
        None,
    )


def require_source(connector: str, token_of: str | None, currency: str, field: str) -> None:
    """Raises FarthingError unless what pays can pay at this connector.

    `token_of` is the connector whose acquirer made its token; None for what lies in our vault.
    """
    needed = connector if connector in TOKEN_FORMS else None
    if token_of != needed:
        came = f"was made by {token_of}'s fields" if token_of else "is of a card in our vault"
        raise invalid(field, f"{came}, and {currency} is taken by {connector}")


def require_amount(connector: str, amount_cents: int, currency: str) -> None:
    """Raises FarthingError unless the acquirer can be asked for this amount."""
    if connector == "stripe":
        try:
            to_stripe(amount_cents, currency)
        except NotRepresentable as why:
            raise invalid("amount_cents", str(why)) from why
