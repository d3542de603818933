"""What must hold of the template for disputes."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

from farthing.disputes.deadlines import DUE_METRIC, FAILED_METRIC
from farthing.disputes.evidence import StoredFile
from farthing.observe import METRICS_NAMESPACE
from farthing.store import TenantScope
from tests.support.lambdas import MERCHANT
from tests.unit.template.test_template import ROLES, as_list, statements, watching

FILES = "${FilesBucket.Arn}/"


def test_a_deadline_that_is_near_and_a_dispute_that_is_stuck_set_off_an_alarm() -> None:
    dimensions = {
        "function_name": {"Ref": "DisputeDeadlinesFunction"},
        "service": "dispute_deadlines",
    }
    assert watching(METRICS_NAMESPACE, DUE_METRIC, **dimensions) == [("Maximum", 0, 3600)]
    assert watching(METRICS_NAMESPACE, FAILED_METRIC, **dimensions) == [("Maximum", 0, 7200)]


def test_evidence_is_put_by_one_function_and_read_by_charge_alone() -> None:
    key = StoredFile("receipt", "r.pdf", "application/pdf", 1, "a" * 64).key(
        TenantScope(MERCHANT, "live"), "dp_00000000000000000000000000"
    )
    may = {
        (name, action)
        for name, role in ROLES.items()
        for statement in statements(role)
        for action in statement["Action"]
        for resource in as_list(statement["Resource"])
        if action.startswith("s3:")
        and fnmatchcase(FILES + key, json.loads(json.dumps(resource)).get("Fn::Sub", ""))
    }
    assert may == {("DisputesRole", "s3:PutObject"), ("ChargeRole", "s3:GetObject")}
