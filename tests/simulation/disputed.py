"""A merchant whose payments are disputed: looks now and then; answers, accepts, or lets it be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.simulation.acquirer_faults import DAY_SECONDS
from tests.simulation.disputes import WINS
from tests.simulation.scenarios import Stage

DISPUTES = "/v1/disputes"
LOOKS_MAX = 12
LOOKS_SECONDS = (30.0, 1.5 * DAY_SECONDS)
ACCEPTED_SHARE, ANSWERED_SHARE, WON_SHARE = 0.15, 0.7, 0.6
LOSES = "LOSING_EVIDENCE"


def answer_disputes(stage: Stage) -> None:
    """For some days: each merchant in turn."""
    merchants = [stage.merchant(merchant_id) for merchant_id in stage.setting.stocks]
    for _ in range(LOOKS_MAX):
        merchants[0].sleep(stage.dice.spread(*LOOKS_SECONDS))
        for merchant in merchants:
            asked = merchant.read(DISPUTES, status="NEEDS_RESPONSE")
            for dispute in asked.body.get("data", []) if asked.status == 200 else []:
                verb, body = _answer(stage, dispute)
                if verb:
                    path = f"{DISPUTES}/{dispute['dispute_id']}/{verb}"
                    merchant.insist(path, body, stage.key())


def _answer(stage: Stage, dispute: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """What to do about one: nothing, for now, is a choice too."""
    dice = stage.dice
    if dispute["stage"] != "INQUIRY" and dice.chance(ACCEPTED_SHARE):
        return "accept", {}
    if not dice.chance(ANSWERED_SHARE):
        return "", {}
    said = WINS if dice.chance(WON_SHARE) else LOSES
    return "evidence", {"uncategorized_text": said, "submit": True}
