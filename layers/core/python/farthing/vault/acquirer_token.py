"""External mode: the acquirer's own fields took the card, and what comes to us is its token.

No card number arrives, so there is nothing to encrypt. The token is the acquirer's secret all the
same: it is kept in the vault's table, goes to that acquirer alone, and is in no log and no answer.
What the browser says of the card beside it is shown until the acquirer has said better. Nothing is
decided by it: the fingerprint is the token's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from farthing.access.account import CardEntry
from farthing.access.principal import Principal
from farthing.acquiring.fit import owner_of
from farthing.clock import later, to_text
from farthing.errors import invalid
from farthing.store.condition import NOT_CREATED
from farthing.store.write import Put
from farthing.vault.card_face import TOKEN_LIFE_SECONDS, TOKEN_PREFIX, CardFace
from farthing.vault.envelope import TokenRef
from farthing.vault.rows import card_key
from farthing.vault.source import AcquirerToken
from farthing.vault.token_row import token_item
from farthing.vault.tokenise import TokenPorts, count_caller, face_write, fingerprinted, write_token


@dataclass(frozen=True)
class GivenToken:
    """What came from the acquirer's fields, and what was said of the card beside it."""

    token: str = field(repr=False)
    last_four: str | None = None
    card_brand: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    name: str | None = field(default=None, repr=False)
    billing_address: dict[str, str] | None = field(default=None, repr=False)


def require_numbers(principal: Principal, field: str) -> None:
    """Raises FarthingError if this merchant's cards come in by an acquirer's fields."""
    if principal.settings.card_entry is CardEntry.EXTERNAL:
        raise invalid(field, "is not taken: it is typed into the acquirer's own fields")


def keep(
    principal: Principal, given: GivenToken, source_ip: str, now: datetime, ports: TokenPorts
) -> CardFace:
    """Keep an acquirer's token, and give a single-use token of ours for it.

    Raises FarthingError if this merchant's cards come in by number, if no acquirer of its own
    makes such tokens, or if the caller comes too often.
    """
    if principal.settings.card_entry is not CardEntry.EXTERNAL:
        raise invalid("acquirer_token", "is not taken: cards are typed into our own fields")
    count_caller(principal, source_ip, now, ports)
    connector = owner_of(given.token, sorted(set(principal.settings.connectors.values())))
    if connector is None:
        raise invalid("acquirer_token", "is of no acquirer that takes this merchant's payments")
    ref = TokenRef(principal.tenant, ports.new_id(TOKEN_PREFIX))
    known = fingerprinted(principal, f"{connector}:{given.token}", ports)
    face = CardFace(
        token=ref.token,
        last_four=given.last_four,
        card_brand=given.card_brand,
        bin="",
        fingerprint="",
        exp_month=given.exp_month,
        exp_year=given.exp_year,
        name=given.name,
        billing_address=given.billing_address,
        created_at=to_text(now),
        expires_at=later(now, seconds=TOKEN_LIFE_SECONDS),
        connector=connector,
    )
    face = known.on(face)
    item = token_item(ref, AcquirerToken(connector, given.token), now)
    write_token(principal, ports, Put(card_key(ref), item, NOT_CREATED), face_write(face, ref))
    return face
