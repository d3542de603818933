"""What merchants do with bank accounts, where not everything is drawn."""

from __future__ import annotations

from tests.simulation.acquirer_books import Bank
from tests.simulation.scenarios import INTENTS, REFUNDS, Stage, intent_id_of, paying, settled


def _debited(stage: Stage, bank: Bank) -> str | None:
    body = paying(1000, stage.account(bank), confirm=True)
    return intent_id_of(stage.merchant().insist(INTENTS, body, stage.key()))


def refused_debit(stage: Stage) -> None:
    """An account is debited, and its bank says days later that there is nothing on it."""
    _debited(stage, Bank.REFUSES)


def refund_before_the_return(stage: Stage) -> None:
    """An account is debited, a part is given back, and then the bank takes all of it."""
    merchant = stage.merchant()
    intent_id = _debited(stage, Bank.TAKES_BACK)
    if intent_id is None:
        return
    merchant.read_until(f"{INTENTS}/{intent_id}", settled)
    asked = {"payment_intent_id": intent_id, "amount_cents": 400}
    merchant.insist(REFUNDS, asked, stage.key())


def refund_beside_the_return(stage: Stage) -> None:
    """The same, about when the bank takes it."""
    merchant, began = stage.merchant(), stage.world.scheduler.now
    intent_id = _debited(stage, Bank.TAKES_BACK)
    if intent_id is None:
        return
    until = began + stage.dice.between(50.0, 75.0)
    merchant.sleep(max(0.0, until - stage.world.scheduler.now))
    asked = {"payment_intent_id": intent_id, "amount_cents": stage.dice.choice((400, 1000))}
    merchant.at_once(
        lambda: merchant.insist(REFUNDS, asked, stage.key()),
        lambda: merchant.read(f"{INTENTS}/{intent_id}"),
    )
