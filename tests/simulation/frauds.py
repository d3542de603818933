"""What testers of cards do, and whoever has to look at payments, where not everything is drawn."""

from __future__ import annotations

from tests.simulation.acquirer_books import Bank
from tests.simulation.merchant import Merchant
from tests.simulation.reviewer import Reviewer
from tests.simulation.scenarios import (
    ADDRESS,
    INTENTS,
    TRIED,
    Stage,
    intent_id_of,
    paying,
    try_card,
)
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT

DAYS_SECONDS = {MERCHANT: 5 * 86_400.0, OTHER_MERCHANT: 3 * 86_400.0}
"""After so long nobody's answer is no."""


def _merchant_of(stage: Stage) -> tuple[str, Merchant]:
    """One who has money held for a review, or one who has nothing sent before it."""
    merchant_id = stage.dice.choice((MERCHANT, OTHER_MERCHANT))
    return merchant_id, stage.merchant(merchant_id)


def _held(stage: Stage, merchant_id: str, amount: int = 1000) -> str | None:
    """A payment that is held for a review, by a card; its capture is its merchant's, or not."""
    manual = {"capture_method": "MANUAL"} if stage.dice.chance(0.3) else {}
    body = paying(amount, stage.reviewed(merchant_id), confirm=True, **manual)
    return intent_id_of(stage.merchant(merchant_id).insist(INTENTS, body, stage.key()))


def answered_review(stage: Stage) -> None:
    """A payment is held, and somebody answers, well or badly."""
    merchant_id, merchant = _merchant_of(stage)
    intent_id = _held(stage, merchant_id)
    if intent_id is not None:
        Reviewer(stage, merchant_id).answer(intent_id)
        merchant.read(f"{INTENTS}/{intent_id}")


def approved_review(stage: Stage) -> None:
    """A payment is held, and approved."""
    merchant_id, _ = _merchant_of(stage)
    intent_id = _held(stage, merchant_id)
    if intent_id is not None:
        Reviewer(stage, merchant_id).say(intent_id, "approve")


def race_for_a_review(stage: Stage) -> None:
    """Two people answer at once."""
    merchant_id, merchant = _merchant_of(stage)
    intent_id = _held(stage, merchant_id)
    if intent_id is None:
        return
    reviewer, second = (
        Reviewer(stage, merchant_id),
        stage.dice.choice(("approve", "decline", "cancel")),
    )
    cancelling = f"{INTENTS}/{intent_id}/cancel"

    def other() -> None:
        if second == "cancel":
            merchant.insist(cancelling, {}, stage.key())
        else:
            reviewer.say(intent_id, second)

    merchant.at_once(lambda: reviewer.say(intent_id, "approve"), other)


def unanswered_review(stage: Stage) -> None:
    """A payment is held, and nobody looks at it."""
    merchant_id, _ = _merchant_of(stage)
    _held(stage, merchant_id)


def review_at_the_last_moment(stage: Stage) -> None:
    """A payment is approved in the seconds in which its review runs out."""
    merchant_id, merchant = _merchant_of(stage)
    intent_id = _held(stage, merchant_id)
    if intent_id is None:
        return
    shown = merchant.read(f"/v1/reviews/rev_{intent_id.partition('_')[2]}").body
    if "opened_at" not in shown:
        return
    end = stage.world.scheduler.now + DAYS_SECONDS[merchant_id]
    merchant.sleep(end + stage.dice.between(-3.0, 4.0) - stage.world.scheduler.now)
    Reviewer(stage, merchant_id).say(intent_id, "approve")


def asked_again_under_review(stage: Stage) -> None:
    """A payment is held, approved, taken and given back, and another server asks for it again and
    again with its key."""
    merchant_id, merchant = _merchant_of(stage)
    body, key = paying(1000, stage.reviewed(merchant_id), confirm=True), stage.key()
    body |= {"capture_method": "MANUAL"} if stage.dice.chance(0.5) else {}
    intent_id = intent_id_of(merchant.insist(INTENTS, body, key))
    if intent_id is None:
        return

    def again() -> None:
        for _ in range(6):
            merchant.sleep(stage.dice.between(0.1, 2.0))
            merchant.ask("POST", INTENTS, body, key)

    def end() -> None:
        merchant.sleep(stage.dice.between(0.1, 2.0))
        Reviewer(stage, merchant_id).say(intent_id, "approve")
        if "capture_method" in body:
            merchant.insist(f"{INTENTS}/{intent_id}/capture", {}, stage.key())
        merchant.insist("/v1/refunds", {"payment_intent_id": intent_id}, stage.key())

    merchant.at_once(end, again, again)


def reviewed_debit(stage: Stage) -> None:
    """A large debit is held unsent, as all that a bank does; somebody answers."""
    merchant_id, merchant = _merchant_of(stage)
    account = stage.account(stage.dice.choice((Bank.PAYS, Bank.TAKES_BACK)), merchant_id)
    body = paying(99_999_999, account, confirm=True)
    intent_id = intent_id_of(merchant.insist(INTENTS, body, stage.key()))
    if intent_id is not None:
        Reviewer(stage, merchant_id).answer(intent_id)


def token_held_and_used(stage: Stage) -> None:
    """Two payments by one token that is held for a review, and each is approved."""
    merchant = stage.merchant(OTHER_MERCHANT)
    body = paying(1000, stage.reviewed(OTHER_MERCHANT), confirm=True)
    made = [merchant.insist(INTENTS, body, stage.key()) for _ in range(2)]
    for intent_id in filter(None, map(intent_id_of, made)):
        Reviewer(stage, OTHER_MERCHANT).say(intent_id, "approve")


def tried_at_once(stage: Stage) -> None:
    """A card is tried from one address, as often as there is time for, and somebody else pays from
    there meanwhile."""
    merchant = stage.merchant()
    other = paying(1000, stage.token(), confirm=True, ip_address=ADDRESS)
    key = stage.key()
    merchant.at_once(
        *(try_card(stage) for _ in range(TRIED)), lambda: merchant.insist(INTENTS, other, key)
    )


def tried_from_an_address(stage: Stage) -> None:
    """Good cards and one that is declined, from one address: by twos."""
    merchant = stage.merchant()
    for _ in range(3):
        other = paying(1000, stage.token(), confirm=True, ip_address=ADDRESS)
        key = stage.key()
        pay = lambda other=other, key=key: merchant.insist(INTENTS, other, key)  # noqa: E731
        merchant.at_once(pay, try_card(stage))
    try_card(stage)()
    try_card(stage)()
