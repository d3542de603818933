"""Old and new code on one table: a deployment that takes as long as the faults of a run.

Half of the environments that start before `World.heal` run the release before the present one, as
far as that shows outside of them: what they do not know, they do not write, and what they do not
know to be asked for, they fail at. That is what the constants below say, to be replaced when the
next release is made. Nothing was released before recovery was; the code before it stands in here,
but for the expiry marker of payments: holds that were written without one expire at the acquirer
only, and a marker that old code leaves behind stays. Debits and network tokens are known to both
releases: what would not know them was never released.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from farthing import runtime
from farthing.payments.operation import Operation
from tests.simulation.dice import Dice
from tests.simulation.functions import Handler, handler
from tests.simulation.run import Run
from tests.simulation.world import World

NOT_IN_OPERATIONS = ("expiry", "reversal_at")
NOT_ASKED_OF_CHARGE = frozenset({"REVERSE", "LIST", "FORGET_CVC", "REENCRYPT"})


class Rollout:
    """Which environments of a world run the old release."""

    def __init__(self, seed: int | str) -> None:
        self._dice = Dice(seed, "rollout")
        self.world: World | None = None
        self.old_writes = 0

    def old(self) -> bool:
        """Whether whoever runs now is of the old release. An environment stays what it is."""
        platform: Any = runtime.platform()
        if self.world is None:
            return False
        known: bool | None = vars(platform).get("of_the_old_release")
        if known is None:
            known = self.world.functions.generation == 0 and self._dice.chance(0.5)
            platform.of_the_old_release = known
        return known

    def without(self, names: tuple[str, ...], item: Mapping[str, Any]) -> dict[str, Any]:
        """What the old release makes of an item."""
        if not self.old():
            return dict(item)
        self.old_writes += 1
        return {name: value for name, value in item.items() if name not in names}

    def charge(self, event: Any, context: Any) -> Any:
        """The old `charge` fails at what it does not know."""
        if self.old() and event.get("task") in NOT_ASKED_OF_CHARGE:
            raise ValueError(event["task"])
        return handler("charge")(event, context)


@contextmanager
def rolling(seed: int | str) -> Iterator[tuple[Rollout, dict[str, Handler]]]:
    """The rollout of a seed, and the handlers for its world. Say then which world it is."""
    rollout = Rollout(seed)
    undo: list[Callable[[], None]] = []

    def patch(owner: Any, name: str, names: tuple[str, ...]) -> None:
        real = vars(owner)[name]
        setattr(owner, name, lambda self: rollout.without(names, real(self)))
        undo.append(lambda: setattr(owner, name, real))

    patch(Operation, "to_item", NOT_IN_OPERATIONS)
    try:
        yield rollout, {"charge": rollout.charge}
    finally:
        for each in undo:
            each()


def play(run: Run) -> None:
    """Play a run that has begun while old and new code are on its table. Raises Violation."""
    with rolling(run.seed) as (rollout, handlers):
        rollout.world = run.world
        run.world.handlers = handlers
        run.play()
