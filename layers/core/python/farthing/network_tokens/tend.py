"""Seeing to a method's network token: take the turn, have `charge` do it, write what came of it.

    read ─► turn taken ─► `charge` ─► status, the card as it is now, `payment_method.updated`
                             │         one transaction, while the turn is ours
                             ├─ its issuer ended it: it is due once more, to forget its number
                             └─ nobody can say: it stays due

Who comes here: the minute's tick, by the due index; the service's messages; a payment whose token
was refused. Each is only a reason to look, so it does not matter how often or in which order.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from farthing.access.principal import Mode
from farthing.clock import later, to_text
from farthing.network_tokens.due import due_marker
from farthing.network_tokens.on_file import (
    DAY,
    MethodAddress,
    OnFile,
    Step,
    take_turn,
    turn_is,
    turn_is_ours,
)
from farthing.network_tokens.port import TokenState, TokenStatus
from farthing.payments import customer as customers
from farthing.payments.customer import customer_key, unchanged_since
from farthing.payments.event import method_event_put
from farthing.payments.payment_method import from_item, render
from farthing.payments.services import Services
from farthing.store import Check, ConditionFailed, Item, Update, Write

TURNS_MAX = 5
"""How often somebody else may be faster."""

FORGETS = frozenset({Step.DELETE, Step.FORGET})
"""What leaves no number in the vault."""

DUE = ("due_pk", "due_at")
DONE = (*DUE, "network_token_tries")


class Contended(Exception):
    """Others kept taking the turn. Whoever asked asks again."""


def tend(address: MethodAddress, services: Services) -> TokenStatus | None:
    """See to the token of a method, and where it is then; None if there is none.

    Raises Contended or StoreBusy.
    """
    for _ in range(TURNS_MAX):
        on_file = OnFile.of(address, services.store.get(address.key))
        if on_file is None:
            return None
        if on_file.step is Step.NOTHING:
            return _nothing_to_do(on_file, services)
        try:
            services.store.write(take_turn(on_file, services.now()))
        except ConditionFailed:
            continue
        status = _with_the_turn(replace(on_file, turn=on_file.turn + 1), services)
        if status is not TokenStatus.DELETED or on_file.step in FORGETS:
            return status
    raise Contended(str(address))


def _with_the_turn(taken: OnFile, services: Services) -> TokenStatus:
    """What `charge` makes of it, written down, if the turn is still ours."""
    item = services.store.get(taken.address.key)
    on_file = OnFile.of(taken.address, item)
    if item is None or on_file is None or on_file.turn != taken.turn:
        return taken.status
    state = services.sender.tend(on_file.address)
    if state is None:
        return on_file.status
    if on_file.ended:
        return _forgotten(on_file, state, services)
    return _learned(on_file, item, state, services)


def _nothing_to_do(on_file: OnFile, services: Services) -> TokenStatus:
    """Nobody needs to look any more."""
    with suppress(ConditionFailed):
        services.store.write(Update(on_file.address.key, turn_is(on_file.turn), remove=DUE))
    return on_file.status


def _forgotten(on_file: OnFile, state: TokenState, services: Services) -> TokenStatus:
    """The method pays no more, and its token is deleted."""
    if state.status is not TokenStatus.DELETED:
        return on_file.status
    gone = {"network_token": state.status.value, "network_token_at": to_text(services.now())}
    update = Update(on_file.address.key, turn_is_ours(on_file), set=gone, remove=DONE)
    with suppress(ConditionFailed):
        services.store.write(update)
    return state.status


def _learned(on_file: OnFile, item: Item, state: TokenState, services: Services) -> TokenStatus:
    """Write what the service says, and tell the merchant what of it shows."""
    for _ in range(TURNS_MAX):
        try:
            services.store.write(*_writes(on_file, item, state, services))
        except ConditionFailed as failed:
            if failed.index != CUSTOMER_CHECK:
                return on_file.status
        else:
            return state.status
    raise Contended(str(on_file.address))


def _writes(on_file: OnFile, item: Item, state: TokenState, services: Services) -> list[Write]:
    now = services.now()
    before = from_item(item)
    card = vars(state.card) if state.card else {}
    after = replace(before, network_token=state.status, **card)
    if after == before:
        return [_update(on_file, state, {"network_token": state.status.value}, now)]
    after = replace(after, network_token_at=to_text(now), event_sequence=before.event_sequence + 1)
    tenant = on_file.address.tenant
    key = customer_key(tenant, after.customer_id)
    customer = customers.from_item(services.store.get(key) or {})
    shown = render(
        after,
        is_default=customer.methods.default_id == after.method_id,
        livemode=tenant.mode == Mode.LIVE,
    )
    changes = {name: getattr(after, name) for name in _MAY_CHANGE}
    return [
        _update(on_file, state, changes | {"network_token": state.status.value}, now),
        Check(key, unchanged_since(customer.version)),
        method_event_put(tenant, services.new_id("evt"), shown, after.event_sequence, now),
    ]


_MAY_CHANGE = (
    "last_four",
    "exp_month",
    "exp_year",
    "network_token_at",
    "event_sequence",
)
CUSTOMER_CHECK = 1
"""Where in the transaction the customer is checked: whose default the event shows."""


def _update(on_file: OnFile, state: TokenState, changes: Item, now: datetime) -> Update:
    """The method's row. A suspended token is looked up every day: news of its end may be lost.
    One that is at its end stays due: its number is to be forgotten."""
    key, when = on_file.address.key, turn_is_ours(on_file)
    if state.status is TokenStatus.DELETED and on_file.step not in FORGETS:
        return Update(key, when, set=changes, remove=["network_token_tries"])
    if state.status is not TokenStatus.SUSPENDED:
        return Update(key, when, set=changes, remove=DONE)
    tomorrow = due_marker(on_file.address.method_id, later(now, seconds=DAY))
    return Update(key, when, set=changes | tomorrow, remove=["network_token_tries"])
