"""What `charge` does about a method's network token: it alone may read the card, and it alone has
the service's key.

    row read ─► DELETE    deleted at the service ─► its number deleted from the vault
             ─► FORGET    its number deleted from the vault
             ─► LOOK_UP   what the service says now; without its number here, as PROVISION
             ─► PROVISION claim ─► card opened ─► token asked for ─► its number sealed

The claim is an audit row for the token's reference and the row's turn, written before the card is
decrypted, like the claim to send. The number is sealed only while the turn is still ours: one that
comes after the method was deleted is not kept. Whatever fails says nothing, and is done again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from farthing.acquiring.charge import CannotSend
from farthing.network_tokens.on_file import MethodAddress, OnFile, Step
from farthing.network_tokens.port import (
    IssuedToken,
    NoAnswer,
    TokenService,
    TokenState,
    TokenStatus,
)
from farthing.payments.names import merchant_reference
from farthing.store import Item, Key
from farthing.vault.card import Card
from farthing.vault.claim import AlreadyClaimed
from farthing.vault.source import Source

RESERVE_SECONDS = 2


@dataclass(frozen=True)
class Services:
    """What it needs. All may raise CannotSend."""

    read: Callable[[Key], Item | None]
    service: Callable[[], TokenService]
    claim: Callable[[OnFile], None]
    open_card: Callable[[OnFile], Source]
    holds: Callable[[OnFile], bool]
    keep: Callable[[OnFile, IssuedToken], bool]
    """Seal the number, if the turn is still that of the row that was read. Whether it is there."""
    forget: Callable[[OnFile], None]
    seconds_left: Callable[[], float]


def tend(address: MethodAddress, services: Services) -> TokenState | None:
    """What became of the token of the method at `address`; None if nobody can say yet."""
    try:
        on_file = OnFile.of(address, services.read(address.key))
        if on_file is None or on_file.step is Step.NOTHING:
            return None
        if on_file.step is Step.FORGET:
            services.forget(on_file)
            return TokenState(TokenStatus.DELETED)
        service = services.service()
        if services.seconds_left() < service.timeout_seconds + RESERVE_SECONDS:
            return None
        return _STEPS[on_file.step](on_file, service, services)
    except (AlreadyClaimed, CannotSend, NoAnswer):
        return None


def _delete(on_file: OnFile, service: TokenService, services: Services) -> TokenState | None:
    state = service.delete(on_file.reference)
    if state.status is not TokenStatus.DELETED:
        return None
    services.forget(on_file)
    return state


def _look_up(on_file: OnFile, service: TokenService, services: Services) -> TokenState | None:
    if not services.holds(on_file):
        return _provision(on_file, service, services)
    return service.look_up(on_file.reference)


def _provision(on_file: OnFile, service: TokenService, services: Services) -> TokenState | None:
    services.claim(on_file)
    card = services.open_card(on_file)
    if not isinstance(card, Card):
        return TokenState(TokenStatus.REFUSED)
    named = merchant_reference(on_file.address.tenant)
    state = service.provision(on_file.reference, named, card)
    if state.status in {TokenStatus.REFUSED, TokenStatus.DELETED}:
        return state
    kept = state.token is not None and services.keep(on_file, state.token)
    return state if kept else None


_STEPS = {Step.DELETE: _delete, Step.LOOK_UP: _look_up, Step.PROVISION: _provision}
