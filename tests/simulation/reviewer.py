"""Who looks at payments that are held for a review: well or badly, in time, or never."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulation.merchant import HELD, Asked, intent_in
from tests.support.lambdas import MERCHANT

if TYPE_CHECKING:
    from tests.simulation.scenarios import Stage

REVIEWS = "/v1/reviews"
THINKS_SECONDS = (0.1, 300.0)


def review_id_of(intent_id: str) -> str:
    """A payment has one review, whose id follows from its own, by the docs."""
    return f"rev_{intent_id.partition('_')[2]}"


@dataclass
class Reviewer:
    """Somebody of a merchant who answers reviews."""

    stage: Stage
    merchant_id: str = MERCHANT

    def __post_init__(self) -> None:
        self.dice = self.stage.dice
        self.merchant = self.stage.merchant(self.merchant_id)

    def is_asked_about(self, intent_id: str) -> bool:
        """Whether the payment is held, as its merchant was told last."""
        shown = [
            found
            for one in self.stage.conversations
            if one.merchant_id == self.merchant_id
            for asked in one.calls
            if (found := intent_in(asked)) is not None and found["intent_id"] == intent_id
        ]
        return bool(shown) and shown[-1]["status_detail"] == HELD

    def answer(self, intent_id: str) -> None:
        """Look, think, and say something, or nothing at all."""
        self._look(intent_id)
        if self.dice.chance(0.5):
            self.merchant.sleep(self.dice.spread(*THINKS_SECONDS))
        approve, decline = self._saying(intent_id, "approve"), self._saying(intent_id, "decline")
        cancel = self._cancelling(intent_id)
        same_key = self._saying(intent_id, "approve", self.stage.key())
        at_once: tuple[Callable[[], object], ...] = self.dice.choice(
            (
                (approve,),
                (approve,),
                (approve,),
                (decline,),
                (approve, decline),
                (approve, approve),
                (same_key, same_key),
                (approve, cancel),
                (decline, cancel),
                (),  # nobody answers: it ends by itself
            )
        )
        self.merchant.at_once(*at_once)

    def say(self, intent_id: str, verb: str, key: str | None = None) -> Asked:
        """`approve` or `decline`, until it is known what came of it."""
        path = f"{REVIEWS}/{review_id_of(intent_id)}/{verb}"
        return self.merchant.insist(path, {"reviewer": "Ada"}, key or self.stage.key())

    def _saying(self, intent_id: str, verb: str, key: str | None = None) -> Callable[[], object]:
        return lambda: self.say(intent_id, verb, key)

    def _cancelling(self, intent_id: str) -> Callable[[], object]:
        path: str = f"/v1/payment_intents/{intent_id}/cancel"
        body: dict[str, Any] = {}
        return lambda: self.merchant.insist(path, body, self.stage.key())

    def _look(self, intent_id: str) -> None:
        if self.dice.chance(0.3):
            self.merchant.read(REVIEWS, status="OPEN")
        if self.dice.chance(0.3):
            self.merchant.read(f"{REVIEWS}/{review_id_of(intent_id)}")
