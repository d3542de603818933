"""What reconciliation may write, and who hears that a file is wrong."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from farthing.ledger.transaction import day_pk, transaction_key
from farthing.observe import METRICS_NAMESPACE
from farthing.payments.idempotency import row_key
from farthing.payments.intent import intent_key
from farthing.reconciliation.file_row import FOLDER
from farthing.reconciliation.wiring import REFUSED_METRIC, UNPLACED_METRIC
from farthing.store import TenantScope
from tests.support.lambdas import MERCHANT
from tests.support.template import resources
from tests.unit.reconciliation.ours import FIRST_DAY
from tests.unit.template.test_template import limited_to, statements, watching

TENANT = TenantScope(MERCHANT, "test")
LEDGER = transaction_key(TENANT, "ltx_1", "st_1", None).pk, day_pk(TENANT, FIRST_DAY, 0)
PAYMENTS = {"Fn::GetAtt": ["PaymentsTable", "Arn"]}


@pytest.mark.parametrize(
    ("role", "may_write"),
    [
        ("ReconcileRole", LEDGER),
        ("SettleBatchRole", LEDGER),
        ("BreaksRole", (*LEDGER, row_key(TENANT, "k").pk)),
    ],
)
def test_it_puts_ledger_transactions_and_nothing_of_a_payment(
    role: str, may_write: tuple[str, ...]
) -> None:
    (put,) = [
        statement
        for statement in statements(resources("AWS::IAM::Role")[role])
        if "dynamodb:PutItem" in statement["Action"] and statement["Resource"] == PAYMENTS
    ]
    patterns = limited_to(put, "LeadingKeys")

    assert put["Action"] == ["dynamodb:PutItem"]
    assert all(any(fnmatchcase(pk, one) for one in patterns) for pk in may_write)
    others = (intent_key(TENANT, "pi_1").pk, TENANT.pk("SETTLE", "sandbox", "2026-11-02", "0"))
    assert not any(fnmatchcase(pk, one) for pk in others for one in patterns)


@pytest.mark.parametrize("metric", [REFUSED_METRIC, UNPLACED_METRIC])
def test_a_file_that_is_wrong_sets_off_an_alarm_within_a_minute(metric: str) -> None:
    dimensions = {"function_name": {"Ref": "ReconcileFunction"}, "service": "reconcile"}

    assert watching(METRICS_NAMESPACE, metric, **dimensions) == [("Sum", 0, 60)]


def test_the_bucket_tells_of_files_in_the_folder_of_reconciliation_alone() -> None:
    bucket = resources("AWS::S3::Bucket")["FilesBucket"]
    (told,) = bucket["Properties"]["NotificationConfiguration"]["QueueConfigurations"]

    assert told["Queue"] == {"Fn::GetAtt": ["ReconcileQueue", "Arn"]}
    assert told["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": FOLDER}]
    assert bucket["DependsOn"] == "ReconcileQueuePolicy"
    (policy,) = resources("AWS::SQS::QueuePolicy").values()
    (allowed,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert allowed["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }
