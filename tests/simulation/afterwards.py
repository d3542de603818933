"""What merchants ask when all is well again: every key once more, and at last every object.

    faults ──► healed ──── 20 h ────► every key ──── until all is at rest ────► every object
                                      (a key is kept for 24 h)

By then nobody has to be waited for but a person, or an acquirer that has said so. What must be
true of the answers is in quiescence.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from farthing.clock import from_text
from tests.simulation.checkout import SESSIONS
from tests.simulation.invariants import KEY_SKEW_SECONDS, Watch, text
from tests.simulation.merchant import (
    Conversation,
    Merchant,
    intent_in,
    refund_in,
    session_in,
    shown_in,
)
from tests.simulation.reviewer import REVIEWS
from tests.simulation.scenarios import INTENTS, REFUNDS, Stage
from tests.simulation.violation import Violation

KEY_LIFETIME_SECONDS = 24 * 3600.0
"""From the answer on, by the docs."""
KEYS_AFTER_SECONDS = 20 * 3600.0
"""After the last fault. By then, what was unknown must have been found without being asked for."""
LONG_AGO = "2026-01-01T00:00:00Z"
"""Before anything that happens in a run."""
STRETCHES_MAX = 20
READING_SECONDS = 900.0
"""How long the reads may take together."""


def ask_with_every_key(stage: Stage, watch: Watch) -> None:
    """Each request that had a key, once more; but for those whose key may have been forgotten."""
    requests = {
        (one.merchant_id, one.row_id, repr(one.sent)): one
        for one in stage.conversations
        if one.key is not None
    }
    for conversation in requests.values():
        if not _may_be_forgotten(conversation, watch):
            Merchant(stage.world, conversation.merchant_id, stage.conversations).repeat(
                conversation
            )


def recover_endpoints(stage: Stage, watch: Watch) -> None:
    """Each endpoint that is off is turned on again, and asks for whatever it missed."""
    for endpoint in stage.setting.endpoints:
        if endpoint.endpoint_id not in watch.turned_off:
            continue
        path = f"/v1/webhook_endpoints/{endpoint.endpoint_id}"
        for where, body in ((path, {"enabled": True}), (f"{path}/recover", {"since": LONG_AGO})):
            answer = stage.world.call("POST", where, body, merchant_id=endpoint.merchant_id)
            assert answer is not None and answer.status in {200, 201}, answer


def read_everything(stage: Stage) -> None:
    """Each payment, refund, review and checkout session that a merchant was shown, as its
    merchant."""
    for merchant_id, path in dict.fromkeys(_objects(stage.conversations)):
        Merchant(stage.world, merchant_id, stage.conversations).read(path)


def try_balances(stage: Stage) -> None:
    """The trial balance of each merchant, from the first day on. Raises Violation if it finds a
    difference; what the stream lost it puts in, and that is none."""
    for merchant_id in stage.setting.stocks:
        asked = {"merchant_id": merchant_id, "mode": "test", "full": True}
        for _ in range(STRETCHES_MAX):
            result = stage.world.invoke("trial_balance", asked)
            run = result.value if result is not None else {}
            if run.get("done"):
                break
            asked = {"merchant_id": merchant_id, "mode": "test", "run_id": run["run_id"]}
        if not run.get("done") or run["differences"]:
            raise Violation(5, merchant_id, f"its trial balance: {run}")


def _may_be_forgotten(conversation: Conversation, watch: Watch) -> bool:
    """Whether the key's time is over, or would be by a wrong clock, or its row is gone by now."""
    soon = watch.now() + KEY_SKEW_SECONDS
    for (pk, _), row in watch.keys.items():
        if pk.startswith(conversation.merchant_id) and pk.endswith(conversation.row_id):
            end = text(row, "expires_at")
            return bool(end) and from_text(end).timestamp() < soon
    told = [asked.ended for asked in conversation.calls if asked.definite]
    return bool(told) and min(told) + KEY_LIFETIME_SECONDS < soon


def _objects(conversations: Sequence[Conversation]) -> Iterator[tuple[str, str]]:
    for conversation, asked in shown_in(conversations):
        if (intent := intent_in(asked)) is not None:
            yield conversation.merchant_id, f"{INTENTS}/{intent['intent_id']}"
            if intent.get("review_id") is not None:
                yield conversation.merchant_id, f"{REVIEWS}/{intent['review_id']}"
        if (refund := refund_in(asked)) is not None:
            yield conversation.merchant_id, f"{REFUNDS}/{refund['refund_id']}"
        if (session := session_in(asked)) is not None:
            yield conversation.merchant_id, f"{SESSIONS}/{session['session_id']}"
