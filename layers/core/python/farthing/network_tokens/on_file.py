"""What a payment method's row says of its network token, and what is to be done about it. Pure.

    none ──first approved charge──► PENDING ──► ACTIVE ⇄ SUSPENDED ──► DELETED
                                       └──────► REFUSED

Who does something about it takes the row's next turn first, and writes what came of it only while
the turn is theirs. So what was learned earlier never overwrites what was learned later, and each
decrypt of a card has a turn of its own. Until it is done the row is in the due index: what dies on
the way is done again.

When its issuer ended a token, the row says so first, and then its number is forgotten: a look that
Lambda runs twice may learn of the end when the turn is over, and then it must change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from farthing.clock import later, to_text
from farthing.ids import is_id
from farthing.network_tokens.due import due_marker
from farthing.network_tokens.port import TokenStatus
from farthing.payments.names import reference_of
from farthing.payments.payment_method import GONE, MAY_PAY, PREFIX, method_key
from farthing.store import Condition, Item, Key, TenantScope, Update
from farthing.vault.envelope import TokenRef

HOUR, DAY = 60 * 60, 24 * 60 * 60
AGAIN_SECONDS = (60, 5 * 60, 30 * 60, 2 * HOUR, 12 * HOUR, DAY)
"""When it is tried again after the first, second … try that came to nothing; then daily."""


class Step(StrEnum):
    """What is to be done."""

    NOTHING = "NOTHING"
    PROVISION = "PROVISION"
    LOOK_UP = "LOOK_UP"
    DELETE = "DELETE"
    FORGET = "FORGET"


@dataclass(frozen=True)
class MethodAddress:
    """Where a payment method's row is. Its text is all that `charge` is told of it."""

    tenant: TenantScope
    method_id: str

    @property
    def key(self) -> Key:
        """The row."""
        return method_key(self.tenant, self.method_id)

    def __str__(self) -> str:
        return "/".join((self.tenant.merchant_id, self.tenant.mode, self.method_id))

    @classmethod
    def parse(cls, text: str) -> MethodAddress:
        """The address of a text. Raises ValueError for anything else."""
        merchant_id, mode, method_id = text.split("/")
        return cls(TenantScope(merchant_id, mode), method_id)

    @classmethod
    def of_reference(cls, tenant: TenantScope, reference: str) -> MethodAddress:
        """The method whose token has this reference. Raises ValueError for anything else."""
        method_id = f"{PREFIX}_{reference.lower()}"
        if not is_id(PREFIX, method_id):
            raise ValueError("no reference of ours")
        return cls(tenant, method_id)


@dataclass(frozen=True)
class OnFile:
    """The network token of one row. `turn` counts who did something about it, `tries` those whose
    doing came to nothing since."""

    address: MethodAddress
    token: str
    status: TokenStatus
    turn: int = 0
    tries: int = 0
    due: bool = False
    """Whether somebody is to see to it."""
    ended: bool = False
    """Whether the method is deleted, or its card expired long ago: it pays no more."""

    @property
    def reference(self) -> str:
        """The token's name at the service. It is made of the method's: there is one for each."""
        return reference_of(self.address.method_id)

    @property
    def card(self) -> TokenRef:
        """The card that it stands for, in the vault."""
        return TokenRef(self.address.tenant, self.token)

    @property
    def step(self) -> Step:
        """What is to be done about it."""
        if self.status is TokenStatus.DELETED:
            return Step.FORGET if self.due else Step.NOTHING
        if self.ended:
            return Step.DELETE
        if self.status is TokenStatus.PENDING:
            return Step.PROVISION
        alive = self.status in {TokenStatus.ACTIVE, TokenStatus.SUSPENDED}
        return Step.LOOK_UP if alive else Step.NOTHING

    @classmethod
    def of(cls, address: MethodAddress, item: Mapping[str, Any] | None) -> OnFile | None:
        """The token of a row; None if there is no row, or nobody ever wanted a token for it."""
        if item is None or "network_token" not in item:
            return None
        return cls(
            address=address,
            token=item["token"],
            status=TokenStatus(item["network_token"]),
            turn=item.get("network_token_turn", 0),
            tries=item.get("network_token_tries", 0),
            due="due_pk" in item,
            ended=any(name in item for name in GONE),
        )


def wanted(method_id: str, now: datetime) -> Item:
    """What a method's row gets when its card is to have a network token."""
    return {"network_token": TokenStatus.PENDING.value} | due_marker(method_id, to_text(now))


def turn_is(turn: int) -> Condition:
    """TURN_IS: nobody did anything about the token since the row was read."""
    if turn == 0:
        return Condition("TURN_IS", "attribute_not_exists(#network_token_turn)")
    return Condition("TURN_IS", "#network_token_turn = :turn", {"turn": turn})


def turn_is_ours(on_file: OnFile) -> Condition:
    """TURN_IS, and the method may pay, or may not, as it was."""
    ended = Condition(
        "METHOD_ENDED", "attribute_exists(#deleted_at) OR attribute_exists(#closed_at)"
    )
    return turn_is(on_file.turn) & (ended if on_file.ended else MAY_PAY)


def take_turn(on_file: OnFile, now: datetime) -> Update:
    """The write that takes the next turn. It comes up again if nothing is written of it."""
    again = AGAIN_SECONDS[min(on_file.tries, len(AGAIN_SECONDS) - 1)]
    return Update(
        on_file.address.key,
        turn_is(on_file.turn),
        set={
            "network_token_turn": on_file.turn + 1,
            "network_token_tries": on_file.tries + 1,
            **due_marker(on_file.address.method_id, later(now, seconds=again)),
        },
    )
