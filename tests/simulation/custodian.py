"""Whoever looks after the keys of card numbers, while merchants are paid: `farthing vault`, by
hand.

They give a merchant another key, rewrap its cards, have them sealed anew, and retire the key
before, by the product's own rules and tools. They are as bad at it as people are: too early, twice
at once, and gone in the middle, to begin again later. What they may not do must be refused.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ReadTimeoutError

from farthing.store.scope import SystemScope
from farthing.store.table import DynamoStore
from farthing.vault import rotation
from farthing.vault.rotation import SWITCH_SECONDS, RotationRefused
from farthing_cli.failure import Failure
from farthing_cli.keeper import Keeper
from tests.simulation.dice import Dice
from tests.support.lambdas import MERCHANT

WAITS_SECONDS = 75.0
"""As long as `farthing` waits for a function."""
TURNS_MAX = 40
"""So often a key is tried to be retired: its CVCs may take an hour, and its cards a rewrap."""
AGAIN_SECONDS = 1200.0
STRETCHES = (4, 10, 200)
"""How many rows are asked for at a time."""
DELETED_DAYS = 7


class Client:
    """boto3's Lambda, for whoever invokes from outside."""

    def __init__(self, world: Any) -> None:
        self._world = world

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        result = self._world.invoke(FunctionName, json.loads(Payload), WAITS_SECONDS)
        if result is None:
            raise ReadTimeoutError(endpoint_url="https://aws.sim")
        answer: dict[str, Any] = {"Payload": io.BytesIO(result.payload())}
        return answer | ({"FunctionError": "Unhandled"} if result.error else {})


@dataclass
class Custodian:
    """One of them, for one merchant."""

    world: Any
    dice: Dice
    merchant_id: str = MERCHANT
    given: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    refused: int = 0
    left: int = 0
    """How often they were gone in the middle of a job."""

    # --- what they do ------------------------------------------------------------------------

    def give(self) -> str:
        """Make a key and give it to the merchant."""
        arn = f"arn:aws:kms:eu-west-1:000000000000:key/{self.world.keys.create_key()}"
        rotation.give_to_merchant(self._access(), self.merchant_id, arn, self._now())
        self.given.append(arn)
        return arn

    def rewrap(self, rows: int = 200) -> None:
        """Until it is done, however often it breaks."""
        self._insist("rewrap", rows=rows, apply=True, merchant=self.merchant_id)

    def reencrypt(self, rows: int = 200) -> None:
        """All that was sealed until now."""
        before = rotation.to_text(self._now())
        asked = {"rows": rows, "apply": True, "merchant": self.merchant_id, "before": before}
        self._insist("reencrypt", **asked)

    def retire(self, arn: str) -> bool:
        """Have a key deleted, if that may be. Whether it was."""
        access = self._access()
        try:
            key = rotation.out_of_use(access, arn, self.world.key_id("VaultKey"), self._now())
            rotation.require_empty(key, self._keeper().holdings())
            rotation.retire(access, key, self._now())
        except (RotationRefused, Failure):
            self.refused += 1
            return False
        self.world.keys.delete(arn, DELETED_DAYS)
        self.retired.append(arn)
        return True

    # --- how well ----------------------------------------------------------------------------

    def turn(self, *, anew: bool = True) -> None:
        """As it should be done: another key, all under it, and the one before goes."""
        before = self.given[-1] if self.given else None
        self.give()
        self.rewrap()
        if anew:
            self.reencrypt()
        if before is not None:
            self._until_retired(before)

    def badly(self) -> None:
        """The same, but hasty: in parts, at once with others, and with whatever is refused."""
        dice, before = self.dice, self.given[-1] if self.given else None
        self.give()
        works: list[Callable[[], object]] = [
            lambda: self.rewrap(dice.choice(STRETCHES)),
            lambda: self.rewrap(dice.choice(STRETCHES)),
            lambda: self.reencrypt(dice.choice(STRETCHES)),
        ]
        if before is not None:
            works.append(lambda: self.retire(before))
        self._at_once(dice.shuffled(works)[: 1 + dice.below(len(works))])
        if before is not None and dice.chance(0.5):
            self.world.scheduler.sleep(SWITCH_SECONDS * dice.between(0.5, 1.5))
            self.retire(before)

    def finish(self) -> None:
        """When nothing goes wrong any more: all cards under the last key, and every other one
        gone."""
        self.rewrap(200)
        for arn in self.given[:-1]:
            if arn not in self.retired:
                self._until_retired(arn)

    def _until_retired(self, arn: str) -> None:
        for _ in range(TURNS_MAX):
            if self.retire(arn):
                return
            self.world.scheduler.sleep(AGAIN_SECONDS)
            self.rewrap(200)
        raise RuntimeError(f"{arn} cannot be retired")

    def _at_once(self, works: list[Callable[[], object]]) -> None:
        promises = [
            self.world.spawn(f"custodian {number}", _quiet(work), self.dice.spread(0.01, 60.0))
            for number, work in enumerate(works, 2)
        ]
        for promise in promises:
            promise.wait()

    def _insist(self, task: str, **asked: Any) -> None:
        """A whole walk. Whoever leaves in the middle, or does not get on, begins again."""
        for _ in range(TURNS_MAX):
            try:
                for _ in self._keeper().walk(task, **asked):
                    if self.dice.chance(0.03):
                        self.left += 1
                        break
                else:
                    return
            except Failure:
                self.refused += 1
            self.world.scheduler.sleep(self.dice.between(1.0, 120.0))
        raise RuntimeError(f"{task} does not end")

    def _keeper(self) -> Keeper:
        return Keeper(Client(self.world), "vault_keeper", self.world.scheduler.sleep)

    def _access(self) -> DynamoStore:
        return DynamoStore(
            self.world.tables,
            {"access": "access"},
            SystemScope(),
            sleep=self.world.scheduler.sleep,
            chance=self.dice.random,
            new_token=lambda: f"custodian {len(self.given)} {self.world.scheduler.now}"[:36],
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.world.scheduler.now, UTC)


def _quiet(work: Callable[[], object]) -> Callable[[], None]:
    def done() -> None:
        work()

    return done
