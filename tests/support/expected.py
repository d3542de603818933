"""What each file in events/ makes its function answer, on an empty stack and on a used one alike.

The unit tests ask it of the handler, `sam local invoke` of the function in its container: the same
file, the same assertion.
"""

from __future__ import annotations

import json
from typing import Any

EXPECTED: dict[str, dict[str, Any]] = {
    "checkout_sessions.create": {"statusCode": 201, "body": {"status": "OPEN"}},
    "checkout_sessions.no_web_address": {"statusCode": 400, "body": {"code": "invalid_request"}},
    "checkout_sessions.list": {"statusCode": 200, "body": {"has_more": False}},
    "checkout_sessions.pay_none": {"statusCode": 404, "body": {"code": "not_found"}},
    "checkout_page.document": {"statusCode": 200},
    "checkout_page.old_file": {"statusCode": 404, "body": {"code": "not_found"}},
    "charge.nothing_to_send": {"outcome": "UNKNOWN", "decline": None},
    "charge.reencrypt": {"seen": 1, "counts": {"GONE": 1}, "stopped": None},
    "vault_keeper.count": {"done": True, "stopped": None},
    "vault_keeper.rewrap": {"done": True, "stopped": None},
    "vault_purge.schedule": {"odd": 0},
    "payment_intents.create": {"statusCode": 201, "body": {"status": "CREATED"}},
    "payment_intents.list": {"statusCode": 200, "body": {"has_more": False}},
    "payment_intents.negative_amount": {"statusCode": 400, "body": {"code": "invalid_request"}},
    "refunds.of_nothing": {"statusCode": 404, "body": {"code": "not_found"}},
    "payment_methods.list": {"statusCode": 404, "body": {"code": "not_found"}},
    "events.list": {"statusCode": 200, "body": {"has_more": False}},
    "webhook_endpoints.list": {"statusCode": 200, "body": {"has_more": False}},
    "webhook_endpoints.private_address": {"statusCode": 400, "body": {"code": "invalid_request"}},
    "webhook_endpoints.recover_none": {"statusCode": 404, "body": {"code": "not_found"}},
    "webhook_endpoints.resend_none": {"statusCode": 404, "body": {"code": "not_found"}},
    "webhook_endpoints.rotate_none": {"statusCode": 404, "body": {"code": "not_found"}},
    "events.resend_none": {"statusCode": 404, "body": {"code": "not_found"}},
    "outbox.event": {"batchItemFailures": []},
    "deliver_webhooks.batch": {"batchItemFailures": []},
    "redeliver_due.schedule": {"told": 0, "recovered": 0, "queued": 0},
    "customers.create": {"statusCode": 201, "body": {"livemode": False}},
    "customers.list": {"statusCode": 200},
    "tokens.create": {"statusCode": 201, "body": {"last_four": "4242", "card_brand": "visa"}},
    "tokens.wrong_number": {"statusCode": 400},
    "fields.no_key": {"statusCode": 404},
    "fields.loader": {"statusCode": 200},
    "fields.no_file": {"statusCode": 404, "body": {"code": "not_found"}},
    "tokens.acquirer_token": {"statusCode": 201, "body": {"last_four": "4242", "exp_month": None}},
    "fraud.rules": {"statusCode": 200},
    "fraud.list_entries": {"statusCode": 200, "body": {"has_more": False}},
    "fraud.malformed_rules": {"statusCode": 400, "body": {"code": "invalid_request"}},
    "sandbox_acquirer.transactions": {"statusCode": 200, "body": {"data": []}},
    "settle.schedule": {"run": None},
    "settle_batch.merchant": {"batchItemFailures": []},
    "settlements.report_of_none": {"statusCode": 404, "body": {"code": "not_found"}},
    "settlements.list": {"statusCode": 200},
    "breaks.list": {"statusCode": 200, "body": {"data": []}},
    "breaks.of_no_settlement": {"statusCode": 404, "body": {"code": "not_found"}},
    "breaks.get_none": {"statusCode": 404, "body": {"code": "not_found"}},
    "breaks.assign_none": {"statusCode": 404, "body": {"code": "not_found"}},
    "breaks.note_none": {"statusCode": 404, "body": {"code": "not_found"}},
    "breaks.resolve_none": {"statusCode": 404, "body": {"code": "not_found"}},
    "reconcile.schedule": {"missed": 0},
    "reconcile.bucket_connected": {"batchItemFailures": []},
    "reconcile.no_file": {
        "batchItemFailures": [{"itemIdentifier": "0d0c6f0e-93a7-4f0c-8d0c-0f3a6c1f2b78"}]
    },
    "balances.balance": {"statusCode": 200, "body": {"livemode": False}},
    "balances.list": {"statusCode": 200},
    "balances.none": {"statusCode": 404, "body": {"code": "not_found"}},
    "balances.unknown_kind": {"statusCode": 400, "body": {"code": "invalid_request"}},
    "project_balances.capture": {"batchItemFailures": []},
    "trial_balance.sqs": {"batchItemFailures": []},
    "trial_balance.no_merchant": {"error": "there is no merchant mer_00000000000000000000000000"},
    "acquirer_webhooks.unsigned": {"statusCode": 401, "body": {"code": "signature_refused"}},
    "acquirer_webhooks.stripe_unsigned": {
        "statusCode": 401,
        "body": {"code": "signature_refused"},
    },
    "acquirer_webhooks.batch_unsigned": {
        "statusCode": 401,
        "body": {"code": "signature_refused"},
    },
    "acquirer_events.stripe_dispute": {"batchItemFailures": []},
    "acquirer_events.batch": {"batchItemFailures": []},
    "acquirer_events.unreadable": {
        "batchItemFailures": [{"itemIdentifier": "6b0d6f0e-93a7-4f0c-8d0c-0f3a6c1f2b77"}]
    },
    "charge.nothing_to_answer": {"outcome": "UNKNOWN", "case": None},
    "disputes.list": {"statusCode": 200, "body": {"data": [], "has_more": False}},
    "disputes.get_none": {"statusCode": 404, "body": {"code": "not_found"}},
    "disputes.evidence_none": {"statusCode": 404, "body": {"code": "not_found"}},
    "disputes.accept_none": {"statusCode": 404, "body": {"code": "not_found"}},
    "dispute_deadlines.schedule": {"reminded": 0, "failed": 0},
    "resolve_unknown.schedule": {"requiring_decision": 0},
    "resolve_unknown.sqs": {
        "batchItemFailures": [{"itemIdentifier": "c0a3c0de-5f0e-4f58-9c64-1b9a5e0b7d21"}]
    },
}


def assert_expected(name: str, result: dict[str, Any]) -> None:
    """The part of the answer that `EXPECTED` names is what it says."""
    for field, wanted in EXPECTED[name].items():
        got = result[field]
        if field == "body" and isinstance(got, str):
            got = json.loads(got)
        if isinstance(wanted, dict):
            assert {key: got[key] for key in wanted} == wanted, f"{name}: {result}"
        else:
            assert got == wanted, f"{name}: {result}"
