"""That what is checked of disputes and of the books fails when something is wrong."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from tests.simulation.aws.dynamo import WriteRecord
from tests.simulation.invariants import Item, Watch, dispute_state, text
from tests.simulation.profiles import DISPUTED
from tests.simulation.quiescence import AtRest, violations_at_rest
from tests.simulation.run import Run, play
from tests.simulation.violation import Violation

KINDS = frozenset({"CAPTURE", "DISPUTE_OPENED", "DISPUTE_WON", "DISPUTE_LOST", "SETTLEMENT"})
SEEDS_MAX = 40


@cache
def played() -> Run:
    """The first run with a bit of everything."""
    for seed in range(SEEDS_MAX):
        run = play(seed, **DISPUTED.arguments(seed))
        ends = {dispute_state(where[id_]) for where, id_ in rows(run.watch)}
        posted = {text(row, "kind") for row in run.watch.ledger.values()}
        if posted >= KINDS and "CHARGEBACK LOST" in ends and run.watch.answers:
            return run
    raise LookupError(f"not in {SEEDS_MAX} seeds")


def rest() -> AtRest:
    """The facts, to be tampered with."""
    facts = played().at_rest()
    watch, acquirer = copy.copy(facts.watch), copy.copy(facts.acquirer)
    for attribute in ("payments", "ledger", "entries", "answers"):
        setattr(watch, attribute, copy.deepcopy(getattr(watch, attribute)))
    acquirer.disputes = replace(acquirer.disputes, made=dict(acquirer.disputes.made))
    return replace(facts, watch=watch, acquirer=acquirer)


def rows(watch: Watch) -> list[tuple[dict[str, Item], str]]:
    """Where each dispute's row is."""
    return [(one.disputes, id_) for one in watch.payments.values() for id_ in one.disputes]


def dispute(facts: AtRest, **changes: Any) -> None:
    where, dispute_id = rows(facts.watch)[0]
    where[dispute_id] = {**where[dispute_id], **changes}


def forget_answers(facts: AtRest) -> None:
    for name, one in list(facts.acquirer.disputes.made.items()):
        facts.acquirer.disputes.made[name] = replace(one, answers={})


def answers(facts: AtRest, state: str) -> None:
    for reference, row in facts.watch.answers.items():
        facts.watch.answers[reference] = {**row, "state": {"S": state}}


def unposted(facts: AtRest, kind: str) -> None:
    ledger = facts.watch.ledger
    ledger.pop(next(key for key, row in ledger.items() if text(row, "kind") == kind))


def posted_twice(facts: AtRest, kind: str) -> None:
    ledger = facts.watch.ledger
    (pk, sk), row = next((key, row) for key, row in ledger.items() if text(row, "kind") == kind)
    ledger[pk, f"{sk}-again"] = row


WRONG: dict[str, tuple[str, Callable[[AtRest], object]]] = {
    "a dispute that we do not know": (
        "invariant 1, DSP-.*we do not know it",
        lambda facts: rows(facts.watch)[0][0].clear(),
    ),
    "one that the acquirer does not know": (
        "invariant 1, DSP-.*the acquirer does not",
        lambda facts: facts.acquirer.disputes.made.clear(),
    ),
    "another amount": (
        "invariant 1, DSP-.*we say .*the acquirer ",
        lambda facts: dispute(facts, amount_cents={"N": "7"}),
    ),
    "another fee": (
        "invariant 1, DSP-.*we say .*the acquirer ",
        lambda facts: dispute(facts, fee_cents={"N": "7"}),
    ),
    "an answer on its way": (
        "invariant 9, DSP-.*on its way at rest",
        lambda facts: dispute(facts, open_answer={"S": "dan_x"}),
    ),
    "an answer of which nobody knows": (
        "invariant 9, .*an answer is UNKNOWN at rest",
        lambda facts: answers(facts, "UNKNOWN"),
    ),
    "an answer that never arrived": (
        "invariant 1, .*is DONE, and the acquirer does not have it",
        forget_answers,
    ),
    "an answer that arrived and is said to be refused": (
        "invariant 1, .*is REFUSED, and the acquirer has it",
        lambda facts: answers(facts, "REFUSED"),
    ),
    "a dispute that is not in the ledger": (
        "invariant 5, mer_.*dispute_fee_expense: .* in the ledger",
        lambda facts: unposted(facts, "DISPUTE_OPENED"),
    ),
    "one that was won, and is not": (
        "invariant 5, mer_.*(dispute_receivable|merchant_reserve): .* in the ledger",
        lambda facts: unposted(facts, "DISPUTE_WON"),
    ),
    "one that was lost, and is not": (
        "invariant 5, mer_.*merchant_reserve: .* in the ledger",
        lambda facts: unposted(facts, "DISPUTE_LOST"),
    ),
    "a capture's fee": (
        "invariant 5, mer_.*processing_fee_income: .* in the ledger",
        lambda facts: posted_twice(facts, "CAPTURE"),
    ),
    "a settlement that is not posted": (
        "invariant 5, mer_.*merchant_payable: .* in the ledger",
        lambda facts: unposted(facts, "SETTLEMENT"),
    ),
    "one that is posted twice": (
        "invariant 5, mer_.*acquirer_fee_expense: .* in the ledger",
        lambda facts: posted_twice(facts, "SETTLEMENT"),
    ),
}


def test_what_is_right_is_right() -> None:
    assert violations_at_rest(rest()) == []


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_at_rest_is_found(what: str) -> None:
    message, tamper = WRONG[what]
    facts = rest()
    tamper(facts)
    found = [str(each) for each in violations_at_rest(facts)]
    assert any(re.search(message, each) for each in found), found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "NEEDS_RESPONSE"}, "invariant 3, .*, and then CHARGEBACK NEEDS_RESPONSE"),
        ({"stage": "INQUIRY", "status": "CLOSED"}, "invariant 3, .*, and then INQUIRY CLOSED"),
        ({"reason": "other"}, "invariant 3, .*from version"),
    ],
)
def test_a_dispute_that_goes_back_is_found(changes: dict[str, str], message: str) -> None:
    watch = rest().watch
    where, dispute_id = next(
        (where, id_) for where, id_ in rows(watch) if dispute_state(where[id_]) == "CHARGEBACK LOST"
    )
    before = where[dispute_id]
    after = {**before, **{name: {"S": value} for name, value in changes.items()}}
    key = f"{text(before, 'merchant_id')}#test#DP#{dispute_id}", "DISPUTE"
    with pytest.raises(Violation, match=message):
        watch([WriteRecord("payments", key, before, after)])
