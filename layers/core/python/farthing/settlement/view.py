"""Settlements as the API and the log show them."""

from __future__ import annotations

from typing import Any

from farthing.access.principal import Mode
from farthing.settlement.batch import Batch
from farthing.settlement.finish import Progress
from farthing.settlement.line import Line
from farthing.settlement.totals import TOTAL_FIELDS


def settlement_object(batch: Batch) -> dict[str, Any]:
    """A batch. Counts are null till it is closed, what is paid till the report was read.

    `expected_gross_cents` is what our lines say, `gross_cents` what the acquirer's report says.
    The hashes are of the files: the one that was submitted, and the report.
    """
    totals, paid, trouble = batch.totals, batch.paid, batch.trouble
    return {
        "settlement_id": batch.name.settlement_id,
        "acquirer": batch.name.acquirer,
        "currency": batch.name.currency,
        "business_day": batch.name.business_day.isoformat(),
        "status": batch.status.value,
        "entry_count": totals.entry_count if totals else None,
        **{name: getattr(totals, name) if totals else None for name in TOTAL_FIELDS.values()},
        "processing_fee_cents": totals.processing_fee_cents if totals else None,
        "expected_gross_cents": totals.gross_cents if totals else None,
        "gross_cents": paid.gross_cents if paid else None,
        "fee_cents": paid.fee_cents if paid else None,
        "net_cents": paid.net_cents if paid else None,
        "matched_count": batch.matched_count,
        "unmatched_count": totals.entry_count - batch.matched_count if totals else None,
        "exception": {"reason_code": trouble.reason.value, "message": trouble.detail}
        if trouble
        else None,
        "content_sha256": batch.content_sha256,
        "report_sha256": batch.report_sha256,
        "created_at": batch.created_at,
        "submitted_at": batch.submitted_at,
        "settled_at": batch.settled_at,
        "deposited_at": batch.deposited_at,
        "livemode": batch.name.tenant.mode == Mode.LIVE,
    }


def line_object(line: Line) -> dict[str, Any]:
    """A line. `operation` says which way `amount_cents` goes."""
    return {
        "entry_id": line.entry_id,
        "payment_intent_id": line.intent_id,
        "operation": line.operation.value,
        "amount_cents": line.amount_cents,
        "currency": line.currency,
        "business_day": line.business_day,
    }


def log_fields(progress: Progress) -> dict[str, str]:
    """What a log line may hold of a batch; `reason_code` says why it is no settled one."""
    batch = progress.batch
    reason = batch.trouble.reason if batch.trouble else progress.wait
    return {
        "merchant_id": batch.name.tenant.merchant_id,
        "settlement_id": batch.name.settlement_id,
        "currency": batch.name.currency,
        "day": batch.name.business_day.isoformat(),
        "status": batch.status.value,
        "reason_code": reason.value if reason else "",
    }
