"""Each rule that guards money, against rows that keep it and rows that break it.

The rows are put into the table and the rule is asked of the database itself, so a part that is
taken out of a rule lets one of the breaking rows through.
"""

from __future__ import annotations

from typing import Any

import pytest

from farthing import runtime
from farthing.payments import conditions as rules
from farthing.store import Condition, ConditionFailed, Item, Key, TenantScope, Update
from tests.support.lambdas import MERCHANT

EARLIER, NOW, LATER = (f"2026-11-22T{hour}:00:00.000Z" for hour in ("08", "09", "10"))
TENANT = TenantScope(MERCHANT, "test")
OPEN: Item = {"fence": 3, "state": "OPEN", "lease_until": EARLIER}
NEW: Item = {"status": "CREATED", "version": 4}
HELD: Item = {
    "status": "PROCESSING",
    "status_detail": "REQUIRES_CAPTURE",
    "amount_capturable": 50,
    "version": 4,
}
PAID: Item = {"status": "SUCCEEDED", "amount_refundable": 50}
ABSENT = None

RULES: list[tuple[Condition, list[Any], list[Any]]] = [
    (
        rules.confirmable(4),
        [NEW],
        [
            NEW | {"status": "PROCESSING"},
            NEW | {"open_operation": "op"},
            NEW | {"version": 5},
            ABSENT,
        ],
    ),
    (
        rules.voidable(4),
        [HELD],
        [
            HELD | {"status_detail": "OUTCOME_UNKNOWN"},
            HELD | {"open_operation": "op"},
            PAID,
            ABSENT,
        ],
    ),
    (
        rules.enough_left_to_capture(50, 4),
        [HELD, HELD | {"amount_capturable": 51}],
        [HELD | {"amount_capturable": 49}, HELD | {"open_operation": "op"}, PAID, ABSENT],
    ),
    (
        rules.enough_left_to_refund(50),
        [PAID, PAID | {"amount_refundable": 51}],
        [PAID | {"amount_refundable": 49}, PAID | {"status": "PROCESSING"}, ABSENT],
    ),
    (
        rules.holds_operation("op_1"),
        [{"open_operation": "op_1"}],
        [{"open_operation": "op_2"}, {"status": "CREATED"}, ABSENT],
    ),
    (rules.same_version(4), [{"version": 4}], [{"version": 5}, {"version": 3}, ABSENT]),
    (
        rules.held_under_fence(3),
        [OPEN, OPEN | {"state": "UNKNOWN"}, OPEN | {"state": "PENDING"}],
        [OPEN | {"fence": 4}, *(OPEN | {"state": s} for s in ("APPROVED", "DECLINED", "NOT_SENT"))],
    ),
    (
        rules.abandoned(3, NOW),
        [
            OPEN,
            OPEN | {"state": "UNKNOWN"},
            OPEN | {"state": "PENDING"},
            OPEN | {"lease_until": NOW},
        ],
        [
            OPEN | {"fence": 4},
            OPEN | {"lease_until": LATER},
            *(OPEN | {"state": s} for s in ("APPROVED", "DECLINED", "NOT_SENT")),
        ],
    ),
    (
        rules.returnable(4),
        [PAID | {"version": 4}],
        [PAID | {"version": 5}, PAID | {"version": 4, "status": "PROCESSING"}, ABSENT],
    ),
    (
        rules.DEBITED,
        [{"state": "APPROVED"}],
        [*({"state": s} for s in ("PENDING", "UNKNOWN", "DECLINED", "ABSENT")), ABSENT],
    ),
    (
        rules.STILL_WATCHED,
        [{"state": "APPROVED", "due_pk": "DEBIT#1"}],
        [{"state": "APPROVED"}, {"state": "PENDING", "due_pk": "DEBIT#1"}, ABSENT],
    ),
    (
        rules.token_pays("pi_1", NOW),
        [{"expires_at": LATER}, {"expires_at": LATER, "claimed_by": "pi_1"}],
        [
            {"expires_at": EARLIER},
            {"expires_at": EARLIER, "claimed_by": "pi_1"},
            {"expires_at": LATER, "claimed_by": "pi_2"},
            {"expires_at": LATER, "claimed_by": "pm_1"},
            ABSENT,
        ],
    ),
    (
        rules.method_usable(None, None),
        [{"method_id": "pm_1"}],
        [{"deleted_at": NOW}, {"network_reference": "N1"}, {"network_token": "PENDING"}, ABSENT],
    ),
    (
        rules.method_usable(None, "ACTIVE"),
        [{"network_token": "ACTIVE"}],
        [{"network_token": "SUSPENDED"}, {"method_id": "pm_1"}, ABSENT],
    ),
    (
        rules.method_usable("N1", None),
        [{"network_reference": "N1"}],
        [
            {"network_reference": "N2"},
            {"method_id": "pm_1"},
            {"network_reference": "N1", "deleted_at": NOW},
            ABSENT,
        ],
    ),
    (
        rules.key_free(NOW),
        [ABSENT, {"state": "DONE", "expires_at": EARLIER}, {"state": "RELEASED"}],
        [{"state": "DONE", "expires_at": LATER}, {"state": "OPEN"}],
    ),
    (
        rules.key_held_by("op_1"),
        [{"operation_id": "op_1"}],
        [{"operation_id": "op_2"}, {"state": "DONE"}, ABSENT],
    ),
]


def holds(rule: Condition, row: Item | None) -> bool:
    """Whether the database lets a write through that stands on `rule`."""
    store = runtime.store(TENANT)
    key = Key("payments", TENANT.pk("RULE"), "ROW")
    if row is not None:
        item = {name: {"N": str(v)} if isinstance(v, int) else {"S": v} for name, v in row.items()}
        item |= {"pk": {"S": key.pk}, "sk": {"S": key.sk}}
        store.client.put_item(TableName="PaymentsTable", Item=item)
    try:
        store.write(Update(key, rule, set={"written": True}))
    except ConditionFailed as failed:
        assert failed.condition == rule.name
        return False
    return True


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("rule", "row", "expected"),
    [
        pytest.param(rule, row, expected, id=f"{rule.name}-{'keeps' if expected else 'breaks'}-{n}")
        for rule, keep, break_ in RULES
        for expected, rows in ((True, keep), (False, break_))
        for n, row in enumerate(rows)
    ],
)
def test_the_database_keeps_the_rule(rule: Condition, row: Item | None, expected: bool) -> None:
    assert holds(rule, row) is expected


@pytest.mark.parametrize(
    "expression", ["#a - #b >= :x", "#a + :x > :y", "#a * :x = :y", "#a/#b = :x"]
)
def test_a_condition_never_computes(expression: str) -> None:
    with pytest.raises(ValueError, match="never computes"):
        Condition("COMPUTES", expression, {"x": 1, "y": 2})
